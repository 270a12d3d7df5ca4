// How large a picture wants to be drawn: `display(Image(width=...))` and figures made for dense screens say so beside it.

export interface PictureSize {
  width?: string;
  height?: string;
  aspectRatio?: string;
}

/** A picture that is said to be larger is drawn as it is. */
const SIDE_MAX_PX = 10_000;

function side(value: unknown): number | undefined {
  const px = typeof value === "number" ? value : typeof value === "string" && /^\d+(px)?$/.test(value) ? Number.parseInt(value, 10) : 0;
  return px > 0 && px <= SIDE_MAX_PX ? px : undefined;
}

/** From a bundle's metadata, which has an object for each of its types. */
export function pictureSize(metadataJson: string, mimeType: string): PictureSize {
  let metadata: unknown;
  try {
    metadata = JSON.parse(metadataJson || "null");
  } catch {
    return {};
  }
  const own = (metadata as Record<string, unknown> | null)?.[mimeType] as Record<string, unknown> | null | undefined;
  const [width, height] = [side(own?.["width"]), side(own?.["height"])];
  // Where the page is narrower, both shrink.
  if (width && height) return { width: `${width}px`, aspectRatio: `${width} / ${height}` };
  if (width) return { width: `${width}px` };
  return height ? { height: `${height}px` } : {};
}

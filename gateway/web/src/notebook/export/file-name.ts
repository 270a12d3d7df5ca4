// What a file made of a notebook is called.

export type Format = "ipynb" | "py";

const NAME_MAX_CHARS = 100;

/** A name that every system takes: without what separates folders or has a meaning of its own. */
export function fileName(title: string, format: Format): string {
  // eslint-disable-next-line no-control-regex
  const plain = title.replace(/[\x00-\x1f\x7f/\\:*?"<>|]+/g, "_").trim().replace(/^\.+|[. ]+$/g, "");
  return `${[...plain].slice(0, NAME_MAX_CHARS).join("") || "notebook"}.${format}`;
}

// What of an output is drawn unasked, and what it is saved as. A tab that draws many megabytes of text may freeze, at each
// reload again; pictures are drawn apart from it.
import type { View } from "./choose";

const MIB = 1024 * 1024;
const PICTURE_MAX_BYTES = 32 * MIB;
/** A chart's numbers are drawn as a picture, after they were read. */
const CHART_MAX_BYTES = 8 * MIB;
const TEXT_MAX_BYTES = 2 * MIB;

/** Contents above this are for a click. */
export function unaskedMaxBytes(view: View): number {
  if (view === "image" || view === "svg") return PICTURE_MAX_BYTES;
  return view === "plotly" ? CHART_MAX_BYTES : TEXT_MAX_BYTES;
}

const ENDINGS: Record<string, string> = {
  "application/json": "json", "application/vnd.plotly.v1+json": "json", "image/svg+xml": "svg", "text/markdown": "md", "text/latex": "tex", "text/html": "html",
};

export function fileNameOf(mimeType: string): string {
  const subtype = /^image\/(\w+)$/.exec(mimeType)?.[1];
  return `fenxi.${ENDINGS[mimeType] ?? subtype ?? "txt"}`;
}

/** Lines that are laid out at one go: what is out of sight is not. */
const BLOCK_LINES = 250;

/** Text in blocks of lines, each but the last with its newline. */
export function blocksOf(text: string): string[] {
  const blocks: string[] = [];
  let begin = 0;
  let lines = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) {
    if (++lines % BLOCK_LINES !== 0) continue;
    blocks.push(text.slice(begin, at + 1));
    begin = at + 1;
  }
  if (begin < text.length || blocks.length === 0) blocks.push(text.slice(begin));
  return blocks;
}

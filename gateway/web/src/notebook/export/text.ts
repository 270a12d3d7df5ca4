// Text as Jupyter files hold it.
import { escapeOf } from "../../execution/sgr";
import type { TerminalLog } from "../../execution/terminal";

/** Lines, each but the last with its newline, so that two versions of a file compare well. */
export function linesOf(text: string): string[] {
  return text === "" ? [] : text.split(/(?<=\n)/);
}

/** What stands on the terminal in the end, with its colours. */
export function terminalText(log: TerminalLog): string {
  let style = "";
  const lines = [...log.blocks.flatMap((block) => block.lines), ...log.open].map((line) => {
    let text = "";
    for (const segment of line) {
      if (segment.style !== style) text += escapeOf(segment.style);
      style = segment.style;
      text += segment.text;
    }
    return text;
  });
  return lines.join("\n") + (style === "" ? "" : escapeOf(""));
}

/** Binary contents as they stand in JSON. */
export function base64Of(bytes: Uint8Array): string {
  // A whole number of groups of three at one go: only the last may be filled up.
  const step = 3 * 8192;
  let text = "";
  for (let at = 0; at < bytes.length; at += step) text += btoa(String.fromCharCode(...bytes.subarray(at, at + step)));
  return text;
}

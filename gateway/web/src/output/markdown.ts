// Markdown to HTML, which is not clean yet. Formulas become elements that hold them as they are written: what stands in
// them is no Markdown.
import { Marked, type TokenizerAndRendererExtension } from "marked";
import { mathsInMarkdown } from "./maths";
import { MATHS_CLASS } from "./typeset";

const ESCAPES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

const inText: TokenizerAndRendererExtension = {
  name: "maths-in-text",
  level: "inline",
  start: (text) => first(text, /\$|\\begin\{/),
  tokenizer(text) {
    const maths = mathsInMarkdown(text);
    return maths ? { type: "maths-in-text", raw: maths.raw } : undefined;
  },
  renderer: ({ raw }) => `<span class="${MATHS_CLASS}">${escaped(raw)}</span>`,
};

/** On lines of its own: its lines are no headings, lists or quotes, whatever they begin with. */
const onLines: TokenizerAndRendererExtension = {
  name: "maths-on-lines",
  level: "block",
  start: (text) => first(text, /^(?:\$\$|\\begin\{)/m),
  tokenizer(text) {
    const maths = mathsInMarkdown(text);
    if (!maths?.display) return undefined;
    const rest = /^[ \t]*(?:\n|$)/.exec(text.slice(maths.raw.length));
    return rest ? { type: "maths-on-lines", raw: maths.raw + rest[0] } : undefined;
  },
  renderer: ({ raw }) => `<div class="${MATHS_CLASS}">${escaped(raw.trimEnd())}</div>\n`,
};

const marked = new Marked({ gfm: true, async: false, extensions: [inText, onLines] });

export function htmlOf(markdown: string): string {
  return marked.parse(markdown) as string;
}

function first(text: string, pattern: RegExp): number | undefined {
  const at = text.search(pattern);
  return at < 0 ? undefined : at;
}

function escaped(text: string): string {
  return text.replace(/[&<>]/g, (character) => ESCAPES[character] as string);
}

// Which of an output's forms to show, and how: decided by MIME type and by what is in it.
import type { MimeBundle, MimePart } from "../gen/fenxi/analysis/v1/output_pb";
import { hasMaths } from "./maths";

export type View = "plotly" | "html" | "sandbox-html" | "svg" | "image" | "markdown" | "latex" | "json" | "text";

export interface Choice {
  view: View;
  part: MimePart;
}

/** From the richest to the plainest. */
const ORDER: [RegExp, View][] = [
  [/^application\/vnd\.plotly\.v1\+json$/, "plotly"],
  [/^text\/html$/, "html"],
  [/^image\/svg\+xml$/, "svg"],
  [/^image\/(png|jpeg|gif|webp|avif)$/, "image"],
  [/^text\/markdown$/, "markdown"],
  [/^text\/latex$/, "latex"],
  [/^application\/json$/, "json"],
  [/^text\/plain$/, "text"],
];

/** What is shown rather than a formula; its pictures are not: sympy makes them for pages that draw no formulas. */
const BEFORE_FORMULAS = /^(application\/vnd\.plotly\.v1\+json|text\/html|text\/markdown)$/;

/** LaTeX with something that is drawn here. Of what is too large to be in the bundle its beginning tells. */
function isFormula({ mimeType, content }: MimePart): boolean {
  if (mimeType !== "text/latex") return false;
  return content.case === "text" ? hasMaths(content.value) : content.case === "reference" && content.value.head.startsWith("$");
}

export function choose(bundle: MimeBundle): Choice | null {
  const rich = bundle.parts.some(({ mimeType }) => BEFORE_FORMULAS.test(mimeType));
  const formula = rich ? undefined : bundle.parts.find(isFormula);
  if (formula) return { view: "latex", part: formula };
  for (const [type, view] of ORDER) {
    const part = bundle.parts.find((each) => type.test(each.mimeType));
    if (part) return { view, part };
  }
  const [part] = bundle.parts;
  return part && part.content.case === "text" ? { view: "text", part } : null;
}

/**
 * Whether HTML needs more than a cleaned table may have: scripts, frames, controls or style sheets of its own. The style
 * sheet that pandas puts before each table asks for nothing that ours does not give.
 */
export function needsSandbox(html: string): boolean {
  const rest = html.replace(/<style scoped>[\s\S]*?<\/style>/gi, "");
  return (
    /<\s*(script|iframe|style|link|object|embed|canvas|form|video|audio|svg|button|input|select|textarea|dialog)\b/i.test(rest) ||
    /<[a-z][^<>]*\son[a-z]+\s*=/i.test(rest)
  );
}

export type SandboxKind = "html" | "plotly";

/**
 * What a sandbox is drawn for. HTML that brings its own looks has chosen its colours for white paper, and is not drawn
 * again, with all that its scripts have done since, because the page got dark; charts are ours to colour.
 */
export function sandboxTheme(kind: SandboxKind, theme: "light" | "dark"): "light" | "dark" {
  return kind === "html" ? "light" : theme;
}

export function sizeOf(part: MimePart): number {
  switch (part.content.case) {
    case "reference":
      return Number(part.content.value.sizeBytes);
    case "data":
    case "text":
      return part.content.value.length;
    default:
      return 0;
  }
}

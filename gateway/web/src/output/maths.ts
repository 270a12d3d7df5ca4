// Where formulas stand in a text, as Jupyter's pages find them. Pure: what draws them is typeset.ts.

export interface Maths {
  /** As it is written, with what marks it as a formula. */
  raw: string;
  /** The formula itself, in LaTeX. */
  source: string;
  /** It stands on a line of its own. */
  display: boolean;
}

/** What is longer is no formula, but text between marks that mean something else. */
export const FORMULA_MAX_CHARS = 20_000;
/** A longer LaTeX text is shown as it is written: each mark in it may be looked behind as far as a formula is long. */
const LATEX_MAX_CHARS = 50_000;

/** Environments that are formulas by themselves; `tabular` and its like are none. */
const ENVIRONMENTS = "(?:equation|align|alignat|aligned|gather|gathered|multline|eqnarray|split|array|cases|[pbBvV]?matrix)";
const FORMS: { pattern: RegExp; display: boolean }[] = [
  { pattern: /^\$\$((?:\\[^]|[^\\$])+)\$\$/, display: true },
  // Prices are none: the first mark has something behind it, the last something before it and no digit behind it.
  { pattern: /^\$(?![\s$])((?:\\[^]|[^\\$\n]|\n(?!\s*\n))+?)(?<!\s)\$(?![\d$])/, display: false },
  { pattern: new RegExp(`^(\\\\begin\\{(${ENVIRONMENTS}\\*?)\\}[^]{0,${FORMULA_MAX_CHARS}}?\\\\end\\{\\2\\})`), display: true },
];
/** In LaTeX, but not in Markdown, where they are brackets. */
const BRACKETS: typeof FORMS = [
  { pattern: new RegExp(`^\\\\\\[([^]{1,${FORMULA_MAX_CHARS}}?)\\\\\\]`), display: true },
  { pattern: new RegExp(`^\\\\\\(([^]{1,${FORMULA_MAX_CHARS}}?)\\\\\\)`), display: false },
];

/** The formula with which a text begins; null if it begins with none. */
export function mathsAt(text: string, forms = [...FORMS, ...BRACKETS]): Maths | null {
  for (const { pattern, display } of forms) {
    const [raw, source] = pattern.exec(text) ?? [];
    if (raw !== undefined && source?.trim()) return { raw, source, display };
  }
  return null;
}

export function mathsInMarkdown(text: string): Maths | null {
  return mathsAt(text, FORMS);
}

/** A LaTeX text in parts: formulas, and what stands between them. */
export function partsOf(latex: string): (string | Maths)[] {
  if (latex.length > LATEX_MAX_CHARS) return [latex];
  const parts: (string | Maths)[] = [];
  let begun = 0;
  for (let at = latex.search(/[$\\]/); at >= 0 && at < latex.length; ) {
    const maths = mathsAt(latex.slice(at));
    if (maths) {
      if (at > begun) parts.push(latex.slice(begun, at));
      parts.push(maths);
      begun = at + maths.raw.length;
    }
    // What is escaped marks nothing.
    const from = maths ? begun : at + (latex[at] === "\\" ? 2 : 1);
    const next = latex.slice(from).search(/[$\\]/);
    at = next < 0 ? -1 : from + next;
  }
  if (begun < latex.length) parts.push(latex.slice(begun));
  return parts;
}

/** Whether there is a formula in a LaTeX text. */
export function hasMaths(latex: string): boolean {
  return partsOf(latex).some((part) => typeof part !== "string");
}

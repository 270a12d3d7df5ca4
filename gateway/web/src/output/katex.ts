// The library that draws formulas, with its style sheet and, through that, its fonts: fetched with the first formula.
import "katex/dist/katex.min.css";
import type { KatexOptions } from "katex";

export { default as katex } from "katex";

/** For formulas that nobody vouches for: no links, no pictures, no loops, nothing far larger than the page. */
export const OPTIONS: KatexOptions = { throwOnError: true, strict: "ignore", trust: false, maxExpand: 1_000, maxSize: 40, output: "htmlAndMathml" };

// Draws the formulas that stand in a part of the page. Each is text in an element of its own before, and stays so where it
// cannot be drawn.
import { FORMULA_MAX_CHARS, mathsAt } from "./maths";

/** The class of the elements with formulas. */
export const MATHS_CLASS = "maths";
/** Formulas that are drawn of one output: it is done at one go. */
const FORMULAS_MAX = 500;

export async function typeset(host: ParentNode): Promise<void> {
  const places = [...host.querySelectorAll(`.${MATHS_CLASS}`)].slice(0, FORMULAS_MAX);
  if (places.length === 0) return;
  const { katex, OPTIONS } = await import("./katex");
  for (const place of places) {
    const maths = mathsAt(place.textContent?.trim() ?? "");
    // What shows the text now may be something newer.
    if (!maths || maths.raw.length > FORMULA_MAX_CHARS || !place.isConnected) continue;
    const drawn = document.createElement(maths.display ? "div" : "span");
    try {
      katex.render(maths.source, drawn, { ...OPTIONS, displayMode: maths.display });
      place.replaceWith(drawn);
    } catch {
      // It is no formula, or one with something that is not known here.
    }
  }
}

// Whether a field that comes by itself may take the keyboard: never from someone who writes.

/** What is focused, as far as it matters here. */
type Focused = Pick<Element, "tagName" | "matches" | "closest">;

const WRITTEN_IN = "input, textarea, select, [contenteditable=true]";

/** `active` has the focus, `field` wants it. The cell of the field, and any that is only chosen, give it up. */
export function mayTakeFocus(active: Focused | null, field: Pick<Element, "closest">): boolean {
  if (!active || active.tagName === "BODY" || active.tagName === "MAIN" || active.matches("[data-cell]")) return true;
  // The editor that came behind the cell that was run, as long as nothing is written in it.
  const editor = active.closest(".cm-editor");
  if (editor) return editor.querySelector(".cm-placeholder") !== null;
  return !active.matches(WRITTEN_IN) && active.closest("[data-cell]") === field.closest("[data-cell]");
}

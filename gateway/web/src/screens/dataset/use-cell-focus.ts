// The cell of a grid that has the focus, from which the keys go on. Which one it is, the page's elements alone know: nothing
// is drawn again when it is another one. A cell that is scrolled away takes its element along; the grid has the focus then,
// and the next key leads back.
import { useLayoutEffect, useRef, type ClipboardEvent, type FocusEvent, type KeyboardEvent, type RefObject } from "react";
import { translate } from "../../i18n/i18n";
import { toast } from "../../ui/toast";
import { placeAfter, type Place, type Size } from "./grid-keys";

/** Indexes count from one, and the numbers of the rows and the heads are a column and a row of their own. */
const BEFORE = 2;

const cellAt = (host: HTMLElement, { row, column }: Place) =>
  host.querySelector<HTMLElement>(`[aria-rowindex="${row + BEFORE}"] > [aria-colindex="${column + BEFORE}"]`);

/** Null for what is no cell. */
function placeOf(element: Element): Place | null {
  const column = element.getAttribute("aria-colindex");
  const row = element.parentElement?.getAttribute("aria-rowindex");
  return column && row ? { row: Number(row) - BEFORE, column: Number(column) - BEFORE } : null;
}

interface Around {
  size: Size;
  /** Rows that fit into the view. */
  pageRows: number;
  reveal(row: number, column: number): void;
  /** Undefined where it is not known yet. */
  textOf(place: Place): string | undefined;
}

/** For the element around the cells; each of these has a `tabIndex` of -1. */
export function useCellFocus(host: RefObject<HTMLDivElement | null>, { size, pageRows, reveal, textOf }: Around) {
  const at = useRef<Place>({ row: 0, column: 0 });
  const held = useRef(false);
  const settle = () => {
    const element = host.current;
    if (!element) return;
    const cell = cellAt(element, at.current);
    for (const former of element.querySelectorAll<HTMLElement>("[tabindex='0']")) former.tabIndex = -1;
    (cell ?? element).tabIndex = 0;
    if (cell) element.tabIndex = -1;
    if (held.current) (cell ?? element).focus({ preventScroll: true });
  };
  useLayoutEffect(settle);
  const onFocus = ({ target, currentTarget }: FocusEvent) => {
    const place = placeOf(target);
    if (place) at.current = place;
    // Reached by keys, and not because a cell was scrolled away.
    else if (target === currentTarget && !held.current && target.matches(":focus-visible")) reveal(at.current.row, at.current.column);
    held.current = place !== null || target === currentTarget;
    settle();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (!held.current || event.altKey || event.shiftKey) return;
    const next = placeAfter(event.key, event.ctrlKey || event.metaKey, at.current, size, pageRows);
    if (!next) return;
    event.preventDefault();
    at.current = next;
    reveal(next.row, next.column);
    settle();
  };
  const onCopy = (event: ClipboardEvent) => {
    const text = textOf(at.current);
    // What a person has selected is what they mean.
    if (!held.current || text === undefined || !window.getSelection()?.isCollapsed) return;
    event.preventDefault();
    event.clipboardData.setData("text/plain", text);
    toast(translate("common.copied"));
  };
  return { onFocus, onBlur: () => void (held.current = false), onKeyDown, onCopy };
}

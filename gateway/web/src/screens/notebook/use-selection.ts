// Which cell of a notebook is chosen, whether it is written in, and that the focus goes there too.
import { useEffect, useLayoutEffect, useRef, useState, type RefObject } from "react";
import type { Cell } from "../../notebook/document";

export interface Selection {
  selected: string | null;
  editing: boolean;
  /** The focus is there already, or comes by itself. */
  select(id: string, edit: boolean): void;
  focusCell(id: string | undefined, edit: boolean): void;
  /** To where the person was; what they look at stays where it is. */
  focusSelected(): void;
}

/** Where the focus in an editor raises a keyboard. */
const isTouched = () => window.matchMedia("(hover: none)").matches;

/** `fresh`: nothing was ever written in this notebook. */
export function useSelection(host: RefObject<HTMLElement | null>, cells: readonly Cell[], fresh: boolean): Selection {
  const [selected, setSelected] = useState<string | null>(null);
  const [editing, setEditing] = useState(false);
  const [wanted, setWanted] = useState<{ id: string; edit: boolean } | null>(null);
  const select = (id: string, edit: boolean) => {
    setSelected(id);
    setEditing(edit);
  };
  const focusCell = (id: string | undefined, edit: boolean) => {
    if (!id) return;
    select(id, edit);
    setWanted({ id, edit });
  };
  // The cell may be new, so that it is drawn first; but at once with it, so that the next key finds it focused.
  useLayoutEffect(() => {
    const element = wanted && host.current?.querySelector<HTMLElement>(`[data-cell="${wanted.id}"]`);
    if (!element) return;
    // An editor that is not there yet takes the focus when it comes.
    (wanted.edit ? element.querySelector<HTMLElement>(".cm-content") : element)?.focus({ preventScroll: true });
    element.scrollIntoView({ block: "nearest" });
  }, [wanted, host]);
  const opened = useRef(false);
  useEffect(() => {
    // Someone who opens an empty notebook wants to write; on a phone that would raise the keyboard unasked.
    if (!fresh || opened.current || isTouched()) return;
    opened.current = true;
    setSelected(cells[0]?.id ?? null);
    setEditing(true);
  }, [fresh, cells]);
  const focusSelected = () => {
    const cell = host.current?.querySelector<HTMLElement>(".cell-on") ?? host.current?.querySelector<HTMLElement>("[data-cell]");
    const editor = isTouched() ? null : cell?.querySelector<HTMLElement>(".cm-content");
    (editor ?? cell)?.focus({ preventScroll: true });
  };
  return { selected, editing, select, focusCell, focusSelected };
}

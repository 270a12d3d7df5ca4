// The keys of the notebook that is open. They are heard wherever nothing else is focused: behind a button that has gone, in
// a page that was just opened, beside the cells.
import { useEffect, useRef, type RefObject } from "react";
import { commandReader, isOurs, type Command } from "./keys";

const DIALOG = "[role=dialog], [role=alertdialog], [role=menu]";

export function useKeys(host: RefObject<HTMLElement | null>, obey: (command: Command) => void): void {
  const latest = useRef(obey);
  latest.current = obey;
  useEffect(() => {
    const read = commandReader();
    const onKeyDown = (event: KeyboardEvent) => {
      const { current } = host;
      const focused = event.target as Element;
      const around = focused.contains(current);
      if (!current || event.defaultPrevented || !(around ? !document.querySelector(DIALOG) : current.contains(focused))) return;
      if (!isOurs(event, focused, around)) return;
      // Some browsers tell only by its code that a key belongs to an input method.
      const composing = event.isComposing || event.keyCode === 229;
      const { key, shiftKey, ctrlKey, metaKey, altKey, timeStamp } = event;
      const command = read({ key, shiftKey, ctrlKey, metaKey, altKey, timeStamp, composing });
      if (!command) return;
      event.preventDefault();
      latest.current(command);
    };
    window.addEventListener("keydown", onKeyDown);
    return () => window.removeEventListener("keydown", onKeyDown);
  }, [host]);
}

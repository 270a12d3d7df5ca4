// For a button that is gone once it has done what it does: without this, focus falls to the beginning of the page.
import { useEffect, useRef } from "react";

/** To be called when it is pressed, or has the focus; when it has gone and nobody has taken the focus, `onLost` is to put it somewhere. */
export function useFocusReturn(onLost: () => void): () => void {
  const pressed = useRef(false);
  const latest = useRef(onLost);
  latest.current = onLost;
  useEffect(
    () => () => {
      if (!pressed.current) return;
      requestAnimationFrame(() => {
        if (!document.activeElement || document.activeElement === document.body) latest.current();
      });
    },
    [],
  );
  return () => {
    pressed.current = true;
  };
}

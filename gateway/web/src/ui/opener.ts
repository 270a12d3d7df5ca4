// Where the focus goes once a dialog has closed: to what opened it.
import { useRef } from "react";

/** What has the focus; for an entry of a menu, which goes with its menu, the button that the menu hangs from. */
function focused(): HTMLElement | null {
  const active = document.activeElement;
  const button = active?.closest("[role=menu]")?.getAttribute("aria-labelledby");
  return button ? document.getElementById(button) : (active as HTMLElement | null);
}

/** For a dialog's `onCloseAutoFocus`. What it is called with is whether the dialog is open. */
export function useOpener(open: boolean): (event: Event) => void {
  const shown = useRef(false);
  const opener = useRef<HTMLElement | null>(null);
  if (open !== shown.current) {
    shown.current = open;
    // Now, as the menu goes when the dialog is drawn.
    if (open) opener.current = focused();
  }
  return (event) => {
    event.preventDefault();
    // It may have gone with what was done in the dialog.
    const lasting = opener.current?.isConnected ? opener.current : document.getElementById("main");
    lasting?.focus({ preventScroll: lasting !== opener.current });
  };
}

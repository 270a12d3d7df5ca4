// What this browser keeps for the page. It may have no room, or refuse to keep anything: then nothing is there.

/** `localStorage` is for all tabs and lasts; `sessionStorage` is for this tab, as long as it is open. */
type Place = "localStorage" | "sessionStorage";

export function kept(key: string, place: Place = "localStorage"): string | null {
  try {
    return globalThis[place].getItem(key);
  } catch {
    return null;
  }
}

/** Keeps it, where the browser does; null forgets it. */
export function keep(key: string, text: string | null, place: Place = "localStorage"): void {
  try {
    if (text === null) globalThis[place].removeItem(key);
    else globalThis[place].setItem(key, text);
  } catch {
    // What is not kept is in force until the page is left.
  }
}

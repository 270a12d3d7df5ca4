// What this browser keeps for the page. It may have no room, or refuse to keep anything: then nothing is there.

export function kept(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Keeps it, where the browser does; null forgets it. */
export function keep(key: string, text: string | null): void {
  try {
    if (text === null) localStorage.removeItem(key);
    else localStorage.setItem(key, text);
  } catch {
    // What is not kept is in force until the page is left.
  }
}

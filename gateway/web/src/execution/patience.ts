// When to wait and when to go on: pauses that end early with the network, streams that rest in hidden tabs.

/** A hidden tab keeps its streams for so long: who only looks elsewhere comes back to them, and other tabs need the places. */
export const HIDDEN_MAX_MS = 3_000;

/** Waits; ends early when the network comes back, the tab is looked at again, or `signal` fires. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      document.removeEventListener("visibilitychange", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    window.addEventListener("online", done);
    document.addEventListener("visibilitychange", done);
    signal.addEventListener("abort", done);
  });
}

/** Waits until the tab is looked at; then gives a signal that fires once it has been hidden for a while. */
export async function visible(signal: AbortSignal): Promise<{ signal: AbortSignal; dispose(): void }> {
  while (document.visibilityState === "hidden" && !signal.aborted) {
    await new Promise<void>((resolve) => {
      const done = () => {
        document.removeEventListener("visibilitychange", done);
        signal.removeEventListener("abort", done);
        resolve();
      };
      document.addEventListener("visibilitychange", done);
      signal.addEventListener("abort", done);
    });
  }
  const rest = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const change = () => {
    clearTimeout(timer);
    if (document.visibilityState === "hidden") timer = setTimeout(() => rest.abort(), HIDDEN_MAX_MS);
  };
  document.addEventListener("visibilitychange", change);
  return {
    signal: rest.signal,
    dispose: () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", change);
    },
  };
}

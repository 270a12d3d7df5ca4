// Who may hold a stream open. Over HTTP/1.1 a browser gives a host six connections, for all its tabs together: if streams
// that last took all of them, no call would get through, not even the one that stops what runs. So there are four places
// for such streams, and two connections stay free. Who finds none asks now and then instead.

export interface Place {
  /** Fires when the place is wanted for something that matters more. */
  readonly lost: AbortSignal;
  leave(): void;
}

/** Output is what is looked at; of the kernel one tab hears at once, which is the only one for most people. */
const PLACES = { output: ["output-1", "output-2", "output-3"], kernel: ["kernel"] } as const;

const outputsHere = new Set<AbortController>();
const kernelsHere = new Set<AbortController>();

/** A place for a stream that lasts; null where others have all of them. */
export async function takePlace(kind: keyof typeof PLACES): Promise<Place | null> {
  if (sharesOneConnection()) return place(() => {});
  // Browsers keep locks for pages that came encrypted, or from this machine.
  if (!globalThis.navigator?.locks) return takeHere(kind);
  for (const name of PLACES[kind]) {
    const leave = await lock(`fenxi.stream.${name}`);
    if (leave) return place(leave);
  }
  return null;
}

/** Of other tabs nothing is known: each has one stream, that of the output as long as there is one. */
function takeHere(kind: keyof typeof PLACES): Place | null {
  if (kind === "kernel" && outputsHere.size > 0) return null;
  const lost = new AbortController();
  const all = kind === "kernel" ? kernelsHere : outputsHere;
  all.add(lost);
  if (kind === "output") for (const kernel of kernelsHere) kernel.abort();
  return place(() => all.delete(lost), lost.signal);
}

function place(leave: () => void, lost = new AbortController().signal): Place {
  return { lost, leave };
}

/** The page came over HTTP/2 or newer, which has no such limit. */
function sharesOneConnection(): boolean {
  const [navigation] = globalThis.performance?.getEntriesByType?.("navigation") ?? [];
  return /^h[23]/.test((navigation as PerformanceNavigationTiming | undefined)?.nextHopProtocol ?? "");
}

/** Takes a lock that no tab has, and gives what lets it go; null if one has it. A tab that is closed lets go. */
function lock(name: string): Promise<(() => void) | null> {
  return new Promise((resolve) => {
    const held = (free: Lock | null) => (free ? new Promise<void>((leave) => resolve(leave)) : resolve(null));
    navigator.locks.request(name, { ifAvailable: true }, held).catch(() => resolve(null));
  });
}

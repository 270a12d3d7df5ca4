// The smallest thing a page can watch: a version that grows, told at most once a frame.
import { useCallback, useSyncExternalStore } from "react";

/** Tells its listeners at the next frame, or within 250 ms in a hidden tab, where frames do not come. */
export class Notifier {
  version = 0;
  private readonly listeners = new Set<() => void>();
  private scheduled = false;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly getVersion = (): number => this.version;

  /** Something changed; listeners hear of it with the next frame, or after `gapMs` where drawing is dear. */
  touch(gapMs = 0): void {
    if (this.scheduled) return;
    this.scheduled = true;
    if (document.visibilityState === "hidden") setTimeout(() => this.flush(), 250);
    else if (gapMs > 0) setTimeout(() => this.flush(), gapMs);
    else requestAnimationFrame(() => this.flush());
  }

  /** Something changed that a person waits for; listeners hear of it now. */
  flush(): void {
    this.scheduled = false;
    this.version++;
    for (const listener of this.listeners) listener();
  }
}

const NOTHING = () => () => {};

/** Draws again when the thing changes. */
export function useNotifier(notifier: Notifier | null | undefined): number {
  const subscribe = useCallback((listener: () => void) => (notifier?.subscribe ?? NOTHING)(listener), [notifier]);
  return useSyncExternalStore(subscribe, () => notifier?.version ?? 0);
}

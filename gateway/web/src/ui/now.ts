// The time, for what has to be drawn again as it passes.
import { useEffect, useState } from "react";

/** Draws again every `tickMs` while `active`; gives the time in milliseconds. */
export function useNow(tickMs: number, active: boolean): number {
  const [, setTick] = useState(0);
  useEffect(() => {
    if (!active) return;
    const timer = setInterval(() => setTick((tick) => tick + 1), tickMs);
    return () => clearInterval(timer);
  }, [tickMs, active]);
  return Date.now();
}

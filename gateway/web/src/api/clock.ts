// How far the service's clock is from this browser's, as the dates of its answers say. What the service says of times is
// compared with its own clock: a browser's may be minutes off.

/** Dates are whole seconds and answers take a while: below this the clocks count as the same. */
const TOLERANCE_MS = 3_000;
/** A date says the second; on the average it is half of one behind. */
const HALF_A_SECOND_MS = 500;

let offsetMs = 0;

/** Takes note of the date of an answer. */
export function heardDate(date: string | null, nowMs = Date.now()): void {
  const serviceMs = Date.parse(date ?? "");
  if (Number.isNaN(serviceMs)) return;
  const off = serviceMs + HALF_A_SECOND_MS - nowMs;
  offsetMs = Math.abs(off) < TOLERANCE_MS ? 0 : off;
}

/** A time of this browser's clock, by the service's. */
export function byService(ms: number): number {
  return ms + offsetMs;
}

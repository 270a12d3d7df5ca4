// In which order analyses stand on the front page, and how many of them at first.
import { KernelState, type Kernel } from "../../gen/fenxi/analysis/v1/kernel_pb";

/** Cards that are drawn at one go. */
export const CARDS_STEP = 20;

/** Those that live before those that have ended, else as they came. */
export function liveFirst<T extends Pick<Kernel, "state">>(kernels: readonly T[]): T[] {
  const ended = (kernel: T) => Number(kernel.state === KernelState.DEAD);
  return kernels.toSorted((one, other) => ended(one) - ended(other));
}

/** How many are drawn: what lives in any case, as it counts against the limit. */
export function drawnOf(kernels: readonly Pick<Kernel, "state">[], steps: number): number {
  const live = kernels.filter(({ state }) => state !== KernelState.DEAD).length;
  return Math.min(kernels.length, Math.max(live, steps * CARDS_STEP));
}

// What the panel of variables asks for, and when: it is asked again after everything that runs.
import { KernelState, type Kernel } from "../gen/fenxi/analysis/v1/kernel_pb";
import type { Variable } from "../gen/fenxi/analysis/v1/inspection_pb";

/** Whether a kernel answers questions. */
export function answers(kernel: Kernel | null): boolean {
  return kernel?.state === KernelState.IDLE || kernel?.state === KernelState.BUSY || kernel?.state === KernelState.INTERRUPTING;
}

/** Names what the kernel's variables were last changed by; empty while something runs, which will change them. */
export function epochOf(kernel: Kernel | null): string {
  if (kernel?.state !== KernelState.IDLE) return "";
  const { seconds, nanos } = kernel.lastActivityTime ?? { seconds: 0n, nanos: 0 };
  return `${kernel.generation}.${seconds}.${nanos}`;
}

/** When the variables are to be asked for again. */
export class Asked {
  private epoch: string | null = null;

  /** Takes note of an epoch; false for the first, which is asked for anyway, and while something runs. */
  again(epoch: string): boolean {
    const first = this.epoch === null;
    if (!first && (epoch === "" || epoch === this.epoch)) return false;
    // What was asked while something ran is of no epoch: it may have been changed since.
    this.epoch = epoch;
    return !first;
  }
}

/** A class without its modules: `DataFrame`. */
export function shortType(variable: Variable): string {
  return variable.type.slice(variable.type.lastIndexOf(".") + 1);
}

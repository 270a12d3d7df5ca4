// What is being stopped, from the press of a button until it has effect: said at once, and of that execution alone.
import { KernelState, type Kernel } from "../gen/fenxi/analysis/v1/kernel_pb";

/** After so long without the stop taking effect, a restart is offered. */
export const FORCE_RESTART_AFTER_MS = 5_000;

export interface Stop {
  /** Empty where none was known to run. */
  executionId: string;
  sinceMs: number;
}

export class Stopping {
  now: Stop | null = null;

  constructor(private readonly onChange: () => void) {}

  begin(executionId: string): Stop {
    const stop = { executionId, sinceMs: Date.now() };
    this.now = stop;
    this.onChange();
    setTimeout(this.onChange, FORCE_RESTART_AFTER_MS + 50);
    return stop;
  }

  /** It failed, or there was nothing to stop. */
  end(stop: Stop): void {
    if (this.now === stop) this.now = null;
    this.onChange();
  }

  /** Something is begun: what stops what was not known to run has nothing to do with it. */
  begun(): void {
    if (this.now?.executionId === "") this.now = null;
  }

  heard({ state, runningExecutionId }: Kernel): void {
    const interrupting = state === KernelState.INTERRUPTING;
    if ((state !== KernelState.BUSY && !interrupting) || this.now?.executionId !== runningExecutionId) this.now = null;
    // Someone may have stopped it elsewhere.
    if (interrupting && !this.now) this.begin(runningExecutionId);
  }
}

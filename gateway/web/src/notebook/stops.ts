// What a person stops: one cell, all that waits, or everything; in the kernel, in its queue, or on its way there.
import { detailsOf } from "../api/error-details";
import { newRequestId } from "../api/query";
import { executions, kernels } from "../api/transport";
import { ExecutionState } from "../gen/fenxi/analysis/v1/execution_pb";
import { KernelState } from "../gen/fenxi/analysis/v1/kernel_pb";
import type { Cell } from "./document";
import { Stopping } from "./stopping";

export interface StopsHost {
  /** The execution that the kernel runs; empty where none is known to. */
  running(): string;
  /** Those that wait in the kernel's queue, in order. */
  waiting(): string[];
  /** The cells of the notebook. */
  cells(): Cell[];
  /** Takes back what is on its way. */
  withdraw(cell: Cell): void;
  /** This execution is stopped, and no other. */
  onStop(executionId: string): void;
  /** An execution has ended. */
  onEnded(executionId: string): void;
  onChange(): void;
}

export class Stops {
  readonly stopping: Stopping;

  constructor(
    private readonly kernelId: string,
    private readonly host: StopsHost,
  ) {
    this.stopping = new Stopping(() => host.onChange());
  }

  /** Stops what runs and takes back all that waits or is on its way. */
  async everything(): Promise<void> {
    for (const cell of this.host.cells()) if (cell.requestId) this.host.withdraw(cell);
    const stop = this.stopping.begin(this.host.running());
    let state: KernelState | undefined;
    try {
      const { kernel } = await kernels.interruptKernel({ kernelId: this.kernelId, clearQueue: true, requestId: newRequestId() });
      state = kernel?.state;
    } finally {
      if (state !== KernelState.INTERRUPTING) this.stopping.end(stop);
    }
  }

  /** Stops one cell's run, or takes it from the queue, or back from its way there; whatever else runs goes on. */
  async cell(cell: Cell): Promise<void> {
    const { executionId } = cell;
    if (cell.requestId) return this.host.withdraw(cell);
    if (!executionId) return;
    this.host.onStop(executionId);
    if (this.host.running() !== executionId) return void (await this.cancel(executionId));
    const stop = this.stopping.begin(executionId);
    let ended = true;
    try {
      ended = await this.cancel(executionId);
    } finally {
      if (ended) this.stopping.end(stop);
    }
  }

  /** Takes everything from the queue that waits, the last one first: none gets its turn meanwhile. */
  async waiting(): Promise<void> {
    for (const executionId of this.host.waiting().toReversed()) {
      if (this.host.running() !== executionId) await this.cancel(executionId);
    }
  }

  /** Gives whether it has ended, which one may have done by itself before it was asked to. */
  async cancel(executionId: string): Promise<boolean> {
    let ended: boolean;
    try {
      const { execution } = await executions.cancelExecution({ executionId, requestId: newRequestId() });
      ended = execution?.state === ExecutionState.FINISHED;
    } catch (error) {
      if (detailsOf(error).reason !== "EXECUTION_ENDED") throw error;
      ended = true;
    }
    if (ended) this.host.onEnded(executionId);
    return ended;
  }
}

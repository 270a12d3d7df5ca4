// Where the executions of a kernel wait, as the service says: asked again when the kernel's queue has changed, and not
// more often than a person can read.
import { executions } from "../api/transport";
import { durationMs } from "../i18n/format";
import { ExecutionState } from "../gen/fenxi/analysis/v1/execution_pb";
import type { Kernel } from "../gen/fenxi/analysis/v1/kernel_pb";

/** The least time between two questions. */
const GAP_MS = 500;
/** As many as one answer holds; a queue may be longer. */
const PAGE_SIZE = 100;

export interface Place {
  position: number;
  /** How long it will wait, where the service can tell. */
  waitMs: number | null;
}

export class Queue {
  /** By execution, the next one first. */
  places: ReadonlyMap<string, Place> = new Map();
  private asked = "";
  private asking = false;

  constructor(
    private readonly kernelId: string,
    private readonly signal: AbortSignal,
    private readonly onChange: () => void,
  ) {}

  /** Takes note of the kernel; asks for the places if they may have changed. */
  heard(kernel: Kernel): void {
    const state = kernel.queueLength === 0 ? "" : `${kernel.queueLength} ${kernel.runningExecutionId}`;
    if (state === this.asked) return;
    this.asked = state;
    if (state === "") this.set(new Map());
    else void this.ask();
  }

  private async ask(): Promise<void> {
    if (this.asking) return;
    this.asking = true;
    try {
      for (let told = ""; told !== this.asked && this.asked !== "" && !this.signal.aborted; ) {
        told = this.asked;
        this.set(await this.list());
        await new Promise((resolve) => setTimeout(resolve, GAP_MS));
      }
    } catch {
      // Without an answer nothing is said of places; the next change asks again.
      this.asked = "";
      this.set(new Map());
    }
    this.asking = false;
  }

  private async list(): Promise<Map<string, Place>> {
    const states = [ExecutionState.QUEUED];
    const answer = await executions.listExecutions({ kernelId: this.kernelId, pageSize: PAGE_SIZE, states }, { signal: this.signal });
    const places = answer.executions.map(({ executionId, queuePosition, estimatedWait }) => {
      return [executionId, { position: queuePosition, waitMs: durationMs(estimatedWait) }] as const;
    });
    return new Map(places.toSorted(([, one], [, other]) => one.position - other.position));
  }

  private set(places: Map<string, Place>): void {
    if (this.signal.aborted || (places.size === 0 && this.places.size === 0)) return;
    this.places = this.asked === "" ? new Map() : places;
    this.onChange();
  }
}

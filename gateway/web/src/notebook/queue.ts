// Where the executions of a kernel wait, as the service says: asked again when the kernel's queue has changed, and not
// more often than a person can read.
import { executions } from "../api/transport";
import { pause } from "../execution/patience";
import { durationMs } from "../i18n/format";
import { ExecutionState, type Execution } from "../gen/fenxi/analysis/v1/execution_pb";
import type { Kernel } from "../gen/fenxi/analysis/v1/kernel_pb";

/** The least time between two questions. */
const GAP_MS = 500;
/** How long to wait with the next question where one failed. */
const RETRY_GAP_MS = 3_000;
/** As many as one answer holds. */
const PAGE_SIZE = 100;
/** A longer queue is known in part. */
const PAGES_MAX = 10;

export interface Place {
  position: number;
  /** When its turn may come, by this browser's clock, where the service can tell. */
  turnAtMs: number | null;
}

export interface QueueListener {
  onChange(): void;
  /** Executions that the page takes for unfinished; asked before the service is. */
  unfinished(): string[];
  /** Of those, the ones that neither wait nor run. */
  onEnded(executionIds: string[]): void;
}

export class Queue {
  /** By execution, the next one first. */
  places: ReadonlyMap<string, Place> = new Map();
  private known = "";
  private empty = true;
  private stale = false;
  private asking = false;

  constructor(
    private readonly kernelId: string,
    private readonly signal: AbortSignal,
    private readonly listener: QueueListener,
  ) {}

  /** Takes note of the kernel, `first` where a new stream says so; asks for the places if they may have changed. */
  heard(kernel: Kernel, first: boolean): void {
    const { queueLength, runningExecutionId, lastActivityTime } = kernel;
    // What came and what went may cancel each other out; what came was activity.
    const activity = queueLength === 0 ? "" : `${lastActivityTime?.seconds}.${lastActivityTime?.nanos}`;
    const state = `${queueLength} ${runningExecutionId} ${activity}`;
    if (state === this.known && !first) return;
    this.known = state;
    this.empty = queueLength === 0;
    if (this.empty) this.set(new Map());
    if (this.empty && this.listener.unfinished().every((each) => each === runningExecutionId)) return;
    this.stale = true;
    void this.ask();
  }

  private async ask(): Promise<void> {
    if (this.asking) return;
    this.asking = true;
    while (this.stale && !this.signal.aborted) {
      this.stale = false;
      try {
        const unfinished = this.listener.unfinished();
        const { list, whole } = await this.list();
        if (this.signal.aborted) break;
        this.set(this.empty ? new Map() : placesOf(list));
        const alive = new Set(list.map((each) => each.executionId));
        const ended = whole ? unfinished.filter((each) => !alive.has(each)) : [];
        if (ended.length > 0) this.listener.onEnded(ended);
        await pause(GAP_MS, this.signal);
      } catch {
        // Without an answer nothing is said of places.
        this.set(new Map());
        this.stale = true;
        await pause(RETRY_GAP_MS, this.signal);
      }
    }
    this.asking = false;
  }

  /** What waits or runs, and whether that is all of it. */
  private async list(): Promise<{ list: Execution[]; whole: boolean }> {
    const states = [ExecutionState.QUEUED, ExecutionState.RUNNING];
    const list: Execution[] = [];
    let pageToken = "";
    for (let page = 0; page < PAGES_MAX; page++) {
      const answer = await executions.listExecutions({ kernelId: this.kernelId, pageSize: PAGE_SIZE, pageToken, states }, { signal: this.signal });
      list.push(...answer.executions);
      pageToken = answer.nextPageToken;
      if (pageToken === "") return { list, whole: true };
    }
    return { list, whole: false };
  }

  private set(places: Map<string, Place>): void {
    if (this.signal.aborted || (places.size === 0 && this.places.size === 0)) return;
    this.places = places;
    this.listener.onChange();
  }
}

function placesOf(list: Execution[]): Map<string, Place> {
  const nowMs = Date.now();
  const places = list
    .filter((each) => each.state === ExecutionState.QUEUED)
    .map(({ executionId, queuePosition, estimatedWait }) => {
      const waitMs = durationMs(estimatedWait);
      return [executionId, { position: queuePosition, turnAtMs: waitMs === null ? null : nowMs + waitMs }] as const;
    });
  return new Map(places.toSorted(([, one], [, other]) => one.position - other.position));
}

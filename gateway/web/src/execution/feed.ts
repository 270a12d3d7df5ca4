// One execution as the page sees it: its output, how it is reached, and who draws it.
import type { OutputEvent } from "../gen/fenxi/analysis/v1/output_pb";
import { ExecutionState, type Execution } from "../gen/fenxi/analysis/v1/execution_pb";
import { executions } from "../api/transport";
import { mayReopen } from "../api/errors";
import { loginState } from "../api/login-state";
import { follow, type EventMessage, type LinkState } from "./follow";
import { OutputModel } from "./model";
import { pause, visible } from "./patience";
import { takePlace } from "./places";
import { Notifier } from "./store";

/** A long log is drawn again this often at most. */
const LONG_GAP_MS = 200;
/** Without a place for a stream that lasts: how long one is open from its first message on, and how long none is. */
const GLIMPSE_MS = 1_000;
const GLIMPSE_GAP_MS = 2_000;

const DISPLAYS = new Set<OutputEvent["event"]["case"]>(["display", "result", "updateDisplay"]);

export class Feed {
  readonly notifier = new Notifier();
  readonly model = new OutputModel();
  execution: Execution | null = null;
  /** It has ended, as is known from elsewhere; what it has said may not be here yet. */
  ended = false;
  link: LinkState = "connecting";
  /** Why its events cannot be had, once that is certain. */
  failure: unknown = null;
  /** Told of what it shows or renews: a display may stand under other cells, or be renewed by them. */
  onDisplay: ((event: OutputEvent) => void) | null = null;

  /** Told once its end is here. */
  onFinished: (() => void) | null = null;

  constructor(public executionId: string) {}

  get finished(): boolean {
    return this.model.phase === "finished";
  }

  take(event: OutputEvent): boolean {
    const known = event.sequence <= this.model.lastSequence;
    const taken = this.model.apply(event);
    if (known) return taken;
    if (taken && DISPLAYS.has(event.event.case)) this.onDisplay?.(event);
    if (event.event.case === "started" || event.event.case === "finished" || event.event.case === "inputRequest") {
      this.notifier.flush();
    } else this.notifier.touch(this.model.isLong ? LONG_GAP_MS : 0);
    if (taken && event.event.case === "finished") this.onFinished?.();
    return taken;
  }

  /** Follows the events to their end. Leaves the server alone while the page is hidden, and returns when it fails. */
  async watch(signal: AbortSignal): Promise<void> {
    this.failure = null;
    try {
      await follow(
        {
          open: (after, cut) => this.open(after, cut),
          lastSequence: () => this.model.lastSequence,
          take: (event) => this.take(event),
          onExecution: (execution) => {
            this.execution = execution;
            if (execution.state === ExecutionState.FINISHED) this.ended = true;
          },
          onLink: (link) => {
            if (this.link === link) return;
            this.link = link;
            this.notifier.touch();
          },
          isFinished: () => this.finished,
          mayRetry: mayReopen,
          pause: async (ms, stop) => {
            await pause(ms, stop);
            await loginState.renewed(stop);
          },
        },
        signal,
      );
    } catch (error) {
      this.failure = error;
      this.notifier.flush();
    }
  }

  private async *open(afterSequence: bigint, cut: AbortSignal): AsyncIterable<EventMessage> {
    const hidden = await visible(cut);
    const either = AbortSignal.any([cut, hidden.signal]);
    const past = { executionId: this.executionId, afterSequence };
    try {
      // What has ended is said at one go.
      if (this.ended) return yield* executions.watchExecution(past, { signal: either });
      let place = await takePlace("output");
      while (!place && !either.aborted) {
        yield* this.glimpse(either);
        await pause(GLIMPSE_GAP_MS, either);
        place = await takePlace("output");
      }
      try {
        yield* executions.watchExecution({ ...past, afterSequence: this.model.lastSequence }, { signal: either });
      } finally {
        place?.leave();
      }
    } finally {
      hidden.dispose();
    }
  }

  /** What is there to be said, and then no more: others have the places for streams that last. */
  private async *glimpse(signal: AbortSignal): AsyncIterable<EventMessage> {
    const over = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const past = { executionId: this.executionId, afterSequence: this.model.lastSequence };
    try {
      for await (const message of executions.watchExecution(past, { signal: AbortSignal.any([signal, over.signal]) })) {
        timer ??= setTimeout(() => over.abort(), GLIMPSE_MS);
        yield message;
      }
    } catch (error) {
      if (!over.signal.aborted || signal.aborted) throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}

// Follows numbered events to their end, whatever happens to the connection: after a drop it asks again from the last
// number it holds, for as long as it takes. Knows no transport: `open` is handed in.
import type { OutputEvent } from "../gen/fenxi/analysis/v1/output_pb";
import type { Execution } from "../gen/fenxi/analysis/v1/execution_pb";

/** A stream that says nothing for so long is dead; the service sends a heartbeat every 10 s. */
export const SILENCE_MAX_MS = 35_000;
export const BACKOFF_MIN_MS = 250;
export const BACKOFF_MAX_MS = 10_000;

export interface EventMessage {
  execution?: Execution;
  event?: OutputEvent;
}

/** Work at one go before the page gets its turn: output may come faster than it can be drawn. */
const WORK_MAX_MS = 24;

/** Lets the page draw and take clicks. */
function breathe(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

export type LinkState = "connecting" | "live" | "waiting";

export interface FollowOptions {
  open(afterSequence: bigint, signal: AbortSignal): AsyncIterable<EventMessage>;
  lastSequence(): bigint;
  /** Takes an event; false where a number was skipped. */
  take(event: OutputEvent): boolean;
  onExecution?(execution: Execution): void;
  onLink?(state: LinkState): void;
  isFinished(): boolean;
  /** Whether asking again may help; if not, the error is thrown. */
  mayRetry(error: unknown): boolean;
  /** Waits before the next attempt; ends early when the network is back. */
  pause(ms: number, signal: AbortSignal): Promise<void>;
  silenceMaxMs?: number;
}

/** How long to wait before attempt number `attempt` (from 0). */
export function backoffMs(attempt: number, random = Math.random()): number {
  const full = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.min(attempt, 16));
  return Math.round(full * (0.75 + random * 0.25));
}

/** Returns once the events have come to their end, or `signal` fired. */
export async function follow(options: FollowOptions, signal: AbortSignal): Promise<void> {
  let attempt = 0;
  while (!signal.aborted && !options.isFinished()) {
    options.onLink?.("connecting");
    let turnMs = performance.now();
    try {
      for await (const message of guarded(options, signal)) {
        if (performance.now() - turnMs > WORK_MAX_MS) {
          await breathe();
          turnMs = performance.now();
        }
        attempt = 0;
        options.onLink?.("live");
        if (message.execution) options.onExecution?.(message.execution);
        if (message.event && !options.take(message.event)) break;
        if (options.isFinished()) return;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!options.mayRetry(error)) throw error;
    }
    if (signal.aborted || options.isFinished()) return;
    options.onLink?.("waiting");
    await options.pause(backoffMs(attempt++), signal);
  }
}

/** The stream, cut when it is silent for too long or `signal` fires. */
async function* guarded(options: FollowOptions, signal: AbortSignal): AsyncGenerator<EventMessage> {
  const cut = new AbortController();
  const stop = () => cut.abort();
  signal.addEventListener("abort", stop);
  const limit = options.silenceMaxMs ?? SILENCE_MAX_MS;
  let timer = setTimeout(stop, limit);
  try {
    for await (const message of options.open(options.lastSequence(), cut.signal)) {
      clearTimeout(timer);
      timer = setTimeout(stop, limit);
      yield message;
    }
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
    cut.abort();
  }
}

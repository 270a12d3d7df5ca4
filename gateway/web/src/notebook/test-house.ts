// A notebook's page over a service that a test speaks for: its streams, what was sent to it, what it has.
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, vi } from "vitest";
import { ExecutionSchema, ExecutionState, type Execution } from "../gen/fenxi/analysis/v1/execution_pb";
import { KernelSchema, KernelState, type Kernel } from "../gen/fenxi/analysis/v1/kernel_pb";
import { OutputEventSchema, type Outcome, type OutputEvent } from "../gen/fenxi/analysis/v1/output_pb";
import type { Order } from "./run";
import { NotebookSession } from "./session";

type Calls = Record<string, (...given: never[]) => unknown>;
const hoisted = vi.hoisted(() => ({ executions: {} as Calls, kernels: {} as Calls, inspections: {} as Calls }));
vi.mock("../api/transport", () => hoisted);
/** What the service answers; a test may answer otherwise. */
export const service = hoisted;

/** `google.rpc.ErrorInfo` with a reason, as it goes over the wire. */
export function refusal(reason: string): ConnectError {
  const text = new TextEncoder().encode(reason);
  const error = new ConnectError("no", Code.FailedPrecondition);
  error.details.push({ type: "google.rpc.ErrorInfo", value: new Uint8Array([10, text.length, ...text]) });
  return error;
}

/** A stream that a test speaks on. */
export class Channel<T> {
  private readonly said: T[] = [];
  private wake: (() => void) | null = null;
  private ended = false;
  /** Whether somebody reads it now. */
  listened = false;
  say(message: T): void {
    this.said.push(message);
    this.wake?.();
  }
  end(): void {
    this.ended = true;
    this.wake?.();
  }
  async *read(signal: AbortSignal): AsyncGenerator<T> {
    signal.addEventListener("abort", () => this.wake?.());
    this.listened = true;
    try {
      for (;;) {
        while (this.said.length > 0) yield this.said.shift() as T;
        if (signal.aborted) throw new ConnectError("aborted", Code.Canceled);
        if (this.ended) return;
        await new Promise<void>((resolve) => (this.wake = resolve));
      }
    } finally {
      this.listened = false;
    }
  }
}

export const settle = () => vi.advanceTimersByTimeAsync(60);
export const kernel = (fields: Partial<Kernel>) => create(KernelSchema, { kernelId: "k", generation: 1, state: KernelState.IDLE, ...fields } as never);
export const execution = (executionId: string, code: string, state = ExecutionState.QUEUED) => create(ExecutionSchema, { executionId, code, state });

export type Listener = (event: { key: string }) => void;

/** What the service was told and has, and the page; anew for each test. */
interface House {
  /** Of the kernel, one for each time that it was watched. */
  streams: Channel<{ kernel?: Kernel }>[];
  sends: { code: string; requestId: string; after: string; channel: Channel<{ execution: Execution }> }[];
  /** What waits or runs, as the service says. */
  alive: Execution[];
  cancelled: string[];
  interrupts: number;
  session: NotebookSession;
  /** What this browser keeps, and who is told of a change of it. */
  kept: Map<string, string>;
  stored: Listener[];
}

export const house = {} as House;

beforeEach(() => {
  vi.useFakeTimers();
  Object.assign(house, { streams: [], sends: [], alive: [], cancelled: [], interrupts: 0, kept: new Map(), stored: [] });
  const target = () => ({ addEventListener: () => {}, removeEventListener: () => {} });
  vi.stubGlobal("window", { ...target(), addEventListener: (name: string, listener: Listener) => name === "storage" && house.stored.push(listener) });
  vi.stubGlobal("document", { ...target(), visibilityState: "visible" });
  const locks = { request: async (_: string, __: object, held: (free: object) => Promise<void>) => held({}) };
  vi.stubGlobal("navigator", { locks });
  vi.stubGlobal("localStorage", { getItem: (key: string) => house.kept.get(key) ?? null, setItem: (key: string, text: string) => house.kept.set(key, text) });
  vi.stubGlobal("requestAnimationFrame", (then: () => void) => setTimeout(then, 16));
  service.kernels = {
    watchKernel: (_: unknown, { signal }: { signal: AbortSignal }) => {
      const channel = new Channel<{ kernel?: Kernel }>();
      house.streams.push(channel);
      return channel.read(signal);
    },
    interruptKernel: async () => (house.interrupts++, { kernel: kernel({ state: KernelState.INTERRUPTING }) }),
    keepKernel: async () => ({ kernel: kernel({ revision: 1n }) }),
  };
  service.executions = {
    listExecutions: async ({ states }: { states?: ExecutionState[] }) => ({ executions: states ? house.alive : [], nextPageToken: "" }),
    execute: ({ code, requestId, dependsOnExecutionId: after }: Order, { signal }: { signal: AbortSignal }) => {
      const channel = new Channel<{ execution: Execution }>();
      house.sends.push({ code, requestId, after, channel });
      return channel.read(signal);
    },
    watchExecution: (_: unknown, { signal }: { signal: AbortSignal }) => new Channel<never>().read(signal),
    cancelExecution: async ({ executionId }: { executionId: string }) => {
      house.cancelled.push(executionId);
      return { execution: execution(executionId, "", ExecutionState.FINISHED) };
    },
  };
  house.session = new NotebookSession("k", "u");
  house.session.start();
});

afterEach(() => {
  house.session.stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** Cells with this code, all sent. */
export async function sent(...codes: string[]) {
  await settle();
  const ids = codes.map((code) => {
    const id = house.session.draft.insert(house.session.document.cells.length);
    house.session.edit(id, code);
    house.session.runs.one(id);
    return id;
  });
  await settle();
  return (at: number) => house.session.document.cells.find((cell) => cell.id === ids[at])!;
}

export const event = (sequence: number, said: object, seconds = 0) =>
  create(OutputEventSchema, { sequence: BigInt(sequence), time: { seconds: BigInt(seconds), nanos: 0 }, event: said as never });
export const finished = (sequence: number, outcome: Outcome) => event(sequence, { case: "finished", value: { outcome } });

/** What executions say when they are watched, by their names; the others say nothing. */
export function watching(): Map<string, Channel<{ execution?: Execution; event?: OutputEvent }>> {
  const channels = new Map<string, Channel<{ execution?: Execution; event?: OutputEvent }>>();
  service.executions["watchExecution"] = ({ executionId }: { executionId: string }, { signal }: { signal: AbortSignal }) => {
    const channel = new Channel<{ execution?: Execution; event?: OutputEvent }>();
    channels.set(executionId, channel);
    return channel.read(signal);
  };
  return channels;
}

/** Cells with this code, none of them run. */
export async function written(...codes: string[]) {
  await settle();
  const ids = codes.map((code) => {
    const id = house.session.draft.insert(house.session.document.cells.length);
    house.session.edit(id, code);
    return id;
  });
  return (at: number) => house.session.document.cells.find((cell) => cell.id === ids[at])!;
}

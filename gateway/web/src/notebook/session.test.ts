import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ExecutionSchema, ExecutionState, type Execution } from "../gen/fenxi/analysis/v1/execution_pb";
import { KernelSchema, KernelState, type Kernel } from "../gen/fenxi/analysis/v1/kernel_pb";
import { Outcome, OutputEventSchema, type OutputEvent } from "../gen/fenxi/analysis/v1/output_pb";
import * as doc from "./document";
import { NotebookSession } from "./session";

type Calls = Record<string, (...given: never[]) => unknown>;
const service = vi.hoisted(() => ({ executions: {} as Calls, kernels: {} as Calls, inspections: {} as Calls }));
vi.mock("../api/transport", () => service);

/** `google.rpc.ErrorInfo` with a reason, as it goes over the wire. */
function refusal(reason: string): ConnectError {
  const text = new TextEncoder().encode(reason);
  const error = new ConnectError("no", Code.FailedPrecondition);
  error.details.push({ type: "google.rpc.ErrorInfo", value: new Uint8Array([10, text.length, ...text]) });
  return error;
}

/** A stream that a test speaks on. */
class Channel<T> {
  private readonly said: T[] = [];
  private wake: (() => void) | null = null;
  private ended = false;
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
    for (;;) {
      while (this.said.length > 0) yield this.said.shift() as T;
      if (signal.aborted) throw new ConnectError("aborted", Code.Canceled);
      if (this.ended) return;
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }
}

const settle = () => vi.advanceTimersByTimeAsync(60);
const kernel = (fields: Partial<Kernel>) => create(KernelSchema, { kernelId: "k", generation: 1, state: KernelState.IDLE, ...fields } as never);
const execution = (executionId: string, code: string, state = ExecutionState.QUEUED) => create(ExecutionSchema, { executionId, code, state });

let streams: Channel<{ kernel?: Kernel }>[];
let sends: { code: string; requestId: string; channel: Channel<{ execution: Execution }> }[];
let alive: Execution[];
let cancelled: string[];
let interrupts: number;
let session: NotebookSession;
type Listener = (event: { key: string }) => void;
let kept: Map<string, string>;
let stored: Listener[];

beforeEach(() => {
  vi.useFakeTimers();
  const target = () => ({ addEventListener: () => {}, removeEventListener: () => {} });
  kept = new Map();
  stored = [];
  vi.stubGlobal("window", { ...target(), addEventListener: (name: string, listener: Listener) => name === "storage" && stored.push(listener) });
  vi.stubGlobal("document", { ...target(), visibilityState: "visible" });
  vi.stubGlobal("localStorage", { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, text: string) => kept.set(key, text) });
  vi.stubGlobal("requestAnimationFrame", (then: () => void) => setTimeout(then, 16));
  [streams, sends, alive, cancelled, interrupts] = [[], [], [], [], 0];
  service.kernels = {
    watchKernel: (_: unknown, { signal }: { signal: AbortSignal }) => {
      const channel = new Channel<{ kernel?: Kernel }>();
      streams.push(channel);
      return channel.read(signal);
    },
    interruptKernel: async () => (interrupts++, { kernel: kernel({ state: KernelState.INTERRUPTING }) }),
    keepKernel: async () => ({ kernel: kernel({ revision: 1n }) }),
  };
  service.executions = {
    listExecutions: async ({ states }: { states?: ExecutionState[] }) => ({ executions: states ? alive : [], nextPageToken: "" }),
    execute: ({ code, requestId }: { code: string; requestId: string }, { signal }: { signal: AbortSignal }) => {
      const channel = new Channel<{ execution: Execution }>();
      sends.push({ code, requestId, channel });
      return channel.read(signal);
    },
    watchExecution: (_: unknown, { signal }: { signal: AbortSignal }) => new Channel<never>().read(signal),
    cancelExecution: async ({ executionId }: { executionId: string }) => {
      cancelled.push(executionId);
      return { execution: execution(executionId, "", ExecutionState.FINISHED) };
    },
  };
  session = new NotebookSession("k", "u");
  session.start();
});

afterEach(() => {
  session.stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** Cells with this code, all sent. */
async function sent(...codes: string[]) {
  await settle();
  const ids = codes.map((code) => {
    const id = session.draft.insert(session.document.cells.length);
    session.edit(id, code);
    session.runs.one(id);
    return id;
  });
  await settle();
  return (at: number) => session.document.cells.find((cell) => cell.id === ids[at])!;
}

const event = (sequence: number, said: object, seconds = 0) =>
  create(OutputEventSchema, { sequence: BigInt(sequence), time: { seconds: BigInt(seconds), nanos: 0 }, event: said as never });
const finished = (sequence: number, outcome: Outcome) => event(sequence, { case: "finished", value: { outcome } });

/** What executions say when they are watched, by their names; the others say nothing. */
function watching(): Map<string, Channel<{ execution?: Execution; event?: OutputEvent }>> {
  const channels = new Map<string, Channel<{ execution?: Execution; event?: OutputEvent }>>();
  service.executions["watchExecution"] = ({ executionId }: { executionId: string }, { signal }: { signal: AbortSignal }) => {
    const channel = new Channel<{ execution?: Execution; event?: OutputEvent }>();
    channels.set(executionId, channel);
    return channel.read(signal);
  };
  return channels;
}

/** Cells with this code, none of them run. */
async function written(...codes: string[]) {
  await settle();
  const ids = codes.map((code) => {
    const id = session.draft.insert(session.document.cells.length);
    session.edit(id, code);
    return id;
  });
  return (at: number) => session.document.cells.find((cell) => cell.id === ids[at])!;
}

test("running all ends with the first that fails: what was on its way is taken back or cancelled", async () => {
  const watched = watching();
  const cell = await written("1", "2", "3", "4");
  session.runs.all();
  await settle();
  sends[0]!.channel.say({ execution: execution("a", "1") });
  await settle();
  sends[1]!.channel.say({ execution: execution("b", "2") });
  await settle();
  // The service had nothing waiting when the first failed.
  alive = [execution("b", "2")];
  watched.get("a")!.say({ event: finished(1, Outcome.ERROR) });
  await settle();
  expect([cell(2).requestId, cell(3).requestId, cancelled]).toEqual([null, null, ["b"]]);
  sends[2]!.channel.say({ execution: execution("c", "3") });
  await settle();
  expect([sends.map((each) => each.code), cancelled]).toEqual([["1", "2", "3"], ["b", "c"]]);
});

test("running all goes on after one that is stopped, and ends with one that is refused", async () => {
  const watched = watching();
  const execute = service.executions["execute"]!;
  service.executions["execute"] = ((request: { code: string }, options: never) => {
    if (request.code === "3") throw refusal("EXECUTION_QUEUE_FULL");
    return execute(request as never, options);
  }) as never;
  const cell = await written("1", "2", "3", "4");
  session.runs.all();
  await settle();
  sends[0]!.channel.say({ execution: execution("a", "1") });
  await settle();
  await session.stops.cell(cell(0));
  watched.get("a")!.say({ event: finished(1, Outcome.CANCELLED) });
  await settle();
  expect([cell(2).requestId, cell(3).requestId]).not.toContain(null);
  sends[1]!.channel.say({ execution: execution("b", "2") });
  await settle();
  expect([session.runs.refusals.has(cell(2).id), cell(3).requestId]).toEqual([true, null]);
  expect(sends.map((each) => each.code)).toEqual(["1", "2"]);
});

test("running all ends with what was begun before it, and not with what was stopped before it", async () => {
  const watched = watching();
  const first = await sent("0");
  sends[0]!.channel.say({ execution: execution("a", "0") });
  await settle();
  const cell = await written("1", "2");
  session.runs.all();
  await settle();
  sends[1]!.channel.say({ execution: execution("b", "1") });
  await settle();
  expect(sends.map((each) => each.code)).toEqual(["0", "1", "2"]);
  await session.stops.everything();
  expect(cell(1).requestId).toBeNull();
  sends[2]!.channel.say({ execution: execution("c", "2") });
  await settle();
  // What that has stopped is heard of late.
  watched.get("a")!.say({ event: finished(1, Outcome.INTERRUPTED) });
  await settle();
  session.runs.all();
  await settle();
  watched.get("b")!.say({ event: finished(1, Outcome.CANCELLED) });
  await settle();
  expect(first(0).requestId).not.toBeNull();
  sends[3]!.channel.say({ execution: execution("d", "0") });
  await settle();
  expect([sends.map((each) => each.code), first(0).executionId]).toEqual([["0", "1", "2", "0", "2"], "d"]);
});

test("running all ends with one that was begun before and fails", async () => {
  const watched = watching();
  await sent("0");
  sends[0]!.channel.say({ execution: execution("a", "0") });
  const cell = await written("1");
  session.runs.all();
  await settle();
  watched.get("a")!.say({ event: finished(1, Outcome.ERROR) });
  await settle();
  expect(cell(0).requestId).toBeNull();
});

test("a deleted cell comes back once, however often that is asked for", async () => {
  const cell = await written("1");
  const back = session.remove(cell(0).id);
  back();
  back();
  expect(session.document.cells.map((each) => each.code).filter(Boolean)).toEqual(["1"]);
});

test("a cell that was deleted on its way is sent when it comes back", async () => {
  const cell = await sent("1", "2");
  const back = session.remove(cell(1).id);
  sends[0]!.channel.say({ execution: execution("a", "1") });
  await settle();
  expect(sends).toHaveLength(1);
  back();
  await settle();
  expect(sends.map((each) => each.code)).toEqual(["1", "2"]);
});

test("a cell that comes back after its answer takes its execution, which runs once", async () => {
  const cell = await sent("1");
  const back = session.remove(cell(0).id);
  sends[0]!.channel.say({ execution: execution("a", "1") });
  await settle();
  expect(session.document.dropped).toEqual(["a"]);
  back();
  await settle();
  expect(sends[1]!.requestId).toBe(sends[0]!.requestId);
  sends[1]!.channel.say({ execution: execution("a", "1") });
  await settle();
  expect(cell(0)).toMatchObject({ requestId: null, executionId: "a" });
  expect([session.document.dropped, session.feedOf("a") === null]).toEqual([[], false]);
});

test("what is written in a cell on its way is not sent, here or after a reload", async () => {
  const cell = await sent("1", "2");
  session.edit(cell(0).id, "1 + 1");
  session.edit(cell(1).id, "2 + 2");
  session.stop();
  session = new NotebookSession("k", "u");
  session.start();
  await settle();
  sends[1]!.channel.say({ execution: execution("a", "1") });
  await settle();
  expect(sends.map((each) => each.code)).toEqual(["1", "1", "2"]);
  expect(sends[1]!.requestId).toBe(sends[0]!.requestId);
  expect(cell(0)).toMatchObject({ code: "1 + 1", executionId: "a", sent: undefined });
});

test("a cell that was stopped and written in is looked for by what was sent", async () => {
  const cell = await sent("1");
  session.edit(cell(0).id, "1 + 1");
  session.stop();
  session = new NotebookSession("k", "u");
  alive = [execution("e", "1")];
  await session.stops.cell(cell(0));
  await vi.advanceTimersByTimeAsync(5_000);
  expect([cancelled, cell(0).sent]).toEqual([["e"], undefined]);
});

test("output of cells that no list has any more is fetched, once", async () => {
  const watched = watching();
  let lists = 0;
  service.executions["listExecutions"] = async ({ states }: { states?: ExecutionState[] }) => {
    if (!states) lists++;
    return { executions: states ? [] : [execution("m", "new", ExecutionState.FINISHED)], nextPageToken: "" };
  };
  session.draft.document = doc.insert(session.document, 0, { ...doc.newCell("c", "old"), executionId: "a" });
  session.draft.document = doc.insert(session.document, 1, { ...doc.newCell("d", "newest"), executionId: "z" });
  await session.refresh();
  await settle();
  expect([...watched.keys()].toSorted()).toEqual(["a", "m", "z"]);
  watched.get("a")!.say({ execution: execution("a", "old", ExecutionState.FINISHED), event: finished(1, Outcome.OK) });
  await settle();
  expect(session.feedOf("a")?.model.finished?.outcome).toBe(Outcome.OK);
  // What another tab keeps is no reason to ask for the list again.
  session.edit("c", "old 1");
  const [asked, [key]] = [lists, kept.keys()];
  const there = JSON.parse(kept.get(key as string) ?? "");
  kept.set(key as string, JSON.stringify(doc.update(there, "d", { code: "there" })));
  stored[0]?.({ key: key as string });
  await settle();
  expect([lists, session.document.cells.map((cell) => cell.code)]).toEqual([asked, ["old 1", "there", "new", ""]]);
});

test("a display shows what renewed it last, whatever the order in which cells are fetched", async () => {
  const watched = watching();
  const bundle = (value: string) => ({ parts: [{ mimeType: "text/plain", content: { case: "text", value } }] });
  const said = (kind: string, sequence: number, text: string, seconds: number) =>
    event(sequence, { case: kind, value: { displayId: "d", bundle: bundle(text) } }, seconds);
  const shown = (executionId: string) =>
    session.feedOf(executionId)?.model.items.map((item) => (item.kind === "rich" ? item.bundle.parts[0]?.content.value : ""));
  const list = ["a", "b", "c"].map((id) => execution(id, id, ExecutionState.FINISHED));
  service.executions["listExecutions"] = async ({ states }: { states?: ExecutionState[] }) => ({ executions: states ? [] : list.toReversed(), nextPageToken: "" });
  await session.refresh();
  await settle();
  watched.get("b")!.say({ event: said("updateDisplay", 1, "renewed", 20) });
  watched.get("b")!.say({ event: finished(2, Outcome.OK) });
  await settle();
  watched.get("c")!.say({ event: said("display", 1, "shown anew", 30) });
  await settle();
  watched.get("a")!.say({ event: said("display", 1, "first", 10) });
  watched.get("a")!.say({ event: said("updateDisplay", 2, "second", 11) });
  await settle();
  expect([shown("a"), shown("c")]).toEqual([["renewed"], ["shown anew"]]);
  watched.get("c")!.say({ event: said("updateDisplay", 2, "last", 40) });
  await settle();
  expect([shown("a"), shown("c")]).toEqual([["last"], ["last"]]);
});

test("a cell that runs again lets go of what it said before", async () => {
  const watched = watching();
  const cell = await sent("1");
  sends[0]!.channel.say({ execution: execution("a", "1") });
  await settle();
  session.runs.one(cell(0).id);
  expect(session.feedOf("a")).not.toBeNull();
  watched.get("a")!.say({ event: finished(1, Outcome.OK) });
  await settle();
  session.runs.one(cell(0).id);
  expect(session.feedOf("a")).toBeNull();
  await session.refresh();
  expect(session.feedOf("a")).toBeNull();
});

test("a stream that was opened again is believed, and a dead kernel is asked about again", async () => {
  await settle();
  streams[0]!.say({ kernel: kernel({ revision: 40n, state: KernelState.BUSY }) });
  streams[0]!.say({ kernel: kernel({ revision: 39n, state: KernelState.DEAD }) });
  streams[0]!.end();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(session.kernel?.state).toBe(KernelState.BUSY);
  expect(streams).toHaveLength(2);
  streams[1]!.say({ kernel: kernel({ revision: 1n, state: KernelState.DEAD }) });
  streams[1]!.end();
  await settle();
  expect(session.kernel?.state).toBe(KernelState.DEAD);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(streams).toHaveLength(3);
  streams[2]!.say({ kernel: kernel({ revision: 2n, generation: 2 }) });
  await settle();
  expect(session.kernel?.state).toBe(KernelState.IDLE);
});

test("a dead kernel is asked about as soon as it takes a cell", async () => {
  const cell = await sent("1");
  streams[0]!.say({ kernel: kernel({ state: KernelState.DEAD }) });
  streams[0]!.end();
  await settle();
  sends[0]!.channel.say({ execution: execution("e", "1") });
  await settle();
  expect(cell(0).executionId).toBe("e");
  expect(streams).toHaveLength(2);
});

test("stopping a cell on its way stops nothing else, and cancels it once it is known", async () => {
  const cell = await sent("1", "2");
  await session.stops.cell(cell(0));
  await session.stops.cell(cell(1));
  expect([cell(0).requestId, cell(1).requestId]).toEqual([null, null]);
  sends[0]!.channel.say({ execution: execution("e", "1") });
  await settle();
  expect(cancelled).toEqual(["e"]);
  expect(cell(0).executionId).toBe("e");
  expect([interrupts, sends.length]).toEqual([0, 1]);
});

test("a cell that was stopped on a broken way is looked for and not sent again", async () => {
  const cell = await sent("1");
  sends[0]!.channel.end();
  await settle();
  await session.stops.cell(cell(0));
  alive = [execution("e", "1")];
  await vi.advanceTimersByTimeAsync(20_000);
  expect(cancelled).toEqual(["e"]);
  expect(sends).toHaveLength(1);
});

test("a cell that was stopped while nobody answers is looked for after a while", async () => {
  const cell = await sent("1");
  await session.stops.cell(cell(0));
  session.runs.one(cell(0).id);
  alive = [execution("e", "1")];
  await vi.advanceTimersByTimeAsync(5_000);
  expect(cancelled).toEqual(["e"]);
  expect(sends.map((each) => each.code)).toEqual(["1", "1"]);
  expect(cell(0).executionId).toBeNull();
  sends[1]!.channel.say({ execution: execution("f", "1") });
  await settle();
  expect(cell(0).executionId).toBe("f");
});

test("stopping everything takes back what is on its way", async () => {
  const cell = await sent("1", "2");
  const stopped = session.stops.everything();
  expect([cell(0).requestId, cell(1).requestId]).toEqual([null, null]);
  await stopped;
  sends[0]!.channel.say({ execution: execution("e", "1") });
  await settle();
  expect([cancelled, sends.length, interrupts]).toEqual([["e"], 1, 1]);
});

test("a cell that runs is cancelled by its name, and its stop is its own", async () => {
  const cell = await sent("1");
  sends[0]!.channel.say({ execution: execution("e", "1") });
  streams[0]!.say({ kernel: kernel({ revision: 1n, state: KernelState.BUSY, runningExecutionId: "e" }) });
  await settle();
  service.executions["cancelExecution"] = async () => ({ execution: execution("e", "1", ExecutionState.RUNNING) });
  await session.stops.cell(cell(0));
  expect(session.stops.stopping.now?.executionId).toBe("e");
  streams[0]!.say({ kernel: kernel({ revision: 2n, state: KernelState.BUSY, runningExecutionId: "f" }) });
  await settle();
  expect(session.stops.stopping.now).toBeNull();
  expect(interrupts).toBe(0);
});

test("no stop is said to be under way where it failed or had nothing to stop", async () => {
  service.kernels["interruptKernel"] = async () => ({ kernel: kernel({ state: KernelState.IDLE }) });
  await session.stops.everything();
  expect(session.stops.stopping.now).toBeNull();
  service.kernels["interruptKernel"] = async () => Promise.reject(new ConnectError("no", Code.Unavailable));
  await expect(session.stops.everything()).rejects.toThrow();
  expect(session.stops.stopping.now).toBeNull();
});

test("a hidden tab asks now and then, and is marked when the kernel is about to be ended", async () => {
  let asked = 0;
  service.kernels["getKernel"] = async () => {
    asked++;
    return { kernel: kernel({ revision: 1n, idleWarningTime: { seconds: 1n, nanos: 0 } as never }) };
  };
  session.stop();
  Object.assign(document, { visibilityState: "hidden" });
  session = new NotebookSession("k", "u");
  session.start();
  await settle();
  expect([asked, session.mark]).toEqual([1, "ending"]);
  await vi.advanceTimersByTimeAsync(61_000);
  expect([asked, streams.length]).toEqual([2, 1]);
});

test("a hidden tab does not go on saying that something runs which has ended", async () => {
  await settle();
  session.stop();
  Object.assign(document, { visibilityState: "hidden" });
  let state = { runningExecutionId: "e", idleWarningTime: undefined as never };
  service.kernels["getKernel"] = async () => ({ kernel: kernel({ revision: 1n, ...state }) });
  alive = [execution("e", "1", ExecutionState.RUNNING)];
  session = new NotebookSession("k", "u");
  session.start();
  const cell = await sent("1");
  sends[0]!.channel.say({ execution: alive[0]! });
  await vi.advanceTimersByTimeAsync(61_000);
  expect(session.mark).toBe("running");
  alive = [];
  state = { runningExecutionId: "", idleWarningTime: { seconds: 1n, nanos: 0 } as never };
  await vi.advanceTimersByTimeAsync(61_000);
  expect([session.mark, session.busy]).toEqual(["ending", false]);
  session.runs.one(cell(0).id);
  await settle();
  expect(sends.map((each) => each.code)).toEqual(["1", "1"]);
});

test("a cell on its way that another tab took back is cancelled when it is known", async () => {
  const cell = await sent("1");
  session.document.cells = session.document.cells.map((each) => ({ ...each, requestId: null }));
  sends[0]!.channel.say({ execution: execution("e", "1") });
  await settle();
  expect([cell(0).executionId, cancelled]).toEqual(["e", ["e"]]);
});

test("what was cancelled elsewhere is fetched", async () => {
  await sent("1", "2");
  const watched: string[] = [];
  service.executions["watchExecution"] = ({ executionId }: { executionId: string }, { signal }: { signal: AbortSignal }) => {
    watched.push(executionId);
    return new Channel<never>().read(signal);
  };
  sends[0]!.channel.say({ execution: execution("e", "1") });
  await settle();
  sends[1]!.channel.say({ execution: execution("f", "2") });
  alive = [execution("e", "1", ExecutionState.RUNNING)];
  await settle();
  streams[0]!.say({ kernel: kernel({ revision: 1n, state: KernelState.BUSY, runningExecutionId: "e" }) });
  await settle();
  expect(watched).toEqual(["e", "f"]);
});

test("all that waits is cancelled though one has ended", async () => {
  await sent("1");
  sends[0]!.channel.say({ execution: execution("a", "1") });
  alive = ["a", "b", "c"].map((id, at) => create(ExecutionSchema, { executionId: id, state: ExecutionState.QUEUED, queuePosition: at }));
  streams[0]!.say({ kernel: kernel({ revision: 1n, state: KernelState.BUSY, runningExecutionId: "r", queueLength: 3 }) });
  await settle();
  expect([...session.queue.places.keys()]).toEqual(["a", "b", "c"]);
  const cancel = service.executions["cancelExecution"]!;
  service.executions["cancelExecution"] = (async (given: { executionId: string }) => {
    if (given.executionId === "b") throw refusal("EXECUTION_ENDED");
    return cancel(given as never);
  }) as never;
  await session.stops.waiting();
  expect(cancelled).toEqual(["c", "a"]);
  service.executions["cancelExecution"] = async () => Promise.reject(refusal("UNAVAILABLE"));
  await expect(session.stops.waiting()).rejects.toThrow();
});

test("a late answer does not bring a former process back", async () => {
  let answer: (given: { kernel: Kernel }) => void = () => {};
  service.kernels["keepKernel"] = () => new Promise((resolve) => (answer = resolve));
  await settle();
  streams[0]!.say({ kernel: kernel({ revision: 5n }) });
  await settle();
  const kept = session.link.keep();
  streams[0]!.say({ kernel: kernel({ revision: 6n, generation: 2 }) });
  await settle();
  answer({ kernel: kernel({ revision: 9n }) });
  await kept;
  expect(session.kernel?.generation).toBe(2);
});

test("writing asks to keep the kernel now and then, also where that fails", async () => {
  let asked = 0;
  service.kernels["keepKernel"] = async () => (asked++, Promise.reject(new ConnectError("no", Code.Unavailable)));
  const cell = await sent("1");
  streams[0]!.say({ kernel: kernel({ revision: 1n, idleWarningTime: { seconds: 1n, nanos: 0 } as never }) });
  await settle();
  for (const code of ["12", "123", "1234"]) session.edit(cell(0).id, code);
  await settle();
  expect(asked).toBe(1);
  await vi.advanceTimersByTimeAsync(11_000);
  session.edit(cell(0).id, "1");
  expect(asked).toBe(2);
});

test("two tabs keep what is written in both, and a tab that is only open keeps nothing", async () => {
  service.executions["listExecutions"] = async ({ states }: { states?: ExecutionState[] }) => {
    return { executions: states ? alive : [execution("elsewhere", "1", ExecutionState.FINISHED)], nextPageToken: "" };
  };
  const other = new NotebookSession("k", "u");
  other.start();
  await settle();
  expect(kept.size).toBe(0);
  const [mine, theirs] = [session.draft.insert(0), other.draft.insert(0)];
  const [key] = kept.keys();
  const tell = (listener: Listener | undefined) => listener?.({ key: key as string });
  tell(stored[0]);
  session.edit(mine, "here");
  other.edit(theirs, "there");
  tell(stored[0]);
  tell(stored[1]);
  for (const each of [session, other]) expect(each.document.cells.map((cell) => cell.code).filter(Boolean).toSorted()).toEqual(["1", "here", "there"]);
  expect(JSON.parse(kept.get(key as string) ?? "").cells.map((cell: { code: string }) => cell.code)).toEqual(expect.arrayContaining(["here", "there"]));
  other.stop();
});

import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test, vi } from "vitest";
import { ExecutionState } from "../gen/fenxi/analysis/v1/execution_pb";
import { KernelState, type Kernel } from "../gen/fenxi/analysis/v1/kernel_pb";
import { DeathCause, DeathSchema, Outcome } from "../gen/fenxi/analysis/v1/output_pb";
import { Channel, event, execution, finished, house, kernel, sent, service, settle, watching, type Listener } from "./test-house";
import * as doc from "./document";
import { NotebookSession } from "./session";

test("output of cells that no list has any more is fetched, once", async () => {
  const watched = watching();
  let lists = 0;
  service.executions["listExecutions"] = async ({ states }: { states?: ExecutionState[] }) => {
    if (!states) lists++;
    return { executions: states ? [] : [execution("m", "new", ExecutionState.FINISHED)], nextPageToken: "" };
  };
  house.session.draft.document = doc.insert(house.session.document, 0, { ...doc.newCell("c", "old"), executionId: "a" });
  house.session.draft.document = doc.insert(house.session.document, 1, { ...doc.newCell("d", "newest"), executionId: "z" });
  await house.session.refresh();
  await settle();
  expect([...watched.keys()].toSorted()).toEqual(["a", "m", "z"]);
  watched.get("a")!.say({ execution: execution("a", "old", ExecutionState.FINISHED), event: finished(1, Outcome.OK) });
  await settle();
  expect(house.session.feedOf("a")?.model.finished?.outcome).toBe(Outcome.OK);
  // What another tab keeps is no reason to ask for the list again.
  house.session.edit("c", "old 1");
  const [asked, [key]] = [lists, house.kept.keys()];
  const there = JSON.parse(house.kept.get(key as string) ?? "");
  house.kept.set(key as string, JSON.stringify(doc.update(there, "d", { code: "there" })));
  house.stored[0]?.({ key: key as string });
  await settle();
  expect([lists, house.session.document.cells.map((cell) => cell.code)]).toEqual([asked, ["old 1", "there", "new", ""]]);
});

test("a display shows what renewed it last, whatever the order in which cells are fetched", async () => {
  const watched = watching();
  const bundle = (value: string) => ({ parts: [{ mimeType: "text/plain", content: { case: "text", value } }] });
  const said = (kind: string, sequence: number, text: string, seconds: number) =>
    event(sequence, { case: kind, value: { displayId: "d", bundle: bundle(text) } }, seconds);
  const shown = (executionId: string) =>
    house.session.feedOf(executionId)?.model.items.map((item) => (item.kind === "rich" ? item.bundle.parts[0]?.content.value : ""));
  const list = ["a", "b", "c"].map((id) => execution(id, id, ExecutionState.FINISHED));
  service.executions["listExecutions"] = async ({ states }: { states?: ExecutionState[] }) => ({ executions: states ? [] : list.toReversed(), nextPageToken: "" });
  await house.session.refresh();
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

test("a stream that was opened again is believed, and a dead kernel is asked about again", async () => {
  await settle();
  house.streams[0]!.say({ kernel: kernel({ revision: 40n, state: KernelState.BUSY }) });
  house.streams[0]!.say({ kernel: kernel({ revision: 39n, state: KernelState.DEAD }) });
  house.streams[0]!.end();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(house.session.kernel?.state).toBe(KernelState.BUSY);
  expect(house.streams).toHaveLength(2);
  house.streams[1]!.say({ kernel: kernel({ revision: 1n, state: KernelState.DEAD }) });
  house.streams[1]!.end();
  await settle();
  expect(house.session.kernel?.state).toBe(KernelState.DEAD);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(house.streams).toHaveLength(3);
  house.streams[2]!.say({ kernel: kernel({ revision: 2n, generation: 2 }) });
  await settle();
  expect(house.session.kernel?.state).toBe(KernelState.IDLE);
});

test("a dead kernel is asked about as soon as it takes a cell", async () => {
  const cell = await sent("1");
  house.streams[0]!.say({ kernel: kernel({ state: KernelState.DEAD }) });
  house.streams[0]!.end();
  await settle();
  house.sends[0]!.channel.say({ execution: execution("e", "1") });
  await settle();
  expect(cell(0).executionId).toBe("e");
  expect(house.streams).toHaveLength(2);
});

test("a hidden tab asks now and then, and is marked when the kernel is about to be ended", async () => {
  let asked = 0;
  service.kernels["getKernel"] = async () => {
    asked++;
    return { kernel: kernel({ revision: 1n, idleWarningTime: { seconds: 1n, nanos: 0 } as never }) };
  };
  house.session.stop();
  Object.assign(document, { visibilityState: "hidden" });
  house.session = new NotebookSession("k", "u");
  house.session.start();
  await settle();
  expect([asked, house.session.mark]).toEqual([1, "ending"]);
  await vi.advanceTimersByTimeAsync(61_000);
  expect([asked, house.streams.length]).toEqual([2, 1]);
});

test("a hidden tab does not go on saying that something runs which has ended", async () => {
  await settle();
  house.session.stop();
  Object.assign(document, { visibilityState: "hidden" });
  let state = { runningExecutionId: "e", idleWarningTime: undefined as never };
  service.kernels["getKernel"] = async () => ({ kernel: kernel({ revision: 1n, ...state }) });
  house.alive = [execution("e", "1", ExecutionState.RUNNING)];
  house.session = new NotebookSession("k", "u");
  house.session.start();
  const cell = await sent("1");
  house.sends[0]!.channel.say({ execution: house.alive[0]! });
  await vi.advanceTimersByTimeAsync(61_000);
  expect(house.session.mark).toBe("running");
  house.alive = [];
  state = { runningExecutionId: "", idleWarningTime: { seconds: 1n, nanos: 0 } as never };
  await vi.advanceTimersByTimeAsync(61_000);
  expect([house.session.mark, house.session.busy]).toEqual(["ending", false]);
  house.session.runs.one(cell(0).id);
  await settle();
  expect(house.sends.map((each) => each.code)).toEqual(["1", "1"]);
});

test("what was cancelled elsewhere is fetched", async () => {
  await sent("1", "2");
  const watched: string[] = [];
  service.executions["watchExecution"] = ({ executionId }: { executionId: string }, { signal }: { signal: AbortSignal }) => {
    watched.push(executionId);
    return new Channel<never>().read(signal);
  };
  house.sends[0]!.channel.say({ execution: execution("e", "1") });
  await settle();
  house.sends[1]!.channel.say({ execution: execution("f", "2") });
  house.alive = [execution("e", "1", ExecutionState.RUNNING)];
  await settle();
  house.streams[0]!.say({ kernel: kernel({ revision: 1n, state: KernelState.BUSY, runningExecutionId: "e" }) });
  await settle();
  expect(watched).toEqual(["e", "f"]);
});

test("a late answer does not bring a former process back", async () => {
  let answer: (given: { kernel: Kernel }) => void = () => {};
  service.kernels["keepKernel"] = () => new Promise((resolve) => (answer = resolve));
  await settle();
  house.streams[0]!.say({ kernel: kernel({ revision: 5n }) });
  await settle();
  const keeping = house.session.link.keep();
  house.streams[0]!.say({ kernel: kernel({ revision: 6n, generation: 2 }) });
  await settle();
  answer({ kernel: kernel({ revision: 9n }) });
  await keeping;
  expect(house.session.kernel?.generation).toBe(2);
});

test("writing asks to keep the kernel now and then, also where that fails", async () => {
  let asked = 0;
  service.kernels["keepKernel"] = async () => (asked++, Promise.reject(new ConnectError("no", Code.Unavailable)));
  const cell = await sent("1");
  house.streams[0]!.say({ kernel: kernel({ revision: 1n, idleWarningTime: { seconds: 1n, nanos: 0 } as never }) });
  await settle();
  for (const code of ["12", "123", "1234"]) house.session.edit(cell(0).id, code);
  await settle();
  expect(asked).toBe(1);
  await vi.advanceTimersByTimeAsync(11_000);
  house.session.edit(cell(0).id, "1");
  expect(asked).toBe(2);
});

test("two tabs keep what is written in both, and a tab that is only open keeps nothing", async () => {
  service.executions["listExecutions"] = async ({ states }: { states?: ExecutionState[] }) => {
    return { executions: states ? house.alive : [execution("elsewhere", "1", ExecutionState.FINISHED)], nextPageToken: "" };
  };
  const other = new NotebookSession("k", "u");
  other.start();
  await settle();
  expect(house.kept.size).toBe(0);
  const [mine, theirs] = [house.session.draft.insert(0), other.draft.insert(0)];
  const [key] = house.kept.keys();
  const tell = (listener: Listener | undefined) => listener?.({ key: key as string });
  tell(house.stored[0]);
  house.session.edit(mine, "here");
  other.edit(theirs, "there");
  tell(house.stored[0]);
  tell(house.stored[1]);
  for (const each of [house.session, other]) expect(each.document.cells.map((cell) => cell.code).filter(Boolean).toSorted()).toEqual(["1", "here", "there"]);
  expect(JSON.parse(house.kept.get(key as string) ?? "").cells.map((cell: { code: string }) => cell.code)).toEqual(expect.arrayContaining(["here", "there"]));
  other.stop();
});

test("a duplicate stands behind its cell, with the code as it is written now and without what it ran", async () => {
  const at = await sent("a", "b");
  house.sends[0]!.channel.say({ execution: execution("1", "a") });
  await settle();
  const { session } = house;
  session.edit(at(0).id, "a now");
  const id = session.draft.duplicate(at(0).id);
  const from = session.document.cells.findIndex((cell) => cell.id === at(0).id);
  expect(session.document.cells[from + 1]).toEqual({ id, code: "a now", executionId: null, requestId: null });
  expect(session.document.cells[from + 2]?.id).toBe(at(1).id);
  expect([...house.kept.values()].join()).toContain(id);
  expect(session.draft.duplicate("none")).toBeNull();
});

test("a tab is marked for a kernel that died, and not for one that was ended", async () => {
  await settle();
  const mark = async (cause: DeathCause, revision: bigint) => {
    house.streams[0]!.say({ kernel: kernel({ revision, state: KernelState.DEAD, death: create(DeathSchema, { cause }) }) });
    await settle();
    return house.session.mark;
  };
  expect(await mark(DeathCause.MEMORY, 1n)).toBe("failed");
  expect(await mark(DeathCause.IDLE, 2n)).toBe("");
});

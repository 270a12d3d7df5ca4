import { expect, test, vi } from "vitest";
import { ExecutionState } from "../gen/fenxi/analysis/v1/execution_pb";
import { KernelState } from "../gen/fenxi/analysis/v1/kernel_pb";
import { Outcome } from "../gen/fenxi/analysis/v1/output_pb";
import { execution, finished, house, kernel, refusal, sent, service, settle, watching, written } from "./test-house";
import { NotebookSession } from "./session";

test("running all ends with the first that fails: what was on its way is taken back or cancelled", async () => {
  const watched = watching();
  const cell = await written("1", "2", "3", "4");
  house.session.runs.all();
  await settle();
  house.sends[0]!.channel.say({ execution: execution("a", "1") });
  await settle();
  house.sends[1]!.channel.say({ execution: execution("b", "2") });
  await settle();
  // The service had nothing waiting when the first failed.
  house.alive = [execution("b", "2")];
  watched.get("a")!.say({ event: finished(1, Outcome.ERROR) });
  await settle();
  expect([cell(2).requestId, cell(3).requestId, house.cancelled]).toEqual([null, null, ["b"]]);
  house.sends[2]!.channel.say({ execution: execution("c", "3") });
  await settle();
  expect([house.sends.map((each) => each.code), house.cancelled]).toEqual([["1", "2", "3"], ["b", "c"]]);
});

test("running all goes on after one that is stopped, and ends with one that is refused", async () => {
  const watched = watching();
  const execute = service.executions["execute"]!;
  service.executions["execute"] = ((request: { code: string }, options: never) => {
    if (request.code === "3") throw refusal("EXECUTION_QUEUE_FULL");
    return execute(request as never, options);
  }) as never;
  const cell = await written("1", "2", "3", "4");
  house.session.runs.all();
  await settle();
  house.sends[0]!.channel.say({ execution: execution("a", "1") });
  await settle();
  await house.session.stops.cell(cell(0));
  watched.get("a")!.say({ event: finished(1, Outcome.CANCELLED) });
  await settle();
  expect([cell(2).requestId, cell(3).requestId]).not.toContain(null);
  house.sends[1]!.channel.say({ execution: execution("b", "2") });
  await settle();
  expect([house.session.runs.refusals.has(cell(2).id), cell(3).requestId]).toEqual([true, null]);
  expect(house.sends.map((each) => each.code)).toEqual(["1", "2"]);
});

test("running all ends with what was begun before it, and not with what was stopped before it", async () => {
  const watched = watching();
  const first = await sent("0");
  house.sends[0]!.channel.say({ execution: execution("a", "0") });
  await settle();
  const cell = await written("1", "2");
  house.session.runs.all();
  await settle();
  house.sends[1]!.channel.say({ execution: execution("b", "1") });
  await settle();
  expect(house.sends.map((each) => each.code)).toEqual(["0", "1", "2"]);
  await house.session.stops.everything();
  expect(cell(1).requestId).toBeNull();
  house.sends[2]!.channel.say({ execution: execution("c", "2") });
  await settle();
  // What that has stopped is heard of late.
  watched.get("a")!.say({ event: finished(1, Outcome.INTERRUPTED) });
  await settle();
  house.session.runs.all();
  await settle();
  watched.get("b")!.say({ event: finished(1, Outcome.CANCELLED) });
  await settle();
  expect(first(0).requestId).not.toBeNull();
  house.sends[3]!.channel.say({ execution: execution("d", "0") });
  await settle();
  expect([house.sends.map((each) => each.code), first(0).executionId]).toEqual([["0", "1", "2", "0", "2"], "d"]);
});

test("running all ends with one that was begun before and fails", async () => {
  const watched = watching();
  await sent("0");
  house.sends[0]!.channel.say({ execution: execution("a", "0") });
  const cell = await written("1");
  house.session.runs.all();
  await settle();
  watched.get("a")!.say({ event: finished(1, Outcome.ERROR) });
  await settle();
  expect(cell(0).requestId).toBeNull();
});

test("each cell of running all depends on the one before, which may be taken back, and says so again after a reload", async () => {
  const cell = await written("1", "2", "3", "4");
  house.streams[0]!.say({ kernel: kernel({ revision: 1n, runningExecutionId: "elsewhere" }) });
  await settle();
  house.session.runs.all();
  await settle();
  house.sends[0]!.channel.say({ execution: execution("a", "1") });
  await house.session.stops.cell(cell(2));
  await settle();
  house.sends[1]!.channel.say({ execution: execution("b", "2") });
  await settle();
  expect(house.sends.map(({ code, after }) => [code, after])).toEqual([["1", ""], ["2", "a"], ["4", "b"]]);
  // What it depends on may be gone by then.
  house.session.remove(cell(1).id);
  house.session.stop();
  house.session = new NotebookSession("k", "u");
  house.session.start();
  await settle();
  const last = house.sends.at(-1)!;
  expect([last.requestId, last.after]).toEqual([house.sends[2]!.requestId, "b"]);
  last.channel.say({ execution: execution("d", "4") });
  await settle();
  house.session.runs.one(cell(2).id);
  await settle();
  expect([house.sends.at(-1)!.code, house.sends.at(-1)!.after]).toEqual(["3", ""]);
});

test("running all depends on what runs already, and on what is on its way", async () => {
  await sent("0");
  house.sends[0]!.channel.say({ execution: execution("a", "0") });
  await settle();
  house.streams[0]!.say({ kernel: kernel({ revision: 1n, state: KernelState.BUSY, runningExecutionId: "a" }) });
  await settle();
  const cell = await written("1", "2");
  house.session.runs.all();
  await settle();
  expect(house.sends.map(({ code, after }) => [code, after])).toEqual([["0", ""], ["1", "a"]]);
  house.session.runs.all();
  expect(cell(0).after).toEqual({ executionId: "a" });
  house.sends[1]!.channel.say({ execution: execution("b", "1") });
  await settle();
  expect(house.sends[2]!.after).toBe("b");
});

test("a deleted cell comes back once, however often that is asked for", async () => {
  const cell = await written("1");
  const back = house.session.remove(cell(0).id);
  back();
  back();
  expect(house.session.document.cells.map((each) => each.code).filter(Boolean)).toEqual(["1"]);
});

test("a cell that was deleted on its way is sent when it comes back", async () => {
  const cell = await sent("1", "2");
  const back = house.session.remove(cell(1).id);
  house.sends[0]!.channel.say({ execution: execution("a", "1") });
  await settle();
  expect(house.sends).toHaveLength(1);
  back();
  await settle();
  expect(house.sends.map((each) => each.code)).toEqual(["1", "2"]);
});

test("a cell that comes back after its answer takes its execution, which runs once", async () => {
  const cell = await sent("1");
  const back = house.session.remove(cell(0).id);
  house.sends[0]!.channel.say({ execution: execution("a", "1") });
  await settle();
  expect(house.session.document.dropped).toEqual(["a"]);
  back();
  await settle();
  expect(house.sends[1]!.requestId).toBe(house.sends[0]!.requestId);
  house.sends[1]!.channel.say({ execution: execution("a", "1") });
  await settle();
  expect(cell(0)).toMatchObject({ requestId: null, executionId: "a" });
  expect([house.session.document.dropped, house.session.feedOf("a") === null]).toEqual([[], false]);
});

test("what is written in a cell on its way is not sent, here or after a reload", async () => {
  const cell = await sent("1", "2");
  house.session.edit(cell(0).id, "1 + 1");
  house.session.edit(cell(1).id, "2 + 2");
  house.session.stop();
  house.session = new NotebookSession("k", "u");
  house.session.start();
  await settle();
  house.sends[1]!.channel.say({ execution: execution("a", "1") });
  await settle();
  expect(house.sends.map((each) => each.code)).toEqual(["1", "1", "2"]);
  expect(house.sends[1]!.requestId).toBe(house.sends[0]!.requestId);
  expect(cell(0)).toMatchObject({ code: "1 + 1", executionId: "a", sent: undefined });
});

test("a cell that was stopped and written in is looked for by what was sent", async () => {
  const cell = await sent("1");
  house.session.edit(cell(0).id, "1 + 1");
  house.session.stop();
  house.session = new NotebookSession("k", "u");
  house.alive = [execution("e", "1")];
  await house.session.stops.cell(cell(0));
  await vi.advanceTimersByTimeAsync(5_000);
  expect([house.cancelled, cell(0).sent]).toEqual([["e"], undefined]);
});

test("a cell that runs again lets go of what it said before", async () => {
  const watched = watching();
  const cell = await sent("1");
  house.sends[0]!.channel.say({ execution: execution("a", "1") });
  await settle();
  house.session.runs.one(cell(0).id);
  expect(house.session.feedOf("a")).not.toBeNull();
  watched.get("a")!.say({ event: finished(1, Outcome.OK) });
  await settle();
  house.session.runs.one(cell(0).id);
  expect(house.session.feedOf("a")).toBeNull();
  await house.session.refresh();
  expect(house.session.feedOf("a")).toBeNull();
});

test("what a deleted cell runs is stopped, and nothing else; it comes back as it ended", async () => {
  const cell = await sent("1", "2", "3");
  house.sends[0]!.channel.say({ execution: execution("a", "1") });
  await settle();
  house.sends[1]!.channel.say({ execution: execution("b", "2") });
  await settle();
  house.alive = [execution("a", "1", ExecutionState.RUNNING), execution("b", "2")];
  house.streams[0]!.say({ kernel: kernel({ revision: 1n, state: KernelState.BUSY, runningExecutionId: "a", queueLength: 1 }) });
  await settle();
  const [first, third] = [cell(0), cell(2)];
  expect([house.session.works(first), house.session.works(third)]).toEqual([true, true]);
  const back = house.session.remove(first.id);
  await settle();
  expect(house.cancelled).toEqual(["a"]);
  // One that was on its way is stopped once it is known what it is.
  house.session.remove(third.id);
  house.sends[2]!.channel.say({ execution: execution("c", "3") });
  await settle();
  expect(house.cancelled).toEqual(["a", "c"]);
  back();
  await settle();
  expect(house.session.document.cells.map((each) => each.code).filter(Boolean)).toEqual(["1", "2"]);
  expect([cell(0).executionId, house.session.works(cell(0)), house.session.works(cell(1)), house.sends.length]).toEqual(["a", false, true, 3]);
});

test("a deleted cell that runs no more stops nothing; one whose run cannot be stopped says so", async () => {
  const [failures, failed] = [[] as unknown[], refusal("UNAVAILABLE")];
  const channels = watching();
  const cell = await sent("1", "2");
  house.sends[0]!.channel.say({ execution: execution("a", "1") });
  await settle();
  channels.get("a")!.say({ event: finished(1, Outcome.OK) });
  house.sends[1]!.channel.say({ execution: execution("b", "2") });
  await settle();
  const [first, second] = [cell(0), cell(1)];
  service.executions["cancelExecution"] = async ({ executionId }: { executionId: string }) => {
    house.cancelled.push(executionId);
    throw failed;
  };
  house.session.remove(first.id, (error) => failures.push(error));
  house.session.remove(second.id, (error) => failures.push(error));
  await settle();
  expect([house.cancelled, failures]).toEqual([["b"], [failed]]);
});

import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test, vi } from "vitest";
import { ExecutionSchema, ExecutionState } from "../gen/fenxi/analysis/v1/execution_pb";
import { KernelState } from "../gen/fenxi/analysis/v1/kernel_pb";
import { execution, house, kernel, refusal, sent, service, settle } from "./test-house";

test("stopping a cell on its way stops nothing else, and cancels it once it is known", async () => {
  const cell = await sent("1", "2");
  await house.session.stops.cell(cell(0));
  await house.session.stops.cell(cell(1));
  expect([cell(0).requestId, cell(1).requestId]).toEqual([null, null]);
  house.sends[0]!.channel.say({ execution: execution("e", "1") });
  await settle();
  expect(house.cancelled).toEqual(["e"]);
  expect(cell(0).executionId).toBe("e");
  expect([house.interrupts, house.sends.length]).toEqual([0, 1]);
});

test("a cell that was stopped on a broken way is looked for and not sent again", async () => {
  const cell = await sent("1");
  house.sends[0]!.channel.end();
  await settle();
  await house.session.stops.cell(cell(0));
  house.alive = [execution("e", "1")];
  await vi.advanceTimersByTimeAsync(20_000);
  expect(house.cancelled).toEqual(["e"]);
  expect(house.sends).toHaveLength(1);
});

test("a cell that was stopped while nobody answers is looked for after a while", async () => {
  const cell = await sent("1");
  await house.session.stops.cell(cell(0));
  house.session.runs.one(cell(0).id);
  house.alive = [execution("e", "1")];
  await vi.advanceTimersByTimeAsync(5_000);
  expect(house.cancelled).toEqual(["e"]);
  expect(house.sends.map((each) => each.code)).toEqual(["1", "1"]);
  expect(cell(0).executionId).toBeNull();
  house.sends[1]!.channel.say({ execution: execution("f", "1") });
  await settle();
  expect(cell(0).executionId).toBe("f");
});

test("stopping everything takes back what is on its way", async () => {
  const cell = await sent("1", "2");
  const stopped = house.session.stops.everything();
  expect([cell(0).requestId, cell(1).requestId]).toEqual([null, null]);
  await stopped;
  house.sends[0]!.channel.say({ execution: execution("e", "1") });
  await settle();
  expect([house.cancelled, house.sends.length, house.interrupts]).toEqual([["e"], 1, 1]);
});

test("a cell that runs is cancelled by its name, and its stop is its own", async () => {
  const cell = await sent("1");
  house.sends[0]!.channel.say({ execution: execution("e", "1") });
  house.streams[0]!.say({ kernel: kernel({ revision: 1n, state: KernelState.BUSY, runningExecutionId: "e" }) });
  await settle();
  service.executions["cancelExecution"] = async () => ({ execution: execution("e", "1", ExecutionState.RUNNING) });
  await house.session.stops.cell(cell(0));
  expect(house.session.stops.stopping.now?.executionId).toBe("e");
  house.streams[0]!.say({ kernel: kernel({ revision: 2n, state: KernelState.BUSY, runningExecutionId: "f" }) });
  await settle();
  expect(house.session.stops.stopping.now).toBeNull();
  expect(house.interrupts).toBe(0);
});

test("no stop is said to be under way where it failed or had nothing to stop", async () => {
  service.kernels["interruptKernel"] = async () => ({ kernel: kernel({ state: KernelState.IDLE }) });
  await house.session.stops.everything();
  expect(house.session.stops.stopping.now).toBeNull();
  service.kernels["interruptKernel"] = async () => Promise.reject(new ConnectError("no", Code.Unavailable));
  await expect(house.session.stops.everything()).rejects.toThrow();
  expect(house.session.stops.stopping.now).toBeNull();
});

test("a cell on its way that another tab took back is cancelled when it is known", async () => {
  const cell = await sent("1");
  house.session.document.cells = house.session.document.cells.map((each) => ({ ...each, requestId: null }));
  house.sends[0]!.channel.say({ execution: execution("e", "1") });
  await settle();
  expect([cell(0).executionId, house.cancelled]).toEqual(["e", ["e"]]);
});

test("all that waits is cancelled though one has ended", async () => {
  await sent("1");
  house.sends[0]!.channel.say({ execution: execution("a", "1") });
  house.alive = ["a", "b", "c"].map((id, at) => create(ExecutionSchema, { executionId: id, state: ExecutionState.QUEUED, queuePosition: at }));
  house.streams[0]!.say({ kernel: kernel({ revision: 1n, state: KernelState.BUSY, runningExecutionId: "r", queueLength: 3 }) });
  await settle();
  expect([...house.session.queue.places.keys()]).toEqual(["a", "b", "c"]);
  const cancel = service.executions["cancelExecution"]!;
  service.executions["cancelExecution"] = (async (given: { executionId: string }) => {
    if (given.executionId === "b") throw refusal("EXECUTION_ENDED");
    return cancel(given as never);
  }) as never;
  await house.session.stops.waiting();
  expect(house.cancelled).toEqual(["c", "a"]);
  service.executions["cancelExecution"] = async () => Promise.reject(refusal("UNAVAILABLE"));
  await expect(house.session.stops.waiting()).rejects.toThrow();
});

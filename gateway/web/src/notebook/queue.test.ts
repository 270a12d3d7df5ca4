import { create } from "@bufbuild/protobuf";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ExecutionSchema, ExecutionState, type Execution } from "../gen/fenxi/analysis/v1/execution_pb";
import { KernelSchema } from "../gen/fenxi/analysis/v1/kernel_pb";
import { Queue } from "./queue";

const service = vi.hoisted(() => ({ executions: { listExecutions: (_: { pageToken: string }): Promise<unknown> => Promise.resolve() } }));
vi.mock("../api/transport", () => service);

let alive: Execution[];
let asked: number;
let unfinished: string[];
let ended: string[];
let queue: Queue;
const stop = new AbortController();
const waiting = (...ids: string[]) => ids.map((executionId, at) => create(ExecutionSchema, { executionId, state: ExecutionState.QUEUED, queuePosition: at + 1 }));
const kernel = (queueLength: number, runningExecutionId = "r", seconds = 0) =>
  create(KernelSchema, { queueLength, runningExecutionId, lastActivityTime: { seconds: BigInt(seconds), nanos: 0 } });

beforeEach(() => {
  vi.useFakeTimers();
  const target = { addEventListener: () => {}, removeEventListener: () => {} };
  vi.stubGlobal("window", target);
  vi.stubGlobal("document", target);
  [alive, asked, unfinished, ended] = [[], 0, [], []];
  service.executions.listExecutions = async () => (asked++, { executions: alive, nextPageToken: "" });
  queue = new Queue("k", stop.signal, { onChange: () => {}, unfinished: () => unfinished, onEnded: (ids) => ended.push(...ids) });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("changes that cancel each other out are asked about too", async () => {
  alive = waiting("a", "b");
  queue.heard(kernel(2), true);
  await vi.advanceTimersByTimeAsync(100);
  alive = waiting("b", "c");
  queue.heard(kernel(1), false);
  queue.heard(kernel(2), false);
  await vi.advanceTimersByTimeAsync(1_000);
  expect([...queue.places.keys()]).toEqual(["b", "c"]);
  alive = waiting("c", "d");
  queue.heard(kernel(2, "r", 5), false);
  await vi.advanceTimersByTimeAsync(1_000);
  expect([...queue.places.keys()]).toEqual(["c", "d"]);
  expect(asked).toBe(3);
});

test("a stream that was opened again asks, and a failure asks again", async () => {
  service.executions.listExecutions = async () => (asked++, Promise.reject(new Error("no")));
  queue.heard(kernel(1), true);
  await vi.advanceTimersByTimeAsync(100);
  expect([asked, queue.places.size]).toEqual([1, 0]);
  service.executions.listExecutions = async () => (asked++, { executions: waiting("a"), nextPageToken: "" });
  await vi.advanceTimersByTimeAsync(4_000);
  expect([asked, queue.places.size]).toEqual([2, 1]);
  queue.heard(kernel(1), false);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(asked).toBe(2);
  queue.heard(kernel(1), true);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(asked).toBe(3);
});

test("what neither waits nor runs has ended, also where nothing waits any more", async () => {
  unfinished = ["r", "a", "b"];
  alive = [...waiting("a"), create(ExecutionSchema, { executionId: "r", state: ExecutionState.RUNNING })];
  queue.heard(kernel(1), true);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(ended).toEqual(["b"]);
  expect([...queue.places.keys()]).toEqual(["a"]);
  unfinished = ["r", "a"];
  alive = alive.slice(1);
  queue.heard(kernel(0), false);
  expect(queue.places.size).toBe(0);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(ended).toEqual(["b", "a"]);
});

test("a long queue is had page by page, and a wait is a moment", async () => {
  const pages = [waiting("a"), waiting("b")];
  pages[0]![0]!.estimatedWait = { seconds: 30n, nanos: 0 } as never;
  service.executions.listExecutions = async ({ pageToken }) => ({ executions: pages[Number(pageToken)], nextPageToken: pageToken === "" ? "1" : "" });
  queue.heard(kernel(2), true);
  await vi.advanceTimersByTimeAsync(10);
  expect(queue.places.size).toBe(2);
  expect(queue.places.get("a")?.turnAtMs).toBeGreaterThan(Date.now() + 29_000);
});

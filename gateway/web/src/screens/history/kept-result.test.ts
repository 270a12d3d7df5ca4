import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

const hoisted = vi.hoisted(() => ({ executions: {} as Record<string, unknown> }));
vi.mock("../../api/transport", () => hoisted);

import { Outcome, OutputEventSchema, StreamName, type OutputEvent } from "../../gen/fenxi/analysis/v1/output_pb";
import { isLeftOut, modelOf, wholeOf } from "./kept-result";

// A tab that is looked at, in which nothing is drawn.
beforeEach(() => {
  vi.stubGlobal("document", { visibilityState: "visible", addEventListener: () => {}, removeEventListener: () => {} });
  vi.stubGlobal("requestAnimationFrame", () => 0);
});
afterEach(() => vi.unstubAllGlobals());

const event = (sequence: bigint, said: OutputEvent["event"]) => create(OutputEventSchema, { sequence, event: said } as never);
const text = (sequence: bigint, line: string) => event(sequence, { case: "stream", value: { name: StreamName.STDOUT, text: line } } as never);
const truncated = (sequence: bigint, limitBytes: bigint) => event(sequence, { case: "truncated", value: { droppedBytes: 9n, limitBytes } } as never);
const finished = (sequence: bigint) => event(sequence, { case: "finished", value: { outcome: Outcome.OK } } as never);

test("what the history left out is told from what the execution's own limit did", () => {
  const model = modelOf([text(1n, "a"), truncated(2n, 8n << 20n), text(3n, "b"), truncated(4n, 256n << 10n), finished(5n)]);
  expect(model.items.map((item) => item.kind)).toEqual(["stream", "truncated", "stream", "truncated"]);
  expect(model.items.map(isLeftOut)).toEqual([false, false, false, true]);
});

test("the whole is everything that the log has, and a log that is gone is said to be", async () => {
  const asked: unknown[] = [];
  hoisted.executions["watchExecution"] = async function* (request: unknown) {
    asked.push(request);
    for (const said of [text(1n, "a\n"), text(2n, "b\n"), finished(3n)]) yield { event: said };
  };
  const whole = await wholeOf("e", new AbortController().signal);
  expect(whole.items.map((item) => item.kind)).toEqual(["stream"]);
  expect([whole.lastSequence, whole.phase, asked.length]).toEqual([3n, "finished", 1]);

  hoisted.executions["watchExecution"] = () => {
    throw new ConnectError("gone", Code.NotFound);
  };
  await expect(wholeOf("e", new AbortController().signal)).rejects.toMatchObject({ code: Code.NotFound });
});

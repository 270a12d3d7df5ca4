import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { KernelSchema } from "../gen/fenxi/analysis/v1/kernel_pb";
import { LatestKernel } from "./latest-kernel";

const kernel = (revision: number, generation = 1) => create(KernelSchema, { kernelId: "k", generation, revision: BigInt(revision) });

test("a new stream begins anew, as after a restart of the service", () => {
  const latest = new LatestKernel();
  expect(latest.hear(kernel(40), true)).toBe(true);
  expect(latest.hear(kernel(1), true)).toBe(true);
  expect(latest.hear(kernel(2), false)).toBe(true);
  expect(latest.current?.revision).toBe(2n);
});

test("within a stream nothing older is taken", () => {
  const latest = new LatestKernel();
  latest.hear(kernel(5, 2), true);
  expect(latest.hear(kernel(4, 2), false)).toBe(false);
  expect(latest.hear(kernel(9, 1), false)).toBe(false);
  expect(latest.hear(kernel(5, 2), false)).toBe(true);
  expect(latest.hear(kernel(1, 3), false)).toBe(true);
});

test("a late answer gives way to what was heard since", () => {
  const latest = new LatestKernel();
  latest.hear(kernel(5, 2), true);
  const { stream } = latest;
  expect(latest.answer(kernel(7, 1), stream)).toBe(false);
  expect(latest.answer(kernel(4, 2), stream)).toBe(false);
  expect(latest.answer(kernel(6, 2), stream)).toBe(true);
  latest.hear(kernel(1, 2), true);
  expect(latest.answer(kernel(8, 2), stream)).toBe(false);
  expect(latest.current?.revision).toBe(1n);
});

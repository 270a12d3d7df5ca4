import { expect, it } from "vitest";
import { KernelState } from "../../gen/fenxi/analysis/v1/kernel_pb";
import { CARDS_STEP, drawnOf, liveFirst } from "./order";

const kernels = (dead: number, live: number) =>
  Array.from({ length: dead + live }, (_, at) => ({ at, state: at < dead ? KernelState.DEAD : KernelState.IDLE }));

it("shows what lives before what has ended, each in the order it came", () => {
  expect(liveFirst(kernels(2, 2)).map(({ at }) => at)).toEqual([2, 3, 0, 1]);
});

it("hides nothing that lives, and shows what has ended step by step", () => {
  expect(drawnOf(kernels(3, 2), 1)).toBe(5);
  expect(drawnOf(kernels(60, 5), 1)).toBe(CARDS_STEP);
  expect(drawnOf(kernels(60, 5), 2)).toBe(2 * CARDS_STEP);
  expect(drawnOf(kernels(60, 25), 1)).toBe(25);
});

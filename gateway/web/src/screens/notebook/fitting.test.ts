import { expect, test } from "vitest";
import { fitting, GAP, MORE } from "./fitting";

test("what fits is shown, and without a button where all of it does", () => {
  const all = 3 * 100 + 2 * GAP;
  expect(fitting(all, [100, 100, 100])).toBe(3);
  expect(fitting(all - 1, [100, 100, 100])).toBe(2);
  expect(fitting(2 * 100 + GAP + MORE - 1, [100, 100, 100])).toBe(1);
  expect(fitting(MORE, [100, 100])).toBe(0);
  expect(fitting(0, [])).toBe(0);
});

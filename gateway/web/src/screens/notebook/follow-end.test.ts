import { expect, it } from "vitest";
import { followsEnd } from "./follow-end";

const box = (scrollTop: number, scrollHeight: number) => ({ scrollTop, scrollHeight, clientHeight: 460 });

it("keeps a box at its end while it grows, until a person goes up, and again once they are back", () => {
  expect(followsEnd(true, 540, box(540, 1_000))).toBe(true);
  // It has grown before anybody was told that it was scrolled.
  expect(followsEnd(true, 540, box(540, 3_000))).toBe(true);
  expect(followsEnd(true, 540, box(300, 3_000))).toBe(false);
  expect(followsEnd(false, 300, box(400, 3_000))).toBe(false);
  expect(followsEnd(false, 400, box(2_530, 3_000))).toBe(true);
  // What it held was cleared.
  expect(followsEnd(true, 540, box(0, 460))).toBe(true);
});

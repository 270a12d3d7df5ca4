import { expect, it } from "vitest";
import { dayAfter } from "./chosen-day";

it("leads from day to day and nowhere beyond them", () => {
  expect(dayAfter("ArrowLeft", 29, 30, 1, 0)).toBe(28);
  expect(dayAfter("ArrowRight", 29, 30, 1, 0)).toBe(29);
  expect(dayAfter("ArrowDown", 3, 30, 1, 0)).toBe(3);
  // A calendar has a week in each column.
  expect(dayAfter("ArrowLeft", 20, 370, 7, 1)).toBe(13);
  expect(dayAfter("ArrowUp", 20, 370, 7, 1)).toBe(19);
  expect(dayAfter("ArrowLeft", 3, 370, 7, 1)).toBe(3);
  expect([dayAfter("Home", 20, 370, 7, 1), dayAfter("End", 20, 370, 7, 1), dayAfter("a", 20, 370, 7, 1)]).toEqual([0, 369, null]);
});

import { expect, it } from "vitest";
import { placeAfter, type Place } from "./grid-keys";

const size = { rows: 100, columns: 5 };
const after = (key: string, row: number, column: number, jump = false): Place | null => placeAfter(key, jump, { row, column }, size, 10);

it("leads from cell to cell, up to the heads, and nowhere beyond", () => {
  expect(after("ArrowDown", 0, 2)).toEqual({ row: 1, column: 2 });
  expect(after("ArrowUp", 0, 2)).toEqual({ row: -1, column: 2 });
  expect(after("ArrowUp", -1, 2)).toEqual({ row: -1, column: 2 });
  expect(after("ArrowDown", 99, 2)).toEqual({ row: 99, column: 2 });
  expect(after("ArrowRight", 3, 4)).toEqual({ row: 3, column: 4 });
  expect(after("End", 3, 0)).toEqual({ row: 3, column: 4 });
  expect(after("Home", 3, 4)).toEqual({ row: 3, column: 0 });
});

it("leads by pages and to the corners, and leaves the browser its own keys", () => {
  expect(after("PageDown", 95, 1)).toEqual({ row: 99, column: 1 });
  expect(after("PageUp", 5, 1)).toEqual({ row: 0, column: 1 });
  expect(after("PageUp", -1, 1)).toEqual({ row: -1, column: 1 });
  expect(after("Home", 50, 3, true)).toEqual({ row: 0, column: 0 });
  expect(after("End", 50, 3, true)).toEqual({ row: 99, column: 4 });
  expect([after("PageDown", 5, 1, true), after("ArrowLeft", 5, 1, true), after("Tab", 5, 1)]).toEqual([null, null, null]);
});

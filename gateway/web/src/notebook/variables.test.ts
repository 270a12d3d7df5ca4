import { expect, test } from "vitest";
import { Asked } from "./variables";

/** For which of these epochs, one after the other, the variables are asked for again. */
function askedAt(...epochs: string[]): string[] {
  const asked = new Asked();
  return epochs.filter((epoch) => asked.again(epoch));
}

test("variables are asked for again after everything that has run, and not while it runs", () => {
  expect(askedAt("1", "1", "", "2", "2", "", "3")).toEqual(["2", "3"]);
});

test("what was asked for while something ran is asked for again when it has ended", () => {
  expect(askedAt("", "", "2", "2")).toEqual(["2"]);
});

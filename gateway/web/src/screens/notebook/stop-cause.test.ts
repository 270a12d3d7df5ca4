import { expect, test } from "vitest";
import { StopCause } from "../../gen/fenxi/analysis/v1/output_pb";
import { stopText } from "./stop-cause";

test("a run that was not to blame says what was, and one that somebody stopped says nothing", () => {
  expect(stopText(StopCause.DEPENDENCY)).toBe("A cell before it failed.");
  expect(stopText(StopCause.FAILURE)).toBe(stopText(StopCause.DEPENDENCY));
  for (const quiet of [StopCause.UNSPECIFIED, StopCause.REQUESTED, 99 as StopCause]) expect(stopText(quiet)).toBe("");
});

import { expect, test } from "vitest";
import { byService, heardDate } from "./clock";

test("a clock that is minutes off is noticed, a slow answer is not", () => {
  const nowMs = Date.parse("Thu, 26 Nov 2026 04:00:00 GMT");
  heardDate("Thu, 26 Nov 2026 03:59:58 GMT", nowMs);
  expect(byService(nowMs)).toBe(nowMs);
  heardDate("Thu, 26 Nov 2026 03:50:00 GMT", nowMs);
  expect(byService(nowMs)).toBe(nowMs - 600_000 + 500);
  heardDate(null, nowMs);
  heardDate("nonsense", nowMs);
  expect(byService(nowMs)).toBe(nowMs - 600_000 + 500);
  heardDate("Thu, 26 Nov 2026 04:00:01 GMT", nowMs);
  expect(byService(nowMs)).toBe(nowMs);
});

import { describe, expect, it } from "vitest";
import { ends, lastDays, weeks } from "./days";

const THURSDAY = Date.UTC(2026, 0, 1, 23, 30);

describe("days of the statistics", () => {
  it("end today and cross the year", () => {
    expect(lastDays(3, THURSDAY)).toEqual(["2025-12-30", "2025-12-31", "2026-01-01"]);
  });

  it("count what never ran apart", () => {
    expect(ends({ total: 5n, succeeded: 2n, failed: 1n })).toEqual({ total: 5, succeeded: 2, failed: 1, notRun: 2 });
    expect(ends(undefined)).toEqual({ total: 0, succeeded: 0, failed: 0, notRun: 0 });
  });

  it("stand in weeks from Monday, with none to come", () => {
    const [before, current] = weeks(2, THURSDAY);
    expect(before?.[0]).toBe("2025-12-22");
    expect(current).toEqual(["2025-12-29", "2025-12-30", "2025-12-31", "2026-01-01", null, null, null]);
  });
});

import { describe, expect, it } from "vitest";
import { columnWindow, rowWindow, ROW_PX, scrollHeight, SCROLL_MAX_PX } from "./grid-geometry";

describe("rows in view", () => {
  it("are a few, wherever one looks", () => {
    for (const rows of [0, 1, 100, 1_000_000, 500_000_000]) {
      const height = scrollHeight(rows);
      expect(height).toBeLessThanOrEqual(SCROLL_MAX_PX);
      for (const share of [0, 0.31, 1]) {
        const window = rowWindow(rows, share * Math.max(0, height - 600), 600);
        expect(window.end - window.first).toBeLessThan(40);
      }
    }
  });

  it("reach the very first and the very last one, scaled or not", () => {
    for (const rows of [50, 1_000_000, 500_000_000]) {
      const bottom = scrollHeight(rows) - 600;
      expect(rowWindow(rows, 0, 600).first).toBe(0);
      const last = rowWindow(rows, bottom, 600);
      expect(last.end).toBe(rows);
      expect(last.topPx + (last.end - last.first) * ROW_PX).toBeCloseTo(bottom + 600, 3);
    }
  });
});

describe("columns in view", () => {
  const edges = Array.from({ length: 10_001 }, (_, index) => index * 120);

  it("are those that overlap the view, and a few beside", () => {
    expect(columnWindow(edges, 0, 600)).toEqual({ first: 0, end: 7 });
    const middle = columnWindow(edges, 600_000, 600);
    expect(middle.first).toBeLessThanOrEqual(5000);
    expect(middle.end).toBeGreaterThanOrEqual(5005);
    expect(columnWindow(edges, 1_199_400, 600).end).toBe(10_000);
  });
});

import { describe, expect, it } from "vitest";
import { columnWindow, realTopOf, revealing, ROW_PX, rowWindow, scrollHeight, SCROLL_MAX_PX, scrollTopOf } from "./grid-geometry";

const windowAt = (rows: number, scrollTop: number) => rowWindow(rows, scrollTop, realTopOf(rows, scrollTop, 600), 600);

describe("rows in view", () => {
  it("are a few, wherever one looks", () => {
    for (const rows of [0, 1, 100, 1_000_000, 500_000_000]) {
      const height = scrollHeight(rows);
      expect(height).toBeLessThanOrEqual(SCROLL_MAX_PX);
      for (const share of [0, 0.31, 1]) {
        const window = windowAt(rows, share * Math.max(0, height - 600));
        expect(window.end - window.first).toBeLessThan(40);
      }
    }
  });

  it("reach the very first and the very last one, scaled or not", () => {
    for (const rows of [50, 1_000_000, 500_000_000]) {
      const bottom = scrollHeight(rows) - 600;
      expect(windowAt(rows, 0).first).toBe(0);
      const last = windowAt(rows, bottom);
      expect(last.end).toBe(rows);
      expect(last.topPx + (last.end - last.first) * ROW_PX).toBeCloseTo(bottom + 600, 3);
    }
  });
});

describe("a row that is asked for", () => {
  it("is scrolled to by as little as will do", () => {
    expect([revealing(320, 352, 300, 600), revealing(64, 96, 300, 600), revealing(1000, 1032, 300, 600)]).toEqual([300, 64, 432]);
    // What is larger than the view is shown from its beginning.
    expect(revealing(100, 1000, 0, 600)).toBe(100);
  });

  it("is drawn in the view also where a step of the scroll range is many rows", () => {
    const rows = 500_000_000;
    const realTop = revealing(123_456_789 * ROW_PX, 123_456_790 * ROW_PX, 0, 600);
    const scrollTop = Math.round(scrollTopOf(rows, realTop, 600));
    expect(Math.abs(realTopOf(rows, scrollTop, 600) - realTop)).toBeLessThan(ROW_PX * 50);
    const { first, topPx } = rowWindow(rows, scrollTop, realTop, 600);
    expect(topPx + (123_456_790 - first) * ROW_PX).toBeCloseTo(scrollTop + 600, 3);
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

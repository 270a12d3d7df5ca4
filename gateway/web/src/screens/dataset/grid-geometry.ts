// Where the cells of a virtual grid lie. Browsers cap the height of an element near 18 million pixels, so above a limit
// the scroll range is scaled: scrolling all the way still reaches the last row.

export const ROW_PX = 32;
/** The tallest element that is asked of the browser. */
export const SCROLL_MAX_PX = 12_000_000;

export interface Range {
  first: number;
  /** Not included. */
  end: number;
}

export interface RowWindow extends Range {
  /** Where the first row of the range is drawn, in pixels of the scrolled element. */
  topPx: number;
}

export function scrollHeight(rows: number): number {
  return Math.min(SCROLL_MAX_PX, rows * ROW_PX);
}

/** How far the rows can be scrolled, in pixels of theirs and in those of the scroll range. */
function travels(rows: number, viewPx: number): { real: number; scrolled: number } {
  return { real: Math.max(0, rows * ROW_PX - viewPx), scrolled: Math.max(1, scrollHeight(rows) - viewPx) };
}

const isScaled = (rows: number) => scrollHeight(rows) < rows * ROW_PX;

/** How many pixels of rows are above the view at a scroll position. */
export function realTopOf(rows: number, scrollTop: number, viewPx: number): number {
  if (!isScaled(rows)) return Math.max(0, scrollTop);
  const { real, scrolled } = travels(rows, viewPx);
  return Math.min(1, Math.max(0, scrollTop / scrolled)) * real;
}

/** The scroll position that is nearest to so many pixels of rows above the view. */
export function scrollTopOf(rows: number, realTop: number, viewPx: number): number {
  if (!isScaled(rows)) return realTop;
  const { real, scrolled } = travels(rows, viewPx);
  return (realTop / real) * scrolled;
}

/** Where a view of `viewPx` that begins at `at` is to begin, so that all from `from` to `to` is in it; where it is, if it is so. */
export function revealing(from: number, to: number, at: number, viewPx: number): number {
  return Math.min(from, Math.max(at, to - viewPx));
}

/** The rows to draw for a scroll position, with so many pixels of rows above the view. */
export function rowWindow(rows: number, scrollTop: number, realTop: number, viewPx: number, overscan = 6): RowWindow {
  const visible = Math.ceil(viewPx / ROW_PX);
  const first = Math.max(0, Math.floor(realTop / ROW_PX) - overscan);
  const end = Math.min(rows, Math.floor(realTop / ROW_PX) + visible + overscan + 1);
  return { first, end, topPx: scrollTop + (first * ROW_PX - realTop) };
}

/** The columns to draw: `edges[i]` is where column i begins, the last entry where the last one ends. */
export function columnWindow(edges: number[], scrollLeft: number, viewPx: number, overscan = 2): Range {
  const count = edges.length - 1;
  const first = Math.max(0, firstAtOrAfter(edges, scrollLeft) - 1 - overscan);
  const end = Math.min(count, firstAtOrAfter(edges, scrollLeft + viewPx) + overscan);
  return { first, end };
}

function firstAtOrAfter(edges: number[], px: number): number {
  let low = 0;
  let high = edges.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((edges[middle] as number) < px) low = middle + 1;
    else high = middle;
  }
  return low;
}

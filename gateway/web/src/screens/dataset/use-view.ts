// What part of the grid is in view, and how another cell comes into it.
import { useEffect, useRef, useState, type RefObject } from "react";
import { realTopOf, revealing, ROW_PX, scrollTopOf } from "./grid-geometry";

export interface View {
  top: number;
  left: number;
  width: number;
  /** Of the rows; the heads stand above. */
  height: number;
  /** Pixels of rows above the view. */
  realTop: number;
}

const isSame = (one: View, other: View) => (Object.keys(one) as (keyof View)[]).every((key) => one[key] === other[key]);

/** `edges` and `gutter` as the grid has them: where columns begin, and how wide the numbers of the rows are. */
export function useView(host: RefObject<HTMLElement | null>, rows: number, edges: number[], gutter: number) {
  const [view, setView] = useState<View>({ top: 0, left: 0, width: 800, height: 448, realTop: 0 });
  // Where a step of the scroll range is more than a pixel of rows, the place that was asked for is known better than it tells.
  const asked = useRef({ top: 0, realTop: 0 });
  const seen = (element: HTMLElement): View => {
    const { scrollTop: top, scrollLeft: left, clientWidth: width } = element;
    const height = Math.max(ROW_PX, element.clientHeight - ROW_PX);
    return { top, left, width, height, realTop: asked.current.top === top ? asked.current.realTop : realTopOf(rows, top, height) };
  };
  const read = () => {
    if (!host.current) return;
    const next = seen(host.current);
    setView((before) => (isSame(before, next) ? before : next));
  };
  const latest = useRef(read);
  latest.current = read;
  useEffect(() => {
    const element = host.current;
    if (!element) return;
    let frame = 0;
    const later = () => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => latest.current());
    };
    later();
    element.addEventListener("scroll", later, { passive: true });
    const observer = new ResizeObserver(later);
    observer.observe(element);
    return () => {
      cancelAnimationFrame(frame);
      observer.disconnect();
      element.removeEventListener("scroll", later);
    };
  }, [host]);
  /** Scrolls as little as will do. A head is in view wherever the rows are. */
  const reveal = (row: number, column: number) => {
    const element = host.current;
    if (!element) return;
    const { realTop, left, width, height } = seen(element);
    const wanted = row < 0 ? realTop : revealing(row * ROW_PX, (row + 1) * ROW_PX, realTop, height);
    if (wanted !== realTop) {
      element.scrollTop = scrollTopOf(rows, wanted, height);
      asked.current = { top: element.scrollTop, realTop: wanted };
    }
    element.scrollLeft = revealing(edges[column] ?? 0, edges[column + 1] ?? 0, left, width - gutter);
    read();
  };
  return { view, reveal };
}

// Whether a box that scrolls is kept at its end while it grows.

/** A box that is as near to its end as this is at its end. */
const SLACK_PX = 24;

export interface Scrolled {
  scrollTop: number;
  clientHeight: number;
  scrollHeight: number;
}

/** After the box was scrolled from `formerTop`: it has grown meanwhile, or a person went up, or back to its end. */
export function followsEnd(followed: boolean, formerTop: number, box: Scrolled): boolean {
  if (box.scrollTop + box.clientHeight >= box.scrollHeight - SLACK_PX) return true;
  return followed && box.scrollTop >= formerTop;
}

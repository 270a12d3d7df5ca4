// Which of many days is looked at: by the pointer, a tap, or the arrow keys, with one stop for Tab in all of them.
import { useState, type KeyboardEvent, type PointerEvent, type SyntheticEvent } from "react";

/** Where a key leads from the day `at` of `count`; `across` is how many days a step to the side is, `down` one up or down. */
export function dayAfter(key: string, at: number, count: number, across: number, down: number): number | null {
  const steps: Record<string, number> = {
    ArrowLeft: at - across, ArrowRight: at + across, ArrowUp: at - down, ArrowDown: at + down, Home: 0, End: count - 1,
  };
  const next = steps[key];
  if (next === undefined) return null;
  return next < 0 || next >= count ? at : next;
}

/** For the element around the days, each of which takes `day(at)` and says by its label what is to be known of it. */
export function useChosenDay(count: number, across: number, down: number) {
  const [chosen, setChosen] = useState(count - 1);
  const look = ({ target }: SyntheticEvent) => {
    const at = (target as HTMLElement).dataset["at"];
    if (at !== undefined) setChosen(Number(at));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const next = dayAfter(event.key, chosen, count, across, down);
    if (next === null) return;
    event.preventDefault();
    event.currentTarget.querySelector<HTMLElement>(`[data-at="${next}"]`)?.focus();
  };
  // A finger that scrolls by does not look at anything; a tap does.
  const onPointerOver = (event: PointerEvent) => event.pointerType === "mouse" && look(event);
  const around = { onFocus: look, onClick: look, onPointerOver, onKeyDown };
  const day = (at: number) => ({ "data-at": at, "data-chosen": at === chosen, tabIndex: at === chosen ? 0 : -1 });
  return { chosen, around, day };
}

// The button of a row in the history, which takes the row away: the rows below move up under the pointer, and the focus has
// to go on from there.
import { RotateCcw, Trash2 } from "lucide-react";
import type { MouseEvent } from "react";
import type { HistoryEntry } from "../../gen/fenxi/history/v1/history_pb";
import { useT } from "../../i18n/i18n";
import { IconButton } from "../../ui/button";
import { useFocusReturn } from "../../ui/focus-return";
import { deleteEntry, undelete } from "./delete";

/** As long as systems take two clicks for one double click. */
const DOUBLE_CLICK_MS = 500;
let lastClickMs = Number.NEGATIVE_INFINITY;

/** Whether it is the second click of a double click. The first one was meant for the row that has gone. */
function isSecondClick({ detail, timeStamp }: MouseEvent): boolean {
  // A key that is pressed counts no clicks.
  if (detail === 0) return false;
  const second = timeStamp - lastClickMs < DOUBLE_CLICK_MS;
  lastClickMs = timeStamp;
  return second;
}

/** `at` is which row of the list it is. */
export function RowAction({ entry, at, deleted }: { entry: HistoryEntry; at: number; deleted: boolean }) {
  const t = useT();
  const willGo = useFocusReturn(() => {
    const others = document.querySelectorAll<HTMLElement>(".history-action");
    (others[at] ?? others[at - 1] ?? document.querySelector<HTMLElement>(".history-tools input"))?.focus();
  });
  const press = (event: MouseEvent) => {
    if (isSecondClick(event)) return;
    willGo();
    void (deleted ? undelete(entry) : deleteEntry(entry));
  };
  return (
    <IconButton
      label={t(deleted ? "history.restore" : "common.delete")}
      icon={deleted ? <RotateCcw /> : <Trash2 />}
      size="s"
      className="history-action"
      onClick={press}
      // A key that is held would go on with the next row, which then has the focus.
      onKeyDown={(event) => event.repeat && event.preventDefault()}
    />
  );
}

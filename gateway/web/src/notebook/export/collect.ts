// What of a notebook goes into a file: its cells and what they said, once it is here.
import type { Feed } from "../../execution/feed";
import type { OutputModel } from "../../execution/model";
import type { Cell } from "../document";

/** How long outputs of runs that have ended are waited for. */
export const ARRIVAL_WAIT_MAX_MS = 30_000;

export interface ExportedCell {
  id: string;
  code: string;
  executionId: string | null;
  /** What it said; null if it never ran or nothing of it is known. */
  model: OutputModel | null;
}

export interface Collected {
  cells: ExportedCell[];
  /** Cells of whose output there may be more: they run, or it could not be had. */
  incomplete: number;
}

/** Cells that hold nothing are left out: there is always one, to write in. */
export async function collect(cells: Cell[], feedOf: (executionId: string | null) => Feed | null): Promise<Collected> {
  const kept = cells.filter(({ code, executionId }) => code.trim() !== "" || executionId);
  const coming = kept.flatMap(({ executionId }) => feedOf(executionId) ?? []).filter((feed) => feed.ended);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, ARRIVAL_WAIT_MAX_MS)));
  await Promise.race([late, Promise.all(coming.map(arrival))]);
  clearTimeout(timer);
  const exported = kept.map(({ id, code, executionId }) => ({ id, code, executionId, model: feedOf(executionId)?.model ?? null }));
  const incomplete = exported.filter(({ executionId, model }) => executionId && model?.phase !== "finished").length;
  return { cells: exported, incomplete };
}

function arrival(feed: Feed): Promise<void> {
  const here = () => feed.finished || feed.failure !== null;
  if (here()) return Promise.resolve();
  return new Promise((resolve) => {
    const leave = feed.notifier.subscribe(() => {
      if (!here()) return;
      leave();
      resolve();
    });
  });
}

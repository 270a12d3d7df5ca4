// What the history has kept of a result, and the whole of it from the log of its execution, which is kept for a shorter time.
import { Feed } from "../../execution/feed";
import { OutputModel, type OutputItem, type Truncated } from "../../execution/model";
import type { OutputEvent } from "../../gen/fenxi/analysis/v1/output_pb";

/** What the history takes of an execution: the bound of HistoryRecordItem.outputs. Its own markers bear it. */
const ENTRY_MAX_BYTES = 256n * 1024n;

/** The result as the page shows it. Kept events are in order, but limits may have left numbers out. */
export function modelOf(events: OutputEvent[]): OutputModel {
  const model = new OutputModel();
  for (const event of events) {
    if (event.sequence > model.lastSequence) model.lastSequence = event.sequence - 1n;
    model.apply(event);
  }
  return model;
}

/** Whether it was the history that left this out; what the execution's own limit left out is in no log either. */
export function isLeftOut(item: OutputItem): item is Truncated {
  return item.kind === "truncated" && item.limitBytes === ENTRY_MAX_BYTES;
}

/** All that an execution which has ended has said. Throws NOT_FOUND where its log is not kept any more. */
export async function wholeOf(executionId: string, signal: AbortSignal): Promise<OutputModel> {
  const feed = new Feed(executionId);
  feed.ended = true;
  await feed.watch(signal);
  signal.throwIfAborted();
  if (feed.failure !== null) throw feed.failure;
  return feed.model;
}

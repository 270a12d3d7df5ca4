// Why a run was cancelled or stopped, for a person.
import { StopCause } from "../../gen/fenxi/analysis/v1/output_pb";
import { translate, type MessageKey } from "../../i18n/i18n";

/** What somebody asked for needs no words. */
const CAUSES: Partial<Record<StopCause, MessageKey>> = {
  [StopCause.QUEUE_CLEARED]: "stop.queueCleared",
  [StopCause.FAILURE]: "stop.before",
  [StopCause.DEPENDENCY]: "stop.before",
  [StopCause.KERNEL]: "stop.kernel",
  [StopCause.MEMORY]: "stop.memory",
  [StopCause.LIMIT]: "stop.limit",
};

export function stopText(cause: StopCause): string {
  const key = CAUSES[cause];
  return key ? translate(key) : "";
}

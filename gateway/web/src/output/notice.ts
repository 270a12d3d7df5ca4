// What the page says for a notice of the service, and what of the notice's own text a person is to see.
import { NoticeKind } from "../gen/fenxi/analysis/v1/output_pb";
import type { MessageKey } from "../i18n/i18n";

interface Notice {
  key: MessageKey;
  /** Its own text: left out, shown behind ours, or many lines to be opened. */
  own: "none" | "text" | "listing";
}

const NOTICES: Record<NoticeKind, Notice> = {
  [NoticeKind.UNSPECIFIED]: { key: "notices.other", own: "text" },
  [NoticeKind.INTERRUPT_SENT]: { key: "notices.interruptSent", own: "none" },
  [NoticeKind.INTERRUPT_ESCALATED]: { key: "notices.interruptEscalated", own: "none" },
  [NoticeKind.TIME_LIMIT]: { key: "notices.timeLimit", own: "none" },
  [NoticeKind.MEMORY_HIGH]: { key: "notices.memoryHigh", own: "text" },
  [NoticeKind.DATASET_NOT_LOADED]: { key: "notices.datasetNotLoaded", own: "text" },
  [NoticeKind.OUTPUT_LIMIT]: { key: "notices.outputLimit", own: "none" },
  [NoticeKind.STACKS]: { key: "notices.stacks", own: "listing" },
  [NoticeKind.MEMORY_INTERRUPT]: { key: "notices.memoryInterrupt", own: "none" },
  [NoticeKind.DISK_HIGH]: { key: "notices.diskHigh", own: "text" },
};

/** Of kinds that a newer service knows and this page does not, their own text has to do. */
export function noticeOf(kind: NoticeKind): Notice {
  return (NOTICES as Partial<Record<NoticeKind, Notice>>)[kind] ?? NOTICES[NoticeKind.UNSPECIFIED];
}

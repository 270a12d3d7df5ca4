// What is said where a run's output was not kept.
import type { Truncated } from "../execution/model";
import { bytes } from "../i18n/format";
import { currentLanguage, fill } from "../i18n/i18n";
import { WORDS } from "../i18n/left-out-words";

export function leftOutText({ keptBytes, droppedBytes, limitBytes }: Pick<Truncated, "keptBytes" | "droppedBytes" | "limitBytes">): string {
  const words = WORDS[currentLanguage()];
  const dropped = bytes(droppedBytes);
  return limitBytes > 0n ? fill(words.leftOut, { dropped, kept: bytes(keptBytes), limit: bytes(limitBytes) }) : fill(words.lost, { dropped });
}

// How an execution ended, as a badge.
import { Outcome } from "../../gen/fenxi/analysis/v1/output_pb";
import { useT, type MessageKey } from "../../i18n/i18n";

export const OUTCOMES: Record<Exclude<Outcome, Outcome.UNSPECIFIED>, { key: MessageKey; badge: string }> = {
  [Outcome.OK]: { key: "outcome.ok", badge: "badge-good" },
  [Outcome.ERROR]: { key: "outcome.error", badge: "badge-bad" },
  [Outcome.INTERRUPTED]: { key: "outcome.interrupted", badge: "badge-warn" },
  [Outcome.TIMED_OUT]: { key: "outcome.timedOut", badge: "badge-bad" },
  [Outcome.CANCELLED]: { key: "outcome.cancelled", badge: "" },
  // A death or a restart: the history does not know which.
  [Outcome.KILLED]: { key: "outcome.killed", badge: "badge-warn" },
  [Outcome.LOST]: { key: "outcome.lost", badge: "badge-bad" },
};

export function OutcomeBadge({ outcome }: { outcome: Outcome }) {
  const t = useT();
  if (outcome === Outcome.UNSPECIFIED) return null;
  const look = OUTCOMES[outcome];
  return <span className={`badge ${look.badge}`} data-outcome={Outcome[outcome]}>{t(look.key)}</span>;
}

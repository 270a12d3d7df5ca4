// A finished analysis in a list.
import type { ReactNode } from "react";
import { Link } from "wouter";
import type { HistoryEntry } from "../../gen/fenxi/history/v1/history_pb";
import { ago, durationMs, span } from "../../i18n/format";
import { isolated, useT } from "../../i18n/i18n";
import { OutcomeBadge } from "./outcome";
import "./history.css";

export function HistoryRow({ entry, actions }: { entry: HistoryEntry; actions?: ReactNode }) {
  const t = useT();
  const tookMs = durationMs(entry.executionDuration);
  const facts = [entry.datasets.map((dataset) => isolated(dataset.name)).join(", "), tookMs === null ? "" : span(tookMs), ago(entry.endTime)].filter(Boolean);
  return (
    <div className="list-row list-row-link" data-testid="history-row">
      <Link href={`/h/${entry.historyEntryId}`} className="grow history-link">
        <code className="ellipsis">{entry.title || t("history.untitled")}</code>
        {entry.resultPreview && <span className="ellipsis small history-preview">{entry.resultPreview}</span>}
        <span className="muted small num ellipsis">{facts.join(" · ")}</span>
      </Link>
      <OutcomeBadge outcome={entry.outcome} />
      {actions}
    </div>
  );
}

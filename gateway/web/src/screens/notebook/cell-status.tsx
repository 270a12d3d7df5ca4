// How a cell's run stands, or how it ended, in one line.
import { useEffect, useState } from "react";
import type { Feed } from "../../execution/feed";
import { Outcome } from "../../gen/fenxi/analysis/v1/output_pb";
import { durationMs, span } from "../../i18n/format";
import { useT } from "../../i18n/i18n";
import type { Cell } from "../../notebook/document";
import type { Place } from "../../notebook/queue";
import type { NotebookSession } from "../../notebook/session";
import { OutcomeBadge } from "../history/outcome";
import { deathText } from "./death";

export type Status = "new" | "sending" | "queued" | "running" | "done" | "loading";

export function statusOf(session: NotebookSession, cell: Cell, feed: Feed | null): Status {
  if (cell.requestId) return "sending";
  if (!cell.executionId) return "new";
  if (!feed) return session.loading ? "loading" : "new";
  if (feed.failure) return "done";
  switch (feed.model.phase) {
    case "finished":
      return "done";
    case "running":
      return "running";
    case "queued":
      return "queued";
    default:
      return session.kernel?.runningExecutionId === cell.executionId ? "running" : feed.execution?.outcome ? "loading" : "queued";
  }
}

/** Offset of the service's clock to ours, learnt when a run is seen to start. */
function useElapsed(feed: Feed | null, running: boolean): number {
  const startedAtMs = feed?.model.startedAtMs ?? null;
  const [nowMs, setNowMs] = useState(() => Date.now());
  useEffect(() => {
    if (!running) return;
    const timer = setInterval(() => setNowMs(Date.now()), 250);
    return () => clearInterval(timer);
  }, [running]);
  return startedAtMs === null ? 0 : Math.max(0, nowMs - startedAtMs);
}

/** Where the run of a cell waits, as far as the service has said. */
export function placeOf(session: NotebookSession, cell: Cell): Place | null {
  return (cell.executionId && session.queue.places.get(cell.executionId)) || null;
}

interface CellStatusProps {
  status: Status;
  feed: Feed | null;
  session: NotebookSession;
  place: Place | null;
}

export function CellStatus({ status, feed, session, place }: CellStatusProps) {
  const t = useT();
  const elapsedMs = useElapsed(feed, status === "running");
  if (status === "new") return null;
  const reconnecting = (status === "running" || status === "queued") && feed?.link === "waiting";
  if (status === "done") return <Ended feed={feed} />;
  const stopping = session.stopRequestedAtMs !== null;
  return (
    <div className="cell-status small muted num" role="status" data-testid="cell-status">
      <span className="spinner" aria-hidden />
      {reconnecting
        ? t("notebook.reconnecting")
        : stopping
          ? t("notebook.stopping")
          : status === "running"
            ? `${t("notebook.running")} ${span(elapsedMs)}`
            : status === "queued"
              ? queued(t, place)
              : t(status === "loading" ? "common.loading" : "notebook.sending")}
    </div>
  );
}

function queued(t: ReturnType<typeof useT>, place: Place | null): string {
  if (!place || place.position === 0) return t("notebook.queued");
  const where = t("notebook.queuedAt", { n: place.position });
  return place.waitMs === null ? where : `${where} · ${t("notebook.queuedFor", { span: span(place.waitMs) })}`;
}

function Ended({ feed }: { feed: Feed | null }) {
  const finished = feed?.model.finished;
  if (!finished) return null;
  const tookMs = durationMs(finished.wallDuration);
  const death = deathText(finished.death);
  return (
    <div className="cell-status small muted num" data-testid="cell-status" data-outcome={Outcome[finished.outcome]}>
      <OutcomeBadge outcome={finished.outcome} />
      {tookMs !== null && <span>{span(tookMs)}</span>}
      {death && <span>{death}</span>}
    </div>
  );
}

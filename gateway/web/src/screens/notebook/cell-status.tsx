// How a cell's run stands, or how it ended, in one line; and the same for those who hear it.
import { useRef } from "react";
import { byService } from "../../api/clock";
import { loginState } from "../../api/login-state";
import type { Feed } from "../../execution/feed";
import { useNotifier } from "../../execution/store";
import { Outcome } from "../../gen/fenxi/analysis/v1/output_pb";
import { durationMs, roughSpan, span } from "../../i18n/format";
import { currentLanguage, translate, useT } from "../../i18n/i18n";
import { WORDS } from "../../i18n/notebook-words";
import type { Cell } from "../../notebook/document";
import type { Place } from "../../notebook/queue";
import { useNow } from "../../ui/now";
import { endOf, whyOf } from "./death";
import { stopText } from "./stop-cause";

export type Status = "new" | "sending" | "queued" | "running" | "done" | "loading";

/** How often the time that a run takes is drawn, and the time that one may wait. */
const ELAPSED_TICK_MS = 250;
const WAIT_TICK_MS = 5_000;

/** `running`: the kernel says that it runs this cell's execution. `loading`: the executions are being fetched. */
export function statusOf(cell: Cell, feed: Feed | null, running: boolean, loading: boolean): Status {
  if (cell.requestId) return "sending";
  if (!cell.executionId) return "new";
  if (!feed) return loading ? "loading" : "new";
  if (feed.failure) return "done";
  switch (feed.model.phase) {
    case "finished":
      return "done";
    case "running":
      return "running";
    case "queued":
      return "queued";
    default:
      return running ? "running" : feed.ended ? "loading" : "queued";
  }
}

interface CellStatusProps {
  status: Status;
  /** The cell's name, for those who hear how it goes. */
  label: string;
  feed: Feed | null;
  /** It is being stopped. */
  stopping: boolean;
  place: Place | null;
}

export function CellStatus({ status, label, feed, stopping, place }: CellStatusProps) {
  const t = useT();
  useNotifier(loginState.notifier);
  const finished = feed?.model.finished;
  const reconnecting = (status === "running" || status === "queued") && feed?.link === "waiting";
  const state = reconnecting ? lostText() : stopping ? t("notebook.stopping") : t(STATES[status]);
  const working = status === "running" || status === "queued";
  const worked = useRef(false);
  if (working) worked.current = true;
  // What ended before the page came is no news, and the clock is none.
  const ended = worked.current && status === "done" && finished ? endOf(finished).text : "";
  const news = !working ? ended : feed?.model.openInput ? t("notebook.asksInput") : state;
  return (
    <>
      {status === "done" ? (
        <Ended feed={feed} />
      ) : status === "new" ? null : (
        <div className="cell-status small muted num" data-testid="cell-status">
          <span className="spinner" aria-hidden />
          {reconnecting || stopping ? state : status === "queued" ? <Waiting place={place} /> : state}
          {status === "running" && !reconnecting && !stopping && <Elapsed feed={feed} />}
        </div>
      )}
      <span className="visually-hidden" role="status" data-testid="cell-news">{news && `${label}: ${news}`}</span>
    </>
  );
}

/** Whether what runs goes on is not known of an account that may have been disabled. */
const lostText = () => (loginState.expired ? WORDS[currentLanguage()].signedOut : translate("notebook.reconnecting"));

const STATES = {
  new: "common.loading", done: "common.loading", loading: "common.loading", sending: "notebook.sending", queued: "notebook.queued", running: "notebook.running",
} as const;

function Elapsed({ feed }: { feed: Feed | null }) {
  const nowMs = useNow(ELAPSED_TICK_MS, true);
  const startedAtMs = feed?.model.startedAtMs ?? null;
  return <span aria-hidden>{span(startedAtMs === null ? 0 : Math.max(0, byService(nowMs) - startedAtMs))}</span>;
}

/** Where it waits, and for how long as far as the service can tell; a time that has passed was no good guess. */
function Waiting({ place }: { place: Place | null }) {
  const t = useT();
  const turnAtMs = place?.turnAtMs ?? null;
  const leftMs = -useNow(WAIT_TICK_MS, turnAtMs !== null) + (turnAtMs ?? 0);
  if (!place || place.position === 0) return t("notebook.queued");
  const where = t("notebook.queuedAt", { n: place.position });
  return leftMs <= 0 ? where : `${where} · ${t("notebook.queuedFor", { span: roughSpan(leftMs) })}`;
}

function Ended({ feed }: { feed: Feed | null }) {
  const finished = feed?.model.finished;
  if (!finished) return null;
  const tookMs = durationMs(finished.wallDuration);
  const end = endOf(finished);
  const why = whyOf(finished) || stopText(finished.stopCause);
  return (
    <div className="cell-status small muted num" data-testid="cell-status" data-outcome={Outcome[finished.outcome]}>
      {end.text && <span className={`badge ${end.badge}`}>{end.text}</span>}
      {tookMs !== null && <span>{span(tookMs)}</span>}
      {why && <span>{why}</span>}
    </div>
  );
}

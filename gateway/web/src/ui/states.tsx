// What a screen shows when it has nothing, not yet anything, or failed to get it.
import { CircleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { errorText } from "../api/errors";
import { useT } from "../i18n/i18n";
import { Button } from "./button";

export function Empty({ icon, title, text, children }: { icon: ReactNode; title: string; text?: string; children?: ReactNode }) {
  return (
    <div className="state" data-testid="empty">
      <div className="state-icon" aria-hidden>{icon}</div>
      <h2>{title}</h2>
      {text && <p>{text}</p>}
      {children && <div className="row">{children}</div>}
    </div>
  );
}

export function Failed({ error, onRetry, title, children }: { error: unknown; onRetry?: () => void; title?: string; children?: ReactNode }) {
  const t = useT();
  return (
    <div className="state state-bad" role="alert" data-testid="error">
      <div className="state-icon" aria-hidden><CircleAlert /></div>
      <h2>{title ?? t("common.failed")}</h2>
      <p>{errorText(error)}</p>
      <div className="row">
        {onRetry && <Button onClick={onRetry}>{t("common.retry")}</Button>}
        {children}
      </div>
    </div>
  );
}

interface Asked {
  error: unknown;
  refetch(): unknown;
  isFetchNextPageError?: boolean;
  fetchNextPage?(): unknown;
}

/** For a list, or a thing, that is shown and could not be had anew, or no more of it: what is there stays. */
export function Stale({ query }: { query: Asked }) {
  const t = useT();
  const { error, isFetchNextPageError: more } = query;
  if (!error) return null;
  return (
    <div className="notice notice-warn stale" role="alert" data-testid="stale">
      <CircleAlert />
      <span className="grow">{t(more ? "common.noMore" : "common.stale")} {errorText(error)}</span>
      <Button size="s" onClick={() => void (more ? query.fetchNextPage?.() : query.refetch())}>{t("common.retry")}</Button>
    </div>
  );
}

export function Skeleton({ rows = 4, height = 18 }: { rows?: number; height?: number }) {
  const t = useT();
  return (
    <div className="stack card-pad" role="status" aria-label={t("common.loading")} data-testid="loading">
      {Array.from({ length: rows }, (_, index) => (
        <div key={index} className="skeleton" style={{ height, width: `${95 - ((index * 17) % 40)}%` }} />
      ))}
    </div>
  );
}

export function Spinner({ label }: { label?: string }) {
  const t = useT();
  return (
    <div className="state" role="status">
      <span className="spinner" aria-hidden />
      <p>{label ?? t("common.loading")}</p>
    </div>
  );
}

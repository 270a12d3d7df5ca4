// One finished analysis: its code, all it said, and a way to run it again.
import { useQuery } from "@connectrpc/connect-query";
import { Copy, Play, RotateCcw, SearchX, SquareTerminal, Trash2 } from "lucide-react";
import { useRef, type ReactNode } from "react";
import { useLocation } from "wouter";
import { isNotFound } from "../../api/errors";
import { CodeView } from "../../editor/code-view";
import { KernelService } from "../../gen/fenxi/analysis/v1/kernel_pb";
import { HistoryService, type GetHistoryEntryResponse, type HistoryEntry } from "../../gen/fenxi/history/v1/history_pb";
import { durationMs, moment, span } from "../../i18n/format";
import { useT } from "../../i18n/i18n";
import { formerLanguage } from "../../notebook/language";
import { PageHead } from "../../shell/shell";
import { Button, IconButton, LinkButton } from "../../ui/button";
import { copyText } from "../../ui/copy";
import { useFocusReturn } from "../../ui/focus-return";
import { Empty, Failed, Skeleton, Stale } from "../../ui/states";
import { useKernelSpecs } from "../home/kernel-spec";
import { useStart } from "../home/start";
import { deleteEntry, undelete } from "./delete";
import { OutcomeBadge } from "./outcome";
import { Result } from "./result";
import "./history.css";

export function EntryScreen({ entryId }: { entryId: string }) {
  const t = useT();
  const query = useQuery(HistoryService.method.getHistoryEntry, { historyEntryId: entryId });
  const { data, error, refetch } = query;
  if (error && isNotFound(error)) {
    return (
      <Empty icon={<SearchX />} title={t("history.gone")}>
        <LinkButton href="/history">{t("nav.history")}</LinkButton>
      </Empty>
    );
  }
  if (!data?.entry) {
    return error ? <Failed error={error} onRetry={() => void refetch()} /> : <div className="screen"><Skeleton rows={8} height={26} /></div>;
  }
  return <Loaded data={data} stale={<Stale query={query} />} />;
}

function Loaded({ data, stale }: { data: GetHistoryEntryResponse; stale: ReactNode }) {
  const t = useT();
  const [, go] = useLocation();
  const entry = data.entry!;
  const tookMs = durationMs(entry.executionDuration);
  const { language, kernelSpec, known } = useFormerKernel(entry.kernelId);
  const code = useRef<HTMLDivElement>(null);
  const { busy, start } = useStart();
  const again = {
    displayName: entry.datasets.map(({ name }) => name).join(" + ").slice(0, 200),
    kernelSpec,
    tables: entry.datasets.map(({ datasetId, variableName }) => ({ datasetId, variableName })),
  };
  return (
    <div className="screen" data-testid="history-entry">
      <PageHead
        tab={entry.title}
        title={<code className="entry-title">{entry.title || t("history.untitled")}</code>}
        sub={<span className="num">{[moment(entry.endTime), tookMs === null ? "" : span(tookMs)].filter(Boolean).join(" · ")}</span>}
      >
        <OutcomeBadge outcome={entry.outcome} />
        <EntryAction key={String(entry.deleteTime !== undefined)} entry={entry} onDeleted={() => go("/history")} />
        {entry.code !== "" && <Button icon={<Play />} busy={busy} disabled={!known} onClick={() => void start(again, [entry.code])} data-testid="run-again">{t("history.runAgain")}</Button>}
        <LinkButton href={`/k/${entry.kernelId}`} icon={<SquareTerminal />}>{t("history.openNotebook")}</LinkButton>
      </PageHead>
      {entry.datasets.length > 0 && (
        <div className="row wrap">
          {entry.datasets.map((dataset) => (
            <LinkButton key={dataset.datasetId} href={`/d/${dataset.datasetId}`} size="s">
              <code>{dataset.variableName}</code> {dataset.name}
            </LinkButton>
          ))}
        </div>
      )}
      <section className="card entry-code">
        <header className="row"><h2 className="grow">{t("history.code")}</h2><IconButton label={t("common.copy")} icon={<Copy />} size="s" onClick={() => void copyText(entry.code, code.current)} /></header>
        <div ref={code}><CodeView code={entry.code} language={language} /></div>
      </section>
      <section className="card card-pad stack">
        <h2>{t("history.result")}</h2>
        <Result executionId={entry.executionId} outputs={data.outputs} />
      </section>
      {stale}
    </div>
  );
}

/** Deletes it, or brings it back. It is another button then, which has the focus if this one had it. */
function EntryAction({ entry, onDeleted }: { entry: HistoryEntry; onDeleted(): void }) {
  const t = useT();
  const willGo = useFocusReturn(() => document.querySelector<HTMLElement>(".entry-action")?.focus());
  if (entry.deleteTime) {
    return <Button className="entry-action" icon={<RotateCcw />} onFocus={willGo} onClick={() => void undelete(entry)}>{t("history.restore")}</Button>;
  }
  const remove = async () => {
    if (await deleteEntry(entry)) onDeleted();
  };
  return <IconButton className="entry-action" label={t("common.delete")} icon={<Trash2 />} onFocus={willGo} onClick={() => void remove()} />;
}

/**
 * Of what kind its kernel is, and what that is written in. The entry does not say; the kernel does, as long as it is kept.
 * Until it is `known` what it was, it would run again in another kind.
 */
function useFormerKernel(kernelId: string): { language: string; kernelSpec: string; known: boolean } {
  const { specs, pending } = useKernelSpecs();
  const mayDiffer = specs.length > 1;
  const { data, isPending } = useQuery(KernelService.method.getKernel, { kernelId }, { enabled: mayDiffer, staleTime: Number.POSITIVE_INFINITY });
  const kernel = data?.kernel ?? null;
  return { language: formerLanguage(kernel, specs), kernelSpec: kernel?.kernelSpec ?? "", known: !pending && !(mayDiffer && isPending) };
}

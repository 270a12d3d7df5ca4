// The front page: analyses that are open, tables just brought in, what was done last.
import { useInfiniteQuery, useQuery } from "@connectrpc/connect-query";
import { ArrowRight, Database, Plus, SquareTerminal, Upload } from "lucide-react";
import { Link } from "wouter";
import { DatasetService } from "../../gen/fenxi/analysis/v1/dataset_pb";
import { KernelService } from "../../gen/fenxi/analysis/v1/kernel_pb";
import { HistoryService } from "../../gen/fenxi/history/v1/history_pb";
import { ago, bytes } from "../../i18n/format";
import { useT } from "../../i18n/i18n";
import { PageHead } from "../../shell/shell";
import { useUser } from "../../shell/user";
import { Button } from "../../ui/button";
import { Empty, Failed, Skeleton, Stale } from "../../ui/states";
import { useUpload } from "../../upload/provider";
import { HistoryRow } from "../history/history-row";
import { specOf } from "../../notebook/language";
import { KernelCard } from "./kernel-card";
import { useKernelSpecs } from "./kernel-spec";
import { NewAnalysis } from "./new-analysis";
import { CARDS_STEP, drawnOf, liveFirst } from "./order";
import { useMemo, useState, type ReactNode } from "react";
import "./home.css";

export function HomeScreen() {
  const t = useT();
  const user = useUser();
  const upload = useUpload();
  const [creating, setCreating] = useState(false);
  const warned = useKernels().kernels?.some((kernel) => kernel.idleWarningTime);
  return (
    <div className="screen">
      <PageHead tab={t("nav.home")} mark={warned ? "ending" : ""} title={t("home.hello", { name: user.displayName || user.username })} sub={t("home.lead")}>
        <Button icon={<Upload />} onClick={() => upload.open()}>{t("upload.title")}</Button>
        <Button variant="primary" icon={<Plus />} onClick={() => setCreating(true)} data-testid="new-analysis">{t("home.newAnalysis")}</Button>
      </PageHead>
      <Kernels onNew={() => setCreating(true)} />
      <div className="home-two">
        <RecentDatasets />
        <RecentHistory />
      </div>
      <NewAnalysis open={creating} onClose={() => setCreating(false)} />
    </div>
  );
}

function Section({ title, href, children }: { title: string; href?: string; children: ReactNode }) {
  const t = useT();
  return (
    <section className="home-section">
      <header className="row">
        <h2 className="grow">{title}</h2>
        {href && <Link href={href} className="row small">{t("common.all")}<ArrowRight size={14} /></Link>}
      </header>
      {children}
    </section>
  );
}

/** As many as one answer holds: what lives is to be among them. */
const PAGE_SIZE = 100;

function useKernels() {
  const list = useInfiniteQuery(
    KernelService.method.listKernels,
    { pageSize: PAGE_SIZE, pageToken: "" },
    { pageParamKey: "pageToken", getNextPageParam: (page) => page.nextPageToken || undefined, refetchInterval: 10_000 },
  );
  const kernels = useMemo(() => list.data && liveFirst(list.data.pages.flatMap((page) => page.kernels)), [list.data]);
  return { ...list, kernels };
}

function Kernels({ onNew }: { onNew(): void }) {
  const t = useT();
  const list = useKernels();
  const { kernels: all, error, refetch, hasNextPage, isFetchingNextPage, fetchNextPage } = list;
  const { specs } = useKernelSpecs();
  const [steps, setSteps] = useState(1);
  const drawn = drawnOf(all ?? [], steps);
  const more = () => {
    setSteps(steps + 1);
    if (hasNextPage && drawn + CARDS_STEP > (all?.length ?? 0)) void fetchNextPage();
  };
  return (
    <Section title={t("home.analyses")}>
      {error && !all ? (
        <div className="card"><Failed error={error} onRetry={() => void refetch()} /></div>
      ) : !all ? (
        <div className="card"><Skeleton rows={2} height={40} /></div>
      ) : all.length === 0 ? (
        <div className="card">
          <Empty icon={<SquareTerminal />} title={t("home.noAnalyses")} text={t("home.noAnalysesText")}>
            <Button variant="primary" icon={<Plus />} onClick={onNew}>{t("home.newAnalysis")}</Button>
          </Empty>
        </div>
      ) : (
        <>
          <div className="kernels">{all.slice(0, drawn).map((kernel) => <KernelCard key={kernel.kernelId} kernel={kernel} kind={specs.length > 1 ? (specOf(kernel, specs)?.displayName ?? kernel.kernelSpec) : ""} onChange={refetch} />)}</div>
          {(drawn < all.length || hasNextPage) && <Button className="more" busy={isFetchingNextPage} onClick={more} data-testid="more-kernels">{t("common.more")}</Button>}
        </>
      )}
      {all && <Stale query={list} />}
    </Section>
  );
}

function RecentDatasets() {
  const t = useT();
  const upload = useUpload();
  const query = useQuery(DatasetService.method.listDatasets, { pageSize: 5 });
  const { data, error, refetch } = query;
  return (
    <Section title={t("home.recentDatasets")} href="/datasets">
      <div className="card">
        {error && !data ? (
          <Failed error={error} onRetry={() => void refetch()} />
        ) : !data ? (
          <Skeleton rows={4} height={26} />
        ) : data.datasets.length === 0 ? (
          <Empty icon={<Database />} title={t("datasets.none")} text={t("datasets.noneText")}>
            <Button icon={<Upload />} onClick={() => upload.open()}>{t("upload.title")}</Button>
          </Empty>
        ) : (
          <div className="list">
            {data.datasets.map((dataset) => (
              <Link key={dataset.datasetId} href={`/d/${dataset.datasetId}`} className="list-row">
                <span className="home-icon" aria-hidden><Database size={17} /></span>
                <span className="grow dataset-link">
                  <span className="ellipsis">{dataset.name}</span>
                  <span className="muted small num">{t("dataset.rows", { n: dataset.rowCount })} · {bytes(dataset.sizeBytes)}</span>
                </span>
                <span className="muted small">{ago(dataset.createTime)}</span>
              </Link>
            ))}
          </div>
        )}
      </div>
      {data && <Stale query={query} />}
    </Section>
  );
}

function RecentHistory() {
  const t = useT();
  const query = useQuery(HistoryService.method.listHistory, { pageSize: 5 });
  const { data, error, refetch } = query;
  const entries = data?.entries.filter((entry) => !entry.deleteTime);
  return (
    <Section title={t("home.recentHistory")} href="/history">
      <div className="card">
        {error && !entries ? (
          <Failed error={error} onRetry={() => void refetch()} />
        ) : !entries ? (
          <Skeleton rows={4} height={26} />
        ) : entries.length === 0 ? (
          <Empty icon={<SquareTerminal />} title={t("history.none")} text={t("history.noneText")} />
        ) : (
          <div className="list">{entries.map((entry) => <HistoryRow key={entry.historyEntryId} entry={entry} />)}</div>
        )}
      </div>
      {data && <Stale query={query} />}
    </Section>
  );
}

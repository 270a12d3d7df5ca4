// Everything the person ever analysed: searched, filtered, deleted and brought back.
import { useInfiniteQuery, useQuery } from "@connectrpc/connect-query";
import { keepPreviousData } from "@tanstack/react-query";
import { History, RotateCcw, SearchX, Trash2 } from "lucide-react";
import { useEffect, useMemo, useState } from "react";
import { useSearchParams } from "wouter";
import { isNotFound } from "../../api/errors";
import { DatasetService } from "../../gen/fenxi/analysis/v1/dataset_pb";
import { Outcome } from "../../gen/fenxi/analysis/v1/output_pb";
import { HistoryService } from "../../gen/fenxi/history/v1/history_pb";
import { useT } from "../../i18n/i18n";
import { PageHead } from "../../shell/shell";
import { Button, IconButton } from "../../ui/button";
import { useDebounced } from "../../ui/debounced";
import { SearchInput } from "../../ui/field";
import { useFocusReturn } from "../../ui/focus-return";
import { Empty, Failed, Skeleton, Stale } from "../../ui/states";
import { deleteEntry, undelete } from "./delete";
import { HistoryRow } from "./history-row";
import { looksOn } from "./look-on";
import { OUTCOMES } from "./outcome";
import { SearchText } from "./search-text";
import "./history.css";

const SPANS_DAYS = [1, 7, 30, 365];
const DAY_SECONDS = 86_400;

interface Filters {
  query: string;
  outcome: number;
  datasetId: string;
  days: number;
  deleted: boolean;
}

const NO_FILTERS: Filters = { query: "", outcome: 0, datasetId: "", days: 0, deleted: false };

const isFiltered = ({ query, outcome, datasetId, days }: Filters) => query !== "" || outcome > 0 || datasetId !== "" || days > 0;

/** Filters live in the address, so that a link or the back button brings them along. */
function useFilters(): [Filters, (part: Partial<Filters>) => void] {
  const [search, setSearch] = useSearchParams();
  const filters: Filters = {
    query: search.get("q") ?? "",
    outcome: Number(search.get("outcome") ?? 0) || 0,
    datasetId: search.get("dataset") ?? "",
    days: Number(search.get("days") ?? 0) || 0,
    deleted: search.get("deleted") === "1",
  };
  const change = (part: Partial<Filters>) => {
    const next = { ...filters, ...part };
    const entries: [string, string][] = [
      ["q", next.query], ["outcome", String(next.outcome || "")], ["dataset", next.datasetId],
      ["days", String(next.days || "")], ["deleted", next.deleted ? "1" : ""],
    ];
    setSearch(new URLSearchParams(entries.filter(([, value]) => value !== "")), { replace: true });
  };
  return [filters, change];
}

export function HistoryScreen() {
  const t = useT();
  const [filters, setFilters] = useFilters();
  const [query, setQuery] = useState(filters.query);
  const wanted = useDebounced(query.trim());
  const [text] = useState(() => new SearchText(filters.query));
  useEffect(() => {
    if (text.rested(wanted)) setFilters({ query: wanted });
    // Only what was typed leads here; the address follows it.
    // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [wanted]);
  useEffect(() => {
    if (text.given(filters.query)) setQuery(filters.query);
  }, [text, filters.query]);
  // A moment that stays the same while the filter does: otherwise each drawing would ask anew.
  const fromTime = useMemo(
    () => (filters.days > 0 ? { seconds: BigInt(Math.floor(Date.now() / 1000) - filters.days * DAY_SECONDS) } : undefined),
    [filters.days],
  );
  const list = useInfiniteQuery(
    HistoryService.method.listHistory,
    {
      query: filters.query,
      outcomes: filters.outcome > 0 ? [filters.outcome as Outcome] : [],
      datasetId: filters.datasetId,
      deleted: filters.deleted,
      pageSize: 30,
      pageToken: "",
      ...(fromTime ? { fromTime } : {}),
    },
    { pageParamKey: "pageToken", getNextPageParam: (page) => page.nextPageToken || undefined, placeholderData: keepPreviousData },
  );
  const entries = list.data?.pages.flatMap((page) => page.entries) ?? [];
  const total = list.data?.pages[0]?.totalSize;
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = list;
  const lookOn = looksOn(entries.length, list);
  useEffect(() => {
    if (lookOn) void fetchNextPage();
  }, [lookOn, fetchNextPage]);
  const filtered = isFiltered(filters);
  return (
    <div className="screen">
      <PageHead title={t("nav.history")} sub={total !== undefined && t("history.total", { n: total })} />
      <div className="history-tools">
        <SearchInput label={t("history.search")} value={query} onChange={setQuery} />
        <FilterChoices filters={filters} onChange={setFilters} />
      </div>
      <section className="card" aria-busy={list.isFetching}>
        {list.error && !list.data ? (
          <Failed error={list.error} onRetry={() => void list.refetch()} />
        ) : list.isPending || lookOn || (entries.length === 0 && isFetchingNextPage) ? (
          <Skeleton rows={7} height={34} />
        ) : entries.length === 0 && filtered ? (
          <Empty icon={<SearchX />} title={t("common.noMatch")} text={t("common.noMatchText")} />
        ) : entries.length === 0 ? (
          <Empty icon={filters.deleted ? <Trash2 /> : <History />} title={t(filters.deleted ? "history.noneDeleted" : "history.none")} text={t(filters.deleted ? "history.noneDeletedText" : "history.noneText")} />
        ) : (
          <div className="list">
            {entries.map((entry) => (
              <HistoryRow
                key={entry.historyEntryId}
                entry={entry}
                actions={
                  filters.deleted ? (
                    <IconButton label={t("history.restore")} icon={<RotateCcw />} size="s" onClick={() => void undelete(entry)} />
                  ) : (
                    <IconButton label={t("common.delete")} icon={<Trash2 />} size="s" onClick={() => void deleteEntry(entry)} />
                  )
                }
              />
            ))}
          </div>
        )}
      </section>
      {list.data && <Stale query={list} />}
      {entries.length > 0 && hasNextPage && (
        <Button className="more" busy={isFetchingNextPage} onClick={() => void fetchNextPage()}>{t("common.more")}</Button>
      )}
    </div>
  );
}

function FilterChoices({ filters, onChange }: { filters: Filters; onChange(part: Partial<Filters>): void }) {
  const t = useT();
  const { data } = useQuery(DatasetService.method.listDatasets, { pageSize: 100 }, { staleTime: 60_000 });
  const { datasetId } = filters;
  // One that is not in the list may be an older one, or deleted: what was run with it is still found.
  const unlisted = datasetId !== "" && data !== undefined && data.datasets.every((dataset) => dataset.datasetId !== datasetId);
  const { data: other, error } = useQuery(DatasetService.method.getDataset, { datasetId }, { enabled: unlisted, staleTime: 60_000 });
  return (
    <div className="history-filters">
      <select className="select" aria-label={t("history.byOutcome")} value={filters.outcome} onChange={(event) => onChange({ outcome: Number(event.target.value) })}>
        <option value={0}>{t("history.anyOutcome")}</option>
        {Object.entries(OUTCOMES).map(([value, look]) => <option key={value} value={value}>{t(look.key)}</option>)}
      </select>
      <select className="select" aria-label={t("history.byDataset")} value={filters.datasetId} onChange={(event) => onChange({ datasetId: event.target.value })}>
        <option value="">{t("history.anyDataset")}</option>
        {data?.datasets.map((dataset) => <option key={dataset.datasetId} value={dataset.datasetId}>{dataset.name}</option>)}
        {unlisted && <option value={datasetId}>{error && isNotFound(error) ? t("history.deletedDataset") : (other?.dataset?.name ?? "…")}</option>}
      </select>
      <select className="select" aria-label={t("history.byTime")} value={filters.days} onChange={(event) => onChange({ days: Number(event.target.value) })}>
        <option value={0}>{t("history.anyTime")}</option>
        {SPANS_DAYS.map((days) => <option key={days} value={days}>{t("history.lastDays", { n: days })}</option>)}
      </select>
      <label className="row small">
        <input type="checkbox" checked={filters.deleted} onChange={(event) => onChange({ deleted: event.target.checked })} />
        {t("history.showDeleted")}
      </label>
      {isFiltered(filters) && <ClearFilters onClear={() => onChange(NO_FILTERS)} />}
    </div>
  );
}

function ClearFilters({ onClear }: { onClear(): void }) {
  const t = useT();
  const pressed = useFocusReturn(() => document.querySelector<HTMLElement>(".history-tools input")?.focus());
  const clear = () => {
    pressed();
    onClear();
  };
  return <Button size="s" onClick={clear}>{t("history.clearFilters")}</Button>;
}

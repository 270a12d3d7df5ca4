// Everything the person ever analysed: searched, filtered, deleted and brought back.
import { useInfiniteQuery } from "@connectrpc/connect-query";
import { keepPreviousData } from "@tanstack/react-query";
import { History, SearchX, Trash2 } from "lucide-react";
import { useEffect, useMemo, useState } from "react";
import type { Outcome } from "../../gen/fenxi/analysis/v1/output_pb";
import { HistoryService } from "../../gen/fenxi/history/v1/history_pb";
import { useT } from "../../i18n/i18n";
import { PageHead } from "../../shell/shell";
import { Button } from "../../ui/button";
import { useDebounced } from "../../ui/debounced";
import { SearchInput } from "../../ui/field";
import { Empty, Failed, Skeleton, Stale } from "../../ui/states";
import { FilterChoices, isFiltered, NO_FILTERS, useFilters } from "./filters";
import { HistoryRow } from "./history-row";
import { looksOn } from "./look-on";
import { shownOf } from "./marks";
import { RowAction } from "./row-action";
import { SearchText } from "./search-text";
import "./history.css";

const DAY_SECONDS = 86_400;

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
  const clear = () => {
    // With it what was typed this very moment, and has not come to rest.
    setQuery("");
    setFilters(NO_FILTERS);
  };
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
  const entries = shownOf(list.data?.pages.flatMap((page) => page.entries) ?? [], filters.deleted);
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
        <FilterChoices filters={filters} onChange={setFilters} onClear={clear} />
      </div>
      <section className="card" aria-busy={list.isFetching}>
        {list.error && !list.data ? (
          <Failed error={list.error} onRetry={() => void list.refetch()} />
        ) : list.isPending || lookOn || (entries.length === 0 && (isFetchingNextPage || list.isPlaceholderData)) ? (
          <Skeleton rows={7} height={34} />
        ) : entries.length === 0 && filtered ? (
          <Empty icon={<SearchX />} title={t("common.noMatch")} text={t("common.noMatchText")} />
        ) : entries.length === 0 ? (
          <Empty icon={filters.deleted ? <Trash2 /> : <History />} title={t(filters.deleted ? "history.noneDeleted" : "history.none")} text={t(filters.deleted ? "history.noneDeletedText" : "history.noneText")} />
        ) : (
          <div className="list">
            {entries.map((entry, at) => (
              <HistoryRow key={entry.historyEntryId} entry={entry} actions={<RowAction entry={entry} at={at} deleted={filters.deleted} />} />
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

// What the page holds of the history, told of an entry that was deleted or brought back: it keeps its place in lists, marked
// so, and is shown by those that want such. They need not be asked again for it, however many pages they have.
import { timestampNow } from "@bufbuild/protobuf/wkt";
import type { InfiniteData, Query } from "@tanstack/react-query";
import { queryClient } from "../../api/query";
import { HistoryService, type GetHistoryEntryResponse, type HistoryEntry, type ListHistoryResponse } from "../../gen/fenxi/history/v1/history_pb";

type Listed = ListHistoryResponse | InfiniteData<ListHistoryResponse> | undefined;

const isDeleted = ({ deleteTime }: HistoryEntry) => deleteTime !== undefined;

/** What a list of deleted ones, or of the others, shows of what it holds. */
export function shownOf(entries: HistoryEntry[], deleted: boolean): HistoryEntry[] {
  return entries.filter((entry) => isDeleted(entry) === deleted);
}

function as(entry: HistoryEntry, deleted: boolean): HistoryEntry {
  const { deleteTime: _, ...rest } = entry;
  return deleted ? { ...rest, deleteTime: timestampNow() } : rest;
}

/** Every page says how many there are in all, deleted ones left out. */
function markedPage(page: ListHistoryResponse, entryId: string, deleted: boolean): ListHistoryResponse {
  const entries = page.entries.map((entry) => (entry.historyEntryId === entryId ? as(entry, deleted) : entry));
  return { ...page, entries, totalSize: page.totalSize + (deleted ? -1n : 1n) };
}

const pagesOf = (data: Listed) => (!data ? [] : "pages" in data ? data.pages : [data]);

const found = (data: Listed, entryId: string) =>
  pagesOf(data).flatMap((page) => page.entries).find(({ historyEntryId }) => historyEntryId === entryId);

/** `data` with the entry marked; the same where it does not hold it, or it is marked so already. */
export function marked(data: Listed, entryId: string, deleted: boolean): Listed {
  const entry = found(data, entryId);
  if (!data || !entry || isDeleted(entry) === deleted) return data;
  const mark = (page: ListHistoryResponse) => markedPage(page, entryId, deleted);
  return "pages" in data ? { ...data, pages: data.pages.map(mark) } : mark(data);
}

/** The answer about one entry, marked; the same where it is about another, or it is marked so already. */
function markedAlone(data: GetHistoryEntryResponse | undefined, entryId: string, deleted: boolean): GetHistoryEntryResponse | undefined {
  const entry = data?.entry;
  if (entry?.historyEntryId !== entryId || isDeleted(entry) === deleted) return data;
  return { ...data!, entry: as(entry, deleted) };
}

function isOf({ queryKey }: Query, { name }: { name: string }): boolean {
  const about = queryKey[1] as { serviceName?: string; methodName?: string } | undefined;
  return about?.serviceName === HistoryService.typeName && about.methodName === name;
}

const isList = (query: Query) => isOf(query, HistoryService.method.listHistory);

/** Marks it in every list, and where it is shown alone. They are as old afterwards as they were before. */
export function mark(entryId: string, deleted: boolean): void {
  const set = (query: Query, next: unknown) => {
    if (next !== query.state.data) query.setData(next, { updatedAt: query.state.dataUpdatedAt, manual: true });
  };
  for (const query of queryClient.getQueryCache().findAll()) {
    if (isList(query)) set(query, marked(query.state.data as Listed, entryId, deleted));
    if (isOf(query, HistoryService.method.getHistoryEntry)) set(query, markedAlone(query.state.data as GetHistoryEntryResponse | undefined, entryId, deleted));
  }
}

/** Whether a query can have another answer now that the entry is, or is not, deleted: a list that holds it is right already,
 * but for one that is being asked just now, of which nobody knows how it was before, and one that shows no more than the
 * first page, where the next one moves up. */
export function isOutdated(query: Query, entryId: string): boolean {
  if ((query.queryKey[1] as { serviceName?: string } | undefined)?.serviceName !== HistoryService.typeName) return false;
  const data = query.state.data as Listed;
  if (!isList(query) || query.state.fetchStatus !== "idle" || !data || !found(data, entryId)) return true;
  return !("pages" in data) && data.nextPageToken !== "";
}

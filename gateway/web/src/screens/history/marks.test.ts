import { create } from "@bufbuild/protobuf";
import { QueryClient } from "@tanstack/react-query";
import { afterEach, expect, test, vi } from "vitest";

const client = vi.hoisted(() => ({ queryClient: undefined as unknown as QueryClient }));
vi.mock("../../api/query", () => client);

import { GetHistoryEntryResponseSchema, HistoryService, ListHistoryResponseSchema, type GetHistoryEntryResponse, type ListHistoryResponse } from "../../gen/fenxi/history/v1/history_pb";
import { isOutdated, mark, shownOf } from "./marks";

const queryClient = (client.queryClient = new QueryClient());
afterEach(() => queryClient.clear());

const page = (...ids: string[]) => create(ListHistoryResponseSchema, { entries: ids.map((historyEntryId) => ({ historyEntryId })), totalSize: 9n });
const keyOf = (which: string, methodName = "ListHistory") => ["connect-query", { serviceName: HistoryService.typeName, methodName, input: which }];
const shown = (pages: ListHistoryResponse[], deleted: boolean) => shownOf(pages.flatMap(({ entries }) => entries), deleted).map((entry) => entry.historyEntryId);

test("an entry goes from where it is shown and is there again, in its place, and the list is no younger for it", () => {
  const key = keyOf("long");
  const pages = () => queryClient.getQueryData<{ pages: ListHistoryResponse[] }>(key)!.pages;
  queryClient.setQueryData(key, { pages: [page("a", "b"), page("c", "d")], pageParams: ["", "2"] }, { updatedAt: 1000 });
  mark("c", true);
  mark("c", true);
  expect([shown(pages(), false), shown(pages(), true)]).toEqual([["a", "b", "d"], ["c"]]);
  expect(pages().map(({ totalSize }) => totalSize)).toEqual([8n, 8n]);
  mark("c", false);
  expect(shown(pages(), false)).toEqual(["a", "b", "c", "d"]);
  expect(pages()[0]?.totalSize).toBe(9n);
  expect(queryClient.getQueryState(key)?.dataUpdatedAt).toBe(1000);
});

test("an entry that is shown alone is marked, and no other", () => {
  const of = (historyEntryId: string) => keyOf(historyEntryId, "GetHistoryEntry");
  for (const historyEntryId of ["a", "b"]) queryClient.setQueryData(of(historyEntryId), create(GetHistoryEntryResponseSchema, { entry: { historyEntryId } }));
  const deleted = (id: string) => queryClient.getQueryData<GetHistoryEntryResponse>(of(id))!.entry!.deleteTime !== undefined;
  mark("a", true);
  expect([deleted("a"), deleted("b")]).toEqual([true, false]);
  mark("a", false);
  expect(deleted("a")).toBe(false);
});

test("only what may have another answer is to be asked again", () => {
  queryClient.setQueryData(keyOf("front page"), page("a", "b"));
  queryClient.setQueryData(keyOf("front page of more"), { ...page("a", "b"), nextPageToken: "2" });
  queryClient.setQueryData(keyOf("long"), { pages: [{ ...page("a", "b"), nextPageToken: "2" }], pageParams: [""] });
  queryClient.setQueryData(keyOf("deleted ones"), page("x"));
  queryClient.setQueryData(keyOf("", "GetStatistics"), {});
  queryClient.setQueryData(["connect-query", { serviceName: "another" }], {});
  const outdated = queryClient.getQueryCache().findAll({ predicate: (query) => isOutdated(query, "b") });
  expect(outdated.map(({ queryKey }) => queryKey)).toEqual([keyOf("front page of more"), keyOf("deleted ones"), keyOf("", "GetStatistics")]);
});

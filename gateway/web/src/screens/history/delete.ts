// Deletes a finished analysis, with a way back. Lists show it at once; if it fails, they show it as it was.
import { createClient } from "@connectrpc/connect";
import { isTransient } from "../../api/errors";
import { Once } from "../../api/once";
import { changed, queryClient } from "../../api/query";
import { transport } from "../../api/transport";
import { AuthService } from "../../gen/fenxi/auth/v1/auth_pb";
import { HistoryService, type HistoryEntry } from "../../gen/fenxi/history/v1/history_pb";
import { translate } from "../../i18n/i18n";
import { toast, toastError } from "../../ui/toast";
import { isOutdated, mark } from "./marks";

const history = createClient(HistoryService, transport);
const once = new Once();
/** Entries that are being deleted or brought back: another press is nothing new. */
const underWay = new Set<string>();

/** Gives whether it was done by this very call. */
export async function deleteEntry(entry: HistoryEntry): Promise<boolean> {
  const { historyEntryId } = entry;
  const done = await change(historyEntryId, true, (requestId) => history.deleteHistoryEntry({ historyEntryId, requestId }));
  if (done) toast(translate("history.deleted"), { label: translate("common.undo"), run: () => void undelete(entry) });
  return done;
}

export async function undelete({ historyEntryId }: HistoryEntry): Promise<void> {
  const done = await change(historyEntryId, false, (requestId) => history.undeleteHistoryEntry({ historyEntryId, requestId }));
  if (done) toast(translate("history.restored"));
}

async function change(entryId: string, deleted: boolean, call: (requestId: string) => Promise<unknown>): Promise<boolean> {
  if (underWay.has(entryId)) return false;
  underWay.add(entryId);
  mark(entryId, deleted);
  try {
    await once.call(`${deleted} ${entryId}`, call);
  } catch (error) {
    mark(entryId, !deleted);
    toastError(error);
    // It is not as the lists have it.
    if (!isTransient(error)) void changed(HistoryService);
    return false;
  } finally {
    underWay.delete(entryId);
  }
  // A list may have been answered meanwhile.
  mark(entryId, deleted);
  void changed(AuthService);
  void queryClient.invalidateQueries({ predicate: (query) => isOutdated(query, entryId) });
  return true;
}

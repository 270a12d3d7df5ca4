// Deletes a finished analysis, with a way back.
import { Once } from "../../api/once";
import { changed } from "../../api/query";
import { AuthService } from "../../gen/fenxi/auth/v1/auth_pb";
import { createClient } from "@connectrpc/connect";
import { transport } from "../../api/transport";
import { HistoryService, type HistoryEntry } from "../../gen/fenxi/history/v1/history_pb";
import { translate } from "../../i18n/i18n";
import { toast, toastError } from "../../ui/toast";

const history = createClient(HistoryService, transport);
const once = new Once();

export async function deleteEntry(entry: HistoryEntry): Promise<boolean> {
  const { historyEntryId } = entry;
  try {
    await once.call(`delete ${historyEntryId}`, (requestId) => history.deleteHistoryEntry({ historyEntryId, requestId }));
  } catch (error) {
    toastError(error);
    return false;
  }
  toast(translate("history.deleted"), { label: translate("common.undo"), run: () => void undelete(entry) });
  await changed(AuthService, HistoryService);
  return true;
}

export async function undelete({ historyEntryId }: HistoryEntry): Promise<void> {
  try {
    await once.call(`undelete ${historyEntryId}`, (requestId) => history.undeleteHistoryEntry({ historyEntryId, requestId }));
    toast(translate("history.restored"));
  } catch (error) {
    toastError(error);
  }
  await changed(AuthService, HistoryService);
}

// Saving by habit: nothing is left to be saved, and what the browser would save is not what a person means.
import { useEffect } from "react";
import { translate } from "../../i18n/i18n";
import type { NotebookSession } from "../../notebook/session";
import { toast } from "../../ui/toast";
import { isSave } from "./keys";

export function useSaveKey({ draft }: NotebookSession): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (!isSave(event)) return;
      event.preventDefault();
      if (event.repeat) return;
      // There may be room again.
      if (!draft.saved) draft.change(draft.document);
      if (draft.saved) toast(translate("notebook.kept"));
      else toast(translate("notebook.notSaved"), undefined, true);
    };
    window.addEventListener("keydown", onKeyDown);
    return () => window.removeEventListener("keydown", onKeyDown);
  }, [draft]);
}

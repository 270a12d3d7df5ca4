// Copies text; where the browser does not let pages do that, the text is selected for the person to copy. Browsers do not
// on plain http, where an installation may well be reached.
import { translate } from "../i18n/i18n";
import { toast } from "./toast";

/** `shown` is where the text stands on the page. */
export async function copyText(text: string, shown: Element | null): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    return toast(translate("common.copied"));
  } catch {
    // There is no clipboard, or it is not for this page.
  }
  if (shown) window.getSelection()?.selectAllChildren(shown);
  toast(translate("common.copyByHand"));
}

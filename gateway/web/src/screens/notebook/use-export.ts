// Saves the notebook as a file, and says what is not in it.
import { useState } from "react";
import type { KernelSpec } from "../../gen/fenxi/analysis/v1/kernel_spec_pb";
import { bytes } from "../../i18n/format";
import { useT } from "../../i18n/i18n";
import { exportNotebook } from "../../notebook/export/file";
import type { Format } from "../../notebook/export/file-name";
import { OUTPUTS_MAX_BYTES } from "../../notebook/export/ipynb";
import { formerLanguage } from "../../notebook/language";
import type { NotebookSession } from "../../notebook/session";
import { saveBlob } from "../../output/content";
import { toast, toastError } from "../../ui/toast";

/** Jupyter calls its own kind as ours is called. */
const BUILT_IN = "python3";

export function useExport(session: NotebookSession, spec: KernelSpec | undefined) {
  const t = useT();
  const [busy, setBusy] = useState(false);
  const language = formerLanguage(session.kernel, spec ? [spec] : []);
  const save = async (format: Format) => {
    setBusy(true);
    try {
      const kind = session.kernel?.kernelSpec || BUILT_IN;
      const displayName = spec?.displayName ?? (kind === BUILT_IN ? "Python 3" : kind);
      const { name, blob, leftOut, incomplete } = await exportNotebook(session, format, { name: kind, displayName, language });
      saveBlob(blob, name);
      if (leftOut > 0) toast(t("notebook.exportLeftOut", { n: leftOut, limit: bytes(OUTPUTS_MAX_BYTES) }));
      if (incomplete > 0) toast(t("notebook.exportIncomplete", { n: incomplete }));
    } catch (error) {
      toastError(error);
    }
    setBusy(false);
  };
  return { save, busy, isPython: language === "python" };
}

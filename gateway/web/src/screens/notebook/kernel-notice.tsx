// What the kernel has to say before it acts: it waits to be started, or is about to be ended for doing nothing.
import { Clock, Hourglass } from "lucide-react";
import { useState } from "react";
import { moment } from "../../i18n/format";
import { useT } from "../../i18n/i18n";
import type { NotebookSession } from "../../notebook/session";
import { Button } from "../../ui/button";
import { toastError } from "../../ui/toast";

export function KernelNotice({ session }: { session: NotebookSession }) {
  const t = useT();
  const [busy, setBusy] = useState(false);
  const { kernel } = session;
  if (!kernel || session.gone !== null) return null;
  if (kernel.startPosition > 0) {
    return (
      <div className="notice dead" role="status" data-testid="kernel-waits">
        <Hourglass aria-hidden />
        <span className="grow">{t("notebook.startsAt", { n: kernel.startPosition })}</span>
      </div>
    );
  }
  if (!kernel.idleWarningTime) return null;
  const keep = async () => {
    setBusy(true);
    await session.keep().catch(toastError);
    setBusy(false);
  };
  return (
    <div className="notice notice-warn dead" role="alert" data-testid="kernel-idle">
      <Clock aria-hidden />
      <span className="grow">{t("notebook.idleEnds", { time: moment(kernel.idleEndTime) })}</span>
      <Button size="s" busy={busy} onClick={() => void keep()} data-testid="keep-kernel">{t("notebook.keep")}</Button>
    </div>
  );
}

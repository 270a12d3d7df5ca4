// What the kernel has to say before it acts: it waits to be started, or is about to be ended for doing nothing.
import { Clock, Hourglass } from "lucide-react";
import { useT } from "../../i18n/i18n";
import type { NotebookSession } from "../../notebook/session";
import { idleText, KeepButton } from "../home/idle-warning";
import { useNow } from "../../ui/now";

export function KernelNotice({ session, onKept }: { session: NotebookSession; onKept(): void }) {
  const t = useT();
  const { kernel } = session;
  const warned = kernel?.idleWarningTime !== undefined;
  const nowMs = useNow(15_000, warned);
  if (!kernel || session.link.gone !== null) return null;
  if (kernel.startPosition > 0) {
    return (
      <div className="notice dead" role="status" data-testid="kernel-waits">
        <Hourglass aria-hidden />
        <span className="grow">{t("notebook.startsAt", { n: kernel.startPosition })}</span>
      </div>
    );
  }
  if (!warned) return null;
  return (
    <div className="notice notice-warn dead" data-testid="kernel-idle">
      <Clock aria-hidden />
      {/* Said once, not at every minute that passes. */}
      <span className="visually-hidden" role="alert">{t("notebook.idleSoon")}</span>
      <span className="grow">{t("notebook.idleSoon")} {idleText(t, kernel, nowMs)}</span>
      <KeepButton keep={() => session.link.keep()} onKept={onKept} />
    </div>
  );
}

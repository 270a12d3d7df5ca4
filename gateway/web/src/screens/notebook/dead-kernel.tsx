// What is said when the kernel is no more, with the way back.
import { PowerOff, RotateCcw } from "lucide-react";
import { useState } from "react";
import { KernelState } from "../../gen/fenxi/analysis/v1/kernel_pb";
import { useT } from "../../i18n/i18n";
import { wasMeant } from "../../notebook/ending";
import type { NotebookSession } from "../../notebook/session";
import { Button, LinkButton } from "../../ui/button";
import { originWith, useStart } from "../home/start";
import { toastError } from "../../ui/toast";
import { deathText } from "./death";

export function DeadKernel({ session }: { session: NotebookSession }) {
  const t = useT();
  const [busy, setBusy] = useState(false);
  const dead = session.kernel?.state === KernelState.DEAD;
  if (session.link.gone !== null) return <GoneKernel session={session} />;
  if (!dead) return null;
  const restart = async () => {
    setBusy(true);
    await session.link.restart().catch(toastError);
    setBusy(false);
  };
  const death = session.kernel?.death;
  const detail = death?.detail ?? "";
  const meant = wasMeant(death);
  return (
    <div className={`notice dead${meant ? "" : " notice-bad"}`} role={meant ? "status" : "alert"} data-testid="kernel-dead">
      <PowerOff aria-hidden />
      <div className="grow">
        <strong>{t("notebook.deadTitle")}</strong> {deathText(death)}
        <div className="small">{t("notebook.deadText")}</div>
        {detail.includes("\n") && <details className="small"><summary>{t("notebook.deadDetail")}</summary><pre className="term">{detail}</pre></details>}
      </div>
      <Button size="s" icon={<RotateCcw />} busy={busy} onClick={() => void restart()}>{t("notebook.restart")}</Button>
    </div>
  );
}

/** Nothing can be run in it any more; the same code can, in another like it. */
function GoneKernel({ session }: { session: NotebookSession }) {
  const t = useT();
  const { busy, start } = useStart();
  const { cells, origin } = session.document;
  const codes = cells.map(({ code }) => code).filter((code) => code.trim() !== "");
  return (
    <div className="notice notice-warn dead" role="alert" data-testid="kernel-gone">
      <PowerOff aria-hidden />
      <span className="grow">{t("notebook.goneText")}</span>
      <LinkButton href="/history" size="s">{t("nav.history")}</LinkButton>
      {codes.length > 0 && (
        <Button size="s" icon={<RotateCcw />} busy={busy} onClick={() => void start(origin ?? originWith([]), codes)} data-testid="start-anew">{t("notebook.startAnew")}</Button>
      )}
    </div>
  );
}

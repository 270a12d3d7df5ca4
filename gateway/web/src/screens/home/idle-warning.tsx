// A kernel that is about to be ended for doing nothing: when, and the way to keep it.
import { useState } from "react";
import { byService } from "../../api/clock";
import type { Kernel } from "../../gen/fenxi/analysis/v1/kernel_pb";
import { clock, roughSpan, toMs } from "../../i18n/format";
import { useT } from "../../i18n/i18n";
import { Button } from "../../ui/button";
import { useFocusReturn } from "../../ui/focus-return";
import { toastError } from "../../ui/toast";

/** When it ends: the time of day, and what is left. */
export function idleText(t: ReturnType<typeof useT>, { idleEndTime }: Kernel, nowMs: number): string {
  return t("kernel.idleEnds", { time: clock(idleEndTime), left: roughSpan((toMs(idleEndTime) ?? 0) - byService(nowMs)) });
}

export function KeepButton({ keep, onKept }: { keep(): Promise<unknown>; onKept(): void }) {
  const t = useT();
  const [busy, setBusy] = useState(false);
  const pressed = useFocusReturn(onKept);
  const press = async () => {
    pressed();
    setBusy(true);
    await keep().catch(toastError);
    setBusy(false);
  };
  return <Button size="s" busy={busy} onClick={() => void press()} data-testid="keep-kernel">{t("kernel.keep")}</Button>;
}

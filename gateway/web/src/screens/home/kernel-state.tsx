// Where a kernel stands, as a badge.
import { KernelState } from "../../gen/fenxi/analysis/v1/kernel_pb";
import { useT, type MessageKey } from "../../i18n/i18n";

const LOOKS: Record<KernelState, { key: MessageKey; badge: string; live?: boolean }> = {
  [KernelState.UNSPECIFIED]: { key: "kernel.connecting", badge: "" },
  [KernelState.STARTING]: { key: "kernel.starting", badge: "badge-warn", live: true },
  [KernelState.IDLE]: { key: "kernel.idle", badge: "badge-good" },
  [KernelState.BUSY]: { key: "kernel.busy", badge: "badge-brand", live: true },
  [KernelState.INTERRUPTING]: { key: "kernel.interrupting", badge: "badge-warn", live: true },
  [KernelState.RESTARTING]: { key: "kernel.restarting", badge: "badge-warn", live: true },
  [KernelState.STOPPING]: { key: "kernel.stopping", badge: "badge-warn", live: true },
  [KernelState.DEAD]: { key: "kernel.dead", badge: "badge-bad" },
};

interface KernelBadgeProps {
  state: KernelState | undefined;
  /** Whether it ended as somebody meant it to. */
  meant: boolean;
  linked?: boolean;
}

export function KernelBadge({ state, meant, linked = true }: KernelBadgeProps) {
  const t = useT();
  const look = LOOKS[state ?? KernelState.UNSPECIFIED];
  const shown = linked || state === KernelState.DEAD;
  return (
    <span
      className={`badge ${shown && !(state === KernelState.DEAD && meant) ? look.badge : ""}`}
      data-testid="kernel-state"
      data-state={KernelState[state ?? KernelState.UNSPECIFIED].toLowerCase()}
      role="status"
    >
      <span className={look.live || !shown ? "dot dot-live" : "dot"} aria-hidden />
      {shown ? t(look.key) : t("kernel.reconnecting")}
    </span>
  );
}

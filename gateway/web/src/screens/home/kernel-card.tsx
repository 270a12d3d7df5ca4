// A kernel on the front page: how it stands, what it holds, and a warning where it is about to be ended.
import { Pencil, Power } from "lucide-react";
import { useRef, useState } from "react";
import { Link } from "wouter";
import { newRequestId } from "../../api/query";
import { kernels } from "../../api/transport";
import { KernelState, type Kernel } from "../../gen/fenxi/analysis/v1/kernel_pb";
import { ago, bytes } from "../../i18n/format";
import { isolated, useT } from "../../i18n/i18n";
import { endKernel } from "../../notebook/end";
import { wasMeant } from "../../notebook/ending";
import { renameKernel } from "../../notebook/rename";
import { IconButton } from "../../ui/button";
import { Confirm } from "../../ui/dialog";
import { useNow } from "../../ui/now";
import { RenameDialog } from "../../ui/rename-dialog";
import { toastError } from "../../ui/toast";
import { idleText, KeepButton } from "./idle-warning";
import { KernelBadge } from "./kernel-state";

export function KernelCard({ kernel, kind, onChange }: { kernel: Kernel; kind: string; onChange(): Promise<unknown> }) {
  const t = useT();
  const link = useRef<HTMLDivElement>(null);
  const [renaming, setRenaming] = useState(false);
  const [ending, setEnding] = useState(false);
  const warned = kernel.idleWarningTime !== undefined;
  const nowMs = useNow(15_000, warned);
  const facts = [isolated(kind), kernel.heldMemoryBytes > 0n ? bytes(kernel.heldMemoryBytes) : "", ago(kernel.lastActivityTime ?? kernel.createTime)].filter(Boolean);
  const keep = () => kernels.keepKernel({ kernelId: kernel.kernelId, requestId: newRequestId() }).then(onChange);
  return (
    <div className={`card kernel-card${kernel.state === KernelState.DEAD ? " kernel-dead" : ""}`} ref={link}>
      <div className="kernel-body">
        <Link href={`/k/${kernel.kernelId}`} className="kernel-open" data-testid="kernel-card">
          <div className="row">
            <h3 className="ellipsis grow">{kernel.displayName || t("notebook.untitled")}</h3>
            <KernelBadge state={kernel.state} meant={wasMeant(kernel.death)} />
          </div>
          <div className="row wrap kernel-tables">
            {kernel.datasets.slice(0, 3).map((each) => <span key={each.datasetId} className="badge mono">{each.variableName}</span>)}
            {kernel.datasets.length > 3 && <span className="badge">+{kernel.datasets.length - 3}</span>}
            {kernel.datasets.length === 0 && <span className="muted small">{t("home.noTables")}</span>}
          </div>
          <div className="muted small num kernel-facts">{facts.join(" · ")}</div>
        </Link>
        <div className="kernel-acts">
          <IconButton label={t("notebook.renameTitle")} icon={<Pencil />} size="s" onClick={() => setRenaming(true)} data-testid="kernel-rename" />
          <IconButton label={t("notebook.end")} icon={<Power />} size="s" onClick={() => setEnding(true)} data-testid="kernel-end" />
        </div>
      </div>
      {warned && (
        <div className="notice notice-warn kernel-warning small" role="status" data-testid="kernel-idle">
          <span className="grow">{idleText(t, kernel, nowMs)}</span>
          <KeepButton keep={keep} onKept={() => link.current?.querySelector("a")?.focus()} />
        </div>
      )}
      <RenameDialog open={renaming} title={t("notebook.renameTitle")} name={kernel.displayName} rename={(name) => renameKernel(kernel.kernelId, name)} onClose={() => setRenaming(false)} />
      <Confirm
        open={ending}
        title={t("notebook.endTitle")}
        text={t("notebook.endText")}
        action={t("notebook.end")}
        onClose={() => setEnding(false)}
        onConfirm={() => {
          setEnding(false);
          endKernel(kernel.kernelId).catch(toastError);
        }}
      />
    </div>
  );
}

// The head of a notebook: its name, the kernel as it stands, and the buttons that concern all of it.
import { Braces, Download, Ellipsis, FastForward, FileCode, FolderOpen, Globe, Keyboard, ListX, Pencil, Power, RotateCcw, Square } from "lucide-react";
import { useLayoutEffect, useRef, useState, type FocusEvent } from "react";
import { useLocation } from "wouter";
import type { KernelSpec } from "../../gen/fenxi/analysis/v1/kernel_spec_pb";
import { KernelState } from "../../gen/fenxi/analysis/v1/kernel_pb";
import { bytes } from "../../i18n/format";
import { WORDS as FILE_WORDS } from "../../i18n/file-words";
import { currentLanguage, useT } from "../../i18n/i18n";
import { endKernel } from "../../notebook/end";
import { wasMeant } from "../../notebook/ending";
import type { NotebookSession } from "../../notebook/session";
import { FORCE_RESTART_AFTER_MS } from "../../notebook/stopping";
import { Button, IconButton, Tip } from "../../ui/button";
import { Confirm } from "../../ui/dialog";
import { useFocusReturn } from "../../ui/focus-return";
import { Menu } from "../../ui/menu";
import { Popover } from "../../ui/popover";
import { RenameDialog } from "../../ui/rename-dialog";
import { toastError } from "../../ui/toast";
import { KernelBadge } from "../home/kernel-state";
import { TableChips } from "./table-chips";
import { tellHeight } from "./tell-height";
import { useExport } from "./use-export";

interface ToolbarProps {
  session: NotebookSession;
  onRunAll(): void;
  onStop(): void;
  onRestart(): void;
  onHelp(): void;
  /** The button that had the focus has gone. */
  onFocusLost(): void;
  /** The kernel's kind, once it is known. */
  spec: KernelSpec | undefined;
  /** Whether the panel of variables is open. */
  looking: boolean;
  onLook(open: boolean): void;
  onFiles(): void;
}

export function Toolbar({ session, onRunAll, onStop, onRestart, onHelp, onFocusLost, spec, looking, onLook, onFiles }: ToolbarProps) {
  const t = useT();
  const [, go] = useLocation();
  const [ending, setEnding] = useState(false);
  const [renaming, setRenaming] = useState(false);
  const { kernel } = session;
  const gone = session.link.gone !== null;
  const { save, busy: saving, isPython } = useExport(session, spec);
  const end = async () => {
    setEnding(false);
    try {
      await endKernel(session.kernelId);
      go("/");
    } catch (error) {
      toastError(error);
    }
  };
  return (
    <header className="toolbar" ref={tellHeight}>
      <div className="toolbar-title">
        <h1>
          <Tip text={t("notebook.renameTitle")}>
            <button type="button" className="title-button ellipsis" disabled={!kernel} onClick={() => setRenaming(true)} data-testid="title">{kernel?.displayName || session.document.origin?.displayName || t("notebook.untitled")}</button>
          </Tip>
        </h1>
        <KernelBadge state={gone ? KernelState.DEAD : kernel?.state} meant={gone || wasMeant(kernel?.death)} linked={session.link.live} />
        {spec && kernel && <span className="muted small hide-phone" data-testid="kernel-kind">{spec.displayName}</span>}
        {kernel && kernel.heldMemoryBytes > 0n && (
          <Tip text={t("notebook.memory")}>
            <span className="muted small num hide-phone">
              {bytes(kernel.heldMemoryBytes)}
              {kernel.limits && kernel.limits.memoryBytes > 0n && ` / ${bytes(kernel.limits.memoryBytes)}`}
            </span>
          </Tip>
        )}
        {kernel?.network && <Network entries={kernel.network.entries} />}
      </div>
      {kernel && kernel.datasets.length > 0 && <TableChips datasets={kernel.datasets} />}
      <div className="row toolbar-actions">
        {session.queue.places.size > 0 && <CancelWaiting session={session} onFocusLost={onFocusLost} />}
        <StopButton session={session} onStop={onStop} onFocusLost={onFocusLost} />
        <Button size="s" icon={<FastForward />} disabled={gone} onClick={onRunAll} data-testid="run-all">{t("notebook.runAll")}</Button>
        {spec?.inspectable && (
          <IconButton label={t("variables.title")} icon={<Braces />} size="s" aria-pressed={looking} onClick={() => onLook(!looking)} data-testid="show-variables" />
        )}
        <IconButton label={FILE_WORDS[currentLanguage()].title} icon={<FolderOpen />} size="s" disabled={!kernel} onClick={onFiles} data-testid="show-files" />
        <Menu
          trigger={<IconButton label={t("common.moreActions")} icon={<Ellipsis />} size="s" />}
          entries={[
            { label: t(saving ? "notebook.exporting" : "notebook.exportIpynb"), icon: <Download />, disabled: saving || session.loading, onSelect: () => void save("ipynb") },
            ...(isPython ? [{ label: t("notebook.exportPy"), icon: <FileCode />, disabled: saving, onSelect: () => void save("py") }] : []),
            "line",
            { label: t("common.rename"), icon: <Pencil />, disabled: !kernel, onSelect: () => setRenaming(true) },
            { label: t("notebook.restart"), icon: <RotateCcw />, onSelect: onRestart },
            { label: t("notebook.shortcuts"), icon: <Keyboard />, onSelect: onHelp },
            "line",
            { label: t("notebook.end"), icon: <Power />, danger: true, onSelect: () => setEnding(true) },
          ]}
        />
      </div>
      <RenameDialog open={renaming} title={t("notebook.renameTitle")} name={kernel?.displayName ?? ""} rename={(name) => session.link.rename(name)} onClose={() => setRenaming(false)} />
      <Confirm open={ending} title={t("notebook.endTitle")} text={t("notebook.endText")} action={t("notebook.end")} onClose={() => setEnding(false)} onConfirm={() => void end()} />
    </header>
  );
}

/** What it may reach: a button, so that it is reached by touch and by keys. */
function Network({ entries }: { entries: string[] }) {
  const t = useT();
  return (
    <Popover trigger={<button type="button" className="badge network" data-testid="network"><Globe size={13} aria-hidden />{t("notebook.network")}</button>}>
      {entries.length === 0 ? t("notebook.networkNone") : (
        <>
          {t("notebook.networkText")}
          <ul className="network-entries mono">{entries.map((entry) => <li key={entry}>{entry}</li>)}</ul>
        </>
      )}
    </Popover>
  );
}

function CancelWaiting({ session, onFocusLost }: { session: NotebookSession; onFocusLost(): void }) {
  const t = useT();
  const [busy, setBusy] = useState(false);
  const pressed = useFocusReturn(onFocusLost);
  // The list of those that wait may be behind, or too long to be had whole.
  const n = session.kernel?.queueLength || session.queue.places.size;
  const text = t("notebook.cancelWaiting", { n });
  const cancel = async () => {
    pressed();
    setBusy(true);
    await session.stops.waiting().catch(toastError);
    setBusy(false);
  };
  return (
    <Button size="s" icon={<ListX />} busy={busy} aria-label={text} onClick={() => void cancel()} data-testid="cancel-waiting">
      <span className="hide-phone">{text}</span>
      <span className="only-phone num" aria-hidden>{n}</span>
    </Button>
  );
}

function StopButton({ session, onStop, onFocusLost }: Pick<ToolbarProps, "session" | "onStop" | "onFocusLost">) {
  const t = useT();
  const { kernel, stops: { stopping: { now: stop } } } = session;
  const working = kernel?.state === KernelState.BUSY || kernel?.state === KernelState.INTERRUPTING || session.busy;
  const focused = useRef(false);
  useLayoutEffect(() => {
    // Nothing is left to be stopped: it is disabled, and takes no key with it.
    if (working || !focused.current) return;
    focused.current = false;
    onFocusLost();
  }, [working]);
  const focus = {
    onFocus: () => {
      focused.current = true;
    },
    // Being disabled may have taken the focus already, before the effect: it is enough that the page's layout was asked for.
    onBlur: ({ currentTarget }: FocusEvent<HTMLButtonElement>) => {
      focused.current &&= currentTarget.disabled;
    },
  };
  if (stop !== null && working) {
    const late = Date.now() - stop.sinceMs >= FORCE_RESTART_AFTER_MS;
    return late ? (
      <Button {...focus} size="s" variant="danger" icon={<RotateCcw />} onClick={() => void session.link.restart().catch(toastError)} data-testid="force-restart">
        {t("notebook.forceRestart")}
      </Button>
    ) : (
      <Button {...focus} size="s" busy data-testid="stopping">{t("notebook.stopping")}</Button>
    );
  }
  return (
    <Button {...focus} size="s" icon={<Square />} disabled={!working} onClick={onStop} data-testid="stop">{t("notebook.stop")}</Button>
  );
}

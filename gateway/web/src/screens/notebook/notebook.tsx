// A notebook: cells and what they said, over a live kernel.
import { Plus, SearchX } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";
import { isNotFound } from "../../api/errors";
import { loadEditor } from "../../editor/load";
import { useT } from "../../i18n/i18n";
import type { Cell } from "../../notebook/document";
import type { NotebookSession } from "../../notebook/session";
import { languageOf, specOf } from "../../notebook/language";
import { useTitle } from "../../shell/title";
import { useUser } from "../../shell/user";
import { Button, LinkButton } from "../../ui/button";
import { Confirm } from "../../ui/dialog";
import { Empty, Failed, Skeleton } from "../../ui/states";
import { toast, toastError } from "../../ui/toast";
import { useKernelSpecs } from "../home/kernel-spec";
import { CellView, type CellActions } from "./cell";
import { DeadKernel } from "./dead-kernel";
import { Files } from "./files";
import { Help } from "./help";
import { KernelNotice } from "./kernel-notice";
import { Starters } from "./starters";
import type { Command } from "./keys";
import { Toolbar } from "./toolbar";
import { useKeys } from "./use-keys";
import { useSaveKey } from "./use-save-key";
import { useSelection } from "./use-selection";
import { useSession } from "./use-session";
import { useVariablesOpen, Variables } from "./variables";
import "./notebook.css";

export function NotebookScreen({ kernelId }: { kernelId: string }) {
  const t = useT();
  const user = useUser();
  const session = useSession(kernelId, user.userId);
  useEffect(() => void loadEditor().catch(() => {}), []);
  if (!session) return null;
  if (session.link.gone && isNotFound(session.link.gone) && session.document.cells.every((cell) => cell.code.trim() === "")) {
    return (
      <Empty icon={<SearchX />} title={t("notebook.gone")} text={t("notebook.goneText")}>
        <LinkButton href="/">{t("nav.home")}</LinkButton>
        <LinkButton href="/history">{t("nav.history")}</LinkButton>
      </Empty>
    );
  }
  if (session.link.gone && !isNotFound(session.link.gone)) return <Failed error={session.link.gone} onRetry={() => window.location.reload()} />;
  return <Notebook session={session} />;
}

function Notebook({ session }: { session: NotebookSession }) {
  const t = useT();
  const { cells } = session.document;
  const spec = specOf(session.kernel, useKernelSpecs().specs);
  const language = languageOf(session.kernel, spec);
  const inspectable = spec?.inspectable ?? false;
  const [helping, setHelping] = useState(false);
  const [restarting, setRestarting] = useState(false);
  const [filing, setFiling] = useState(false);
  const [looking, setLooking] = useVariablesOpen();
  const undo = useRef<(() => void)[]>([]);
  const host = useRef<HTMLDivElement>(null);
  useSaveKey(session);
  useTitle(session.kernel?.displayName || t("notebook.untitled"), session.mark);
  const fresh = !session.loading && cells.length === 1 && cells[0]?.code === "" && !cells[0].executionId;
  const { selected, editing, select, focusCell, focusSelected } = useSelection(host, cells, fresh);
  const at = cells.findIndex((cell) => cell.id === selected);
  const insertAt = (index: number, edit: boolean) => focusCell(session.draft.insert(index), edit);
  const remove = (id: string) => {
    const index = cells.findIndex((cell) => cell.id === id);
    const worked = index >= 0 && session.works(cells[index] as Cell);
    const restore = session.remove(id, toastError);
    const back = () => {
      undo.current = undo.current.filter((each) => each !== back);
      restore();
      focusCell(id, false);
    };
    undo.current.push(back);
    const next = session.document.cells[Math.min(index, session.document.cells.length - 1)];
    if (next) focusCell(next.id, false);
    else insertAt(0, false);
    toast(t(worked ? "notebook.cellDeletedStopped" : "notebook.cellDeleted"), { label: t("common.undo"), run: back });
  };
  const run = (id: string, then: "next" | "stay" | "insert") => {
    session.runs.one(id);
    const index = session.document.cells.findIndex((cell) => cell.id === id);
    if (then === "stay") focusCell(id, false);
    else if (then === "insert" || index === session.document.cells.length - 1) insertAt(index + 1, true);
    else focusCell(session.document.cells[index + 1]?.id, editing);
  };
  const move = (id: string, by: number) => session.draft.move(id, by);
  const duplicate = (id: string) => focusCell(session.draft.duplicate(id) ?? undefined, false);
  const stop = (id: string) => {
    const cell = session.document.cells.find((each) => each.id === id);
    if (cell) void session.stops.cell(cell).catch(toastError);
  };
  const actions = useStable<CellActions>({ select, leave: (id) => focusCell(id, false), run, stop, remove, duplicate, move });
  const interrupt = () => session.stops.everything().catch(toastError);
  const obey = (command: Command) => {
    const id = cells[at]?.id;
    if (command === "help") return setHelping(true);
    if (command === "interrupt") return void interrupt();
    if (command === "restart") return setRestarting(true);
    if (command === "undo") return undo.current.at(-1)?.();
    if (!id) return focusCell(cells[0]?.id, false);
    if (command === "up") focusCell(cells[Math.max(0, at - 1)]?.id, false);
    else if (command === "down") focusCell(cells[Math.min(cells.length - 1, at + 1)]?.id, false);
    else if (command === "edit") focusCell(id, true);
    else if (command === "above") insertAt(at, false);
    else if (command === "below") insertAt(at + 1, false);
    else if (command === "delete") remove(id);
    else if (command === "duplicate") duplicate(id);
    else if (command === "move-up") session.draft.move(id, -1);
    else if (command === "move-down") session.draft.move(id, 1);
    else run(id, command === "run-next" ? "next" : command === "run-stay" ? "stay" : "insert");
  };
  useKeys(host, obey);
  return (
    <div className="notebook" ref={host} data-testid="notebook">
      <Toolbar
        session={session}
        onRunAll={() => session.runs.all()}
        onStop={() => void interrupt()}
        onRestart={() => setRestarting(true)}
        onHelp={() => setHelping(true)}
        onFocusLost={focusSelected}
        spec={spec}
        looking={looking}
        onLook={setLooking}
        onFiles={() => setFiling(true)}
      />
      <div className="notebook-body">
        <div className="cells">
          <DeadKernel session={session} />
          <KernelNotice session={session} onKept={focusSelected} />
          {!session.draft.saved && <div className="notice notice-warn">{t("notebook.notSaved")}</div>}
          {session.loadError !== null && <Failed error={session.loadError} onRetry={() => void session.refresh()} />}
          {session.loading && cells.length === 0 && <Skeleton rows={5} height={30} />}
          <div className="cell-list" role="list" aria-label={t("notebook.cells")}>
            {cells.map((cell, index) => (
              <CellView
                key={cell.id}
                {...around(session, cell)}
                {...{ session, actions, cell, index, language }}
                selected={cell.id === selected}
                editing={cell.id === selected && editing}
              />
            ))}
          </div>
          {fresh && language === "python" && (
            <Starters
              kernel={session.kernel}
              onPick={(code) => {
                const id = cells[0]?.id ?? "";
                session.edit(id, code);
                run(id, "next");
              }}
            />
          )}
          {!session.loading && (
            <div className="add-cell">
              <Button variant="ghost" size="s" icon={<Plus />} onClick={() => insertAt(cells.length, true)}>{t("notebook.addCell")}</Button>
            </div>
          )}
        </div>
        {looking && inspectable && <Variables session={session} onClose={() => setLooking(false)} />}
      </div>
      {filing && <Files kernelId={session.kernelId} onClose={() => setFiling(false)} />}
      <Help open={helping} onClose={() => setHelping(false)} />
      <Confirm
        open={restarting}
        title={t("notebook.restartTitle")}
        text={t("notebook.restartText")}
        action={t("notebook.restart")}
        onClose={() => setRestarting(false)}
        onConfirm={() => {
          setRestarting(false);
          session.link.restart().catch(toastError);
        }}
      />
    </div>
  );
}

/** What a cell has to know of the kernel and the queue. */
function around(session: NotebookSession, { id, executionId }: Cell) {
  const { kernel, stops: { stopping }, loading, queue, runs: { refusals } } = session;
  const feed = session.feedOf(executionId);
  const running = executionId !== null && kernel?.runningExecutionId === executionId;
  const isStopping = executionId !== null && stopping.now?.executionId === executionId;
  const place = (executionId !== null && queue.places.get(executionId)) || null;
  return { feed, running, stopping: isStopping, loading, place, refusal: refusals.get(id) };
}

/** The same functions as long as the notebook is open, which do what the newest ones do. */
function useStable<T extends object>(newest: T): T {
  const latest = useRef(newest);
  latest.current = newest;
  return useMemo(() => {
    const call = (name: keyof T) => (...given: unknown[]) => (latest.current[name] as (...given: unknown[]) => unknown)(...given);
    return Object.fromEntries(Object.keys(latest.current).map((name) => [name, call(name as keyof T)])) as T;
  }, []);
}

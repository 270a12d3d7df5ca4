// A cell: its code, the button that runs or stops it, what it said.
import { ArrowDown, ArrowUp, CopyPlus, Ellipsis, Play, Square, Trash2 } from "lucide-react";
import { memo, useRef, type KeyboardEvent, type PointerEvent } from "react";
import { errorText } from "../../api/errors";
import { CodeEditor } from "../../editor/code-editor";
import { CodeView } from "../../editor/code-view";
import type { Feed } from "../../execution/feed";
import { useNotifier } from "../../execution/store";
import { useT } from "../../i18n/i18n";
import type { Cell } from "../../notebook/document";
import { languageName } from "../../notebook/language";
import type { Place } from "../../notebook/queue";
import type { NotebookSession } from "../../notebook/session";
import { Button, IconButton } from "../../ui/button";
import { Menu } from "../../ui/menu";
import { CellOutput } from "./cell-output";
import { CellStatus, statusOf } from "./cell-status";

/** What a cell asks of the notebook around it; the same for all cells, and for as long as the notebook is open. */
export interface CellActions {
  select(id: string, edit: boolean): void;
  leave(id: string): void;
  run(id: string, then: "next" | "stay" | "insert"): void;
  stop(id: string): void;
  remove(id: string): void;
  duplicate(id: string): void;
  move(id: string, by: number): void;
}

interface CellProps {
  session: NotebookSession;
  actions: CellActions;
  cell: Cell;
  index: number;
  selected: boolean;
  editing: boolean;
  feed: Feed | null;
  /** The kernel runs it. */
  running: boolean;
  /** It is being stopped. */
  stopping: boolean;
  /** The executions are being fetched. */
  loading: boolean;
  place: Place | null;
  /** Why it could not be sent. */
  refusal: unknown;
  /** What it is written in, in lower case. */
  language: string;
}

/** Drawn again only when something of this cell has changed: others print and are written in meanwhile. */
export const CellView = memo(function CellView(props: CellProps) {
  const { session, actions, cell, index, selected, editing, feed, refusal, language } = props;
  const t = useT();
  useNotifier(feed?.notifier);
  const status = statusOf(cell, feed, props.running, props.loading);
  const working = status === "running" || status === "queued" || status === "sending";
  const caret = useRef<number | undefined>(undefined);
  const label = t("notebook.cellLabel", { n: index + 1 });
  const onRun = (then: "next" | "stay" | "insert") => actions.run(cell.id, then);
  const edit = (event: PointerEvent) => {
    caret.current = caretAt(event);
    actions.select(cell.id, true);
  };
  return (
    <section
      className={`cell${selected ? " cell-on" : ""}${editing ? " cell-edit" : ""}`}
      role="listitem"
      aria-label={label}
      tabIndex={-1}
      data-cell={cell.id}
      data-testid="cell"
      data-status={status}
      // Keys act on the cell that is chosen: whatever of it has the focus, it is this one.
      onFocus={() => !selected && actions.select(cell.id, false)}
    >
      <div className="cell-side">
        {working ? (
          <IconButton label={t("notebook.stop")} icon={<Square />} size="s" className="cell-stop" onClick={() => actions.stop(cell.id)} data-testid="stop-cell" />
        ) : (
          <IconButton label={t("notebook.run")} icon={<Play />} size="s" className="cell-run" disabled={cell.code.trim() === ""} onClick={() => onRun("stay")} data-testid="run-cell" />
        )}
        <span className="cell-count num" aria-hidden>{countOf(feed?.model.executionCount, status)}</span>
      </div>
      <div className="cell-main">
        <div className="cell-code" onPointerUp={editing ? undefined : edit}>
          {editing ? (
            <CodeEditor
              code={cell.code}
              label={label}
              {...(caret.current === undefined ? {} : { caret: caret.current })}
              past={session.pasts.of(cell.id)}
              onPast={(past) => session.pasts.keep(cell.id, past)}
              onChange={(code) => session.edit(cell.id, code)}
              onRun={onRun}
              onLeave={() => actions.leave(cell.id)}
              onBlur={() => {}}
              complete={(code, cursor, signal) => session.link.complete(code, cursor, signal)}
              language={language}
              languageName={languageName(language) || t("notebook.code")}
              inspect={(code, cursor, signal) => session.link.inspect(code, cursor, signal)}
            />
          ) : cell.code === "" ? (
            <EmptyCode label={label} language={languageName(language) || t("notebook.code")} onEdit={() => actions.select(cell.id, true)} />
          ) : (
            <CodeView code={cell.code} language={language} />
          )}
        </div>
        <CellMenu onDelete={() => actions.remove(cell.id)} onDuplicate={() => actions.duplicate(cell.id)} onMove={(by) => actions.move(cell.id, by)} />
        {refusal !== undefined && (
          <div className="notice notice-bad" role="alert">
            <span className="grow">{errorText(refusal)}</span>
            <Button size="s" onClick={() => onRun("stay")}>{t("common.retry")}</Button>
          </div>
        )}
        {feed && <CellOutput session={session} cell={cell} feed={feed} working={working} />}
        <CellStatus status={status} label={label} feed={feed} stopping={props.stopping} place={props.place} />
      </div>
    </section>
  );
});

/** Stands for the editor of an empty cell. Reached with Tab it opens nothing by itself: Tab has to lead on from it. */
function EmptyCode({ label, language, onEdit }: { label: string; language: string; onEdit(): void }) {
  const t = useT();
  const onKeyDown = (event: KeyboardEvent) => {
    if ((event.key !== "Enter" && event.key !== " ") || event.shiftKey || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    onEdit();
  };
  return (
    <pre className="code-view muted" role="button" tabIndex={0} aria-label={label} onKeyDown={onKeyDown} onClick={onEdit}>{t("notebook.placeholder", { language })}</pre>
  );
}

function CellMenu({ onDelete, onDuplicate, onMove }: { onDelete(): void; onDuplicate(): void; onMove(by: number): void }) {
  const t = useT();
  return (
    <div className="cell-menu">
      <Menu
        trigger={<IconButton label={t("common.moreActions")} icon={<Ellipsis />} size="s" />}
        entries={[
          { label: t("notebook.duplicate"), icon: <CopyPlus />, onSelect: onDuplicate },
          { label: t("notebook.moveUp"), icon: <ArrowUp />, onSelect: () => onMove(-1) },
          { label: t("notebook.moveDown"), icon: <ArrowDown />, onSelect: () => onMove(1) },
          "line",
          { label: t("notebook.deleteCell"), icon: <Trash2 />, danger: true, onSelect: onDelete },
        ]}
      />
    </div>
  );
}

function countOf(count: number | undefined, status: string): string {
  if (status === "running" || status === "queued" || status === "sending") return "[*]";
  return count ? `[${count}]` : "[ ]";
}

/** Characters before the place that was clicked, so that the caret goes there when the editor comes. */
function caretAt(event: PointerEvent): number | undefined {
  const code = (event.currentTarget as HTMLElement).querySelector(".code-view");
  const found = (document as { caretPositionFromPoint?(x: number, y: number): { offsetNode: Node; offset: number } | null }).caretPositionFromPoint?.(event.clientX, event.clientY);
  if (!code || !found || !code.contains(found.offsetNode)) return undefined;
  const range = document.createRange();
  range.setStart(code, 0);
  range.setEnd(found.offsetNode, found.offset);
  return range.toString().length;
}

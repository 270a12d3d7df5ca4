// A cell: its code, the button that runs or stops it, what it said.
import { ArrowDown, ArrowUp, Ellipsis, Play, Square, Trash2 } from "lucide-react";
import { useRef, useState, type PointerEvent } from "react";
import { errorText } from "../../api/errors";
import { CodeEditor } from "../../editor/code-editor";
import { CodeView } from "../../editor/code-view";
import { useNotifier } from "../../execution/store";
import { useT } from "../../i18n/i18n";
import type { Cell } from "../../notebook/document";
import type { NotebookSession } from "../../notebook/session";
import { Outputs } from "../../output/output-view";
import { Button, IconButton } from "../../ui/button";
import { Menu } from "../../ui/menu";
import { CellStatus, placeOf, statusOf } from "./cell-status";

interface CellProps {
  session: NotebookSession;
  cell: Cell;
  index: number;
  selected: boolean;
  editing: boolean;
  onSelect(edit: boolean): void;
  onLeave(): void;
  onRun(then: "next" | "stay" | "insert"): void;
  onStop(): void;
  onDelete(): void;
  onMove(by: number): void;
}

export function CellView(props: CellProps) {
  const { session, cell, index, selected, editing, onSelect, onLeave, onRun, onStop, onDelete, onMove } = props;
  const t = useT();
  const feed = session.feedOf(cell);
  useNotifier(feed?.notifier);
  const status = statusOf(session, cell, feed);
  const working = status === "running" || status === "queued" || status === "sending";
  const refusal = session.refusals.get(cell.id);
  const caret = useRef<number | undefined>(undefined);
  const label = t("notebook.cellLabel", { n: index + 1 });
  const edit = (event: PointerEvent) => {
    caret.current = caretAt(event);
    onSelect(true);
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
      onFocus={(event) => event.target === event.currentTarget && !selected && onSelect(false)}
    >
      <div className="cell-side">
        {working ? (
          <IconButton label={t("notebook.stop")} icon={<Square />} size="s" className="cell-stop" onClick={onStop} data-testid="stop-cell" />
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
              onChange={(code) => session.edit(cell.id, code)}
              onRun={onRun}
              onLeave={onLeave}
              onBlur={() => {}}
              complete={(code, cursor, signal) => session.complete(code, cursor, signal)}
              inspect={(code, cursor, signal) => session.inspect(code, cursor, signal)}
            />
          ) : cell.code === "" ? (
            <pre className="code-view muted" role="button" tabIndex={0} aria-label={label} onFocus={() => onSelect(true)}>{t("notebook.placeholder")}</pre>
          ) : (
            <CodeView code={cell.code} />
          )}
        </div>
        <CellMenu {...{ onDelete, onMove }} />
        {refusal !== undefined && (
          <div className="notice notice-bad" role="alert">
            <span className="grow">{errorText(refusal)}</span>
            <Button size="s" onClick={() => onRun("stay")}>{t("common.retry")}</Button>
          </div>
        )}
        {feed && <CellOutput session={session} cell={cell} />}
        <CellStatus status={status} feed={feed} session={session} place={placeOf(session, cell)} />
      </div>
    </section>
  );
}

/** Output above this height scrolls until the person asks for all of it. */
function CellOutput({ session, cell }: { session: NotebookSession; cell: Cell }) {
  const t = useT();
  const feed = session.feedOf(cell);
  const [whole, setWhole] = useState(false);
  if (!feed) return null;
  const lines = feed.model.items.reduce((sum, item) => sum + (item.kind === "stream" ? item.log.lineCount : 0), 0);
  const long = lines > 40;
  return (
    <>
      <div className={long && !whole ? "cell-out cell-out-short" : "cell-out"} {...(long && !whole ? { tabIndex: 0, role: "region", "aria-label": t("notebook.output") } : {})}>
        <Outputs model={feed.model} executionId={feed.executionId} onReply={(inputId, value) => session.reply(cell, inputId, value)} />
        {feed.failure !== null && (
          <div className="notice notice-bad">
            <span className="grow">{errorText(feed.failure)}</span>
          </div>
        )}
      </div>
      {long && (
        <button type="button" className="cell-more small" onClick={() => setWhole(!whole)}>
          {whole ? t("notebook.showLess") : t("notebook.showAll", { n: lines })}
        </button>
      )}
    </>
  );
}

function CellMenu({ onDelete, onMove }: { onDelete(): void; onMove(by: number): void }) {
  const t = useT();
  return (
    <div className="cell-menu">
      <Menu
        trigger={<IconButton label={t("common.moreActions")} icon={<Ellipsis />} size="s" />}
        entries={[
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

// The document a person works in: cells in order, each with its code and the execution that ran it last. Until the
// contract has Notebooks it is kept per kernel: the server's executions are the truth of what ran, this browser keeps
// drafts and order. Pure; where it is kept is storage.ts, so that a durable Notebook can take its place.
import type { Execution } from "../gen/fenxi/analysis/v1/execution_pb";

export interface Cell {
  id: string;
  code: string;
  /** The execution shown under it; null if it never ran. */
  executionId: string | null;
  /** The request_id of a run that was sent and not yet acknowledged. */
  requestId: string | null;
  /** The code of that run: what is written meanwhile is not sent. Unset where none is on its way. */
  sent?: string | undefined;
  /** What that run is to begin after, and only if it has not failed. Unset where it begins in any case. */
  after?: After | undefined;
}

/** An execution; or the run of another cell, which is sent before. */
export type After = { executionId: string } | { cellId: string };

/** What a kernel was made of: another like it can be made when it is gone. */
export interface Origin {
  displayName: string;
  kernelSpec: string;
  tables: { datasetId: string; variableName: string }[];
}

export interface NotebookDocument {
  version: 1;
  cells: Cell[];
  /** Of its kernel; unset until that was heard of. */
  origin?: Origin;
  /** Executions that belong to no cell any more: run over or deleted here. */
  dropped: string[];
}

/** Of the executions that are shown no more, how many ids are kept. */
const DROPPED_MAX = 1_000;

export function newCell(id: string, code = ""): Cell {
  return { id, code, executionId: null, requestId: null };
}

export function emptyDocument(): NotebookDocument {
  return { version: 1, cells: [], dropped: [] };
}

/** Adds the executions (oldest first) that no cell knows, before the drafts at the end, and always leaves a draft. */
export function merge(document: NotebookDocument, executions: Execution[], newId: () => string): NotebookDocument {
  const known = new Set([...document.dropped, ...document.cells.map((cell) => cell.executionId)]);
  const unknown = executions.filter((execution) => !known.has(execution.executionId));
  const untouched = document.cells.every((cell) => cell.code === "" && !cell.executionId);
  const missing = untouched ? withoutReruns(unknown) : unknown;
  const lastRun = document.cells.findLastIndex((cell) => cell.executionId || cell.requestId);
  // Every tab that shows it gives it the same name.
  const fresh = missing.map(({ executionId, code }) => ({ ...newCell(executionId, code), executionId }));
  const cells = [...document.cells.slice(0, lastRun + 1), ...fresh, ...document.cells.slice(lastRun + 1)];
  if (cells.length === 0 || cells.at(-1)?.executionId) cells.push(newCell(newId()));
  const shown = new Set(fresh.map((cell) => cell.executionId));
  const rerun = unknown.map((execution) => execution.executionId).filter((id) => !shown.has(id));
  return { ...document, cells, dropped: [...document.dropped, ...rerun].slice(-DROPPED_MAX) };
}

export function update(document: NotebookDocument, id: string, change: Partial<Omit<Cell, "id">>): NotebookDocument {
  return { ...document, cells: document.cells.map((cell) => (cell.id === id ? { ...cell, ...change } : cell)) };
}

/**
 * Without a document there is no telling which runs were of one cell. Code that ran again is taken for the same cell:
 * it stands where it ran first and shows what it said last.
 */
function withoutReruns(executions: Execution[]): Execution[] {
  const byCode = new Map<string, Execution>();
  for (const execution of executions) byCode.set(execution.code, execution);
  return [...byCode.values()];
}

/**
 * The service has taken the cell's code. Where the execution was shown before its answer came, it stood in a cell of its
 * own; where the cell was away when it came first, it was dropped.
 */
export function accept(document: NotebookDocument, id: string, executionId: string): NotebookDocument {
  const cells = document.cells.filter((cell) => cell.id === id || cell.executionId !== executionId);
  const dropped = document.dropped.filter((each) => each !== executionId);
  return update({ ...document, cells, dropped }, id, { executionId, requestId: null, sent: undefined, after: undefined });
}

/** The cell runs anew: what it showed before belongs to it no more. */
export function begin(document: NotebookDocument, id: string, requestId: string): NotebookDocument {
  const before = document.cells.find((cell) => cell.id === id);
  return update(drop(document, before?.executionId), id, { executionId: null, requestId, sent: before?.code, after: undefined });
}

/** These cells, which are about to be sent in this order, run only if none before them fails, nor what `first` names. */
export function chain(document: NotebookDocument, ids: string[], first: After | undefined): NotebookDocument {
  const afters = new Map(ids.map((id, at) => [id, at === 0 ? first : { cellId: ids[at - 1]! }]));
  return { ...document, cells: document.cells.map((cell) => (afters.has(cell.id) ? { ...cell, after: afters.get(cell.id) } : cell)) };
}

/** The execution after which a cell that is about to be sent runs; empty for none. What was taken back on its way hands on its own. */
export function dependency({ cells }: NotebookDocument, { after }: Cell): string {
  // Cells that were moved and taken back may name each other.
  for (let steps = 0; after && steps < cells.length; steps++) {
    if ("executionId" in after) return after.executionId;
    const { cellId } = after;
    const before = cells.find((cell) => cell.id === cellId);
    if (before?.executionId) return before.executionId;
    // One that was begun anew is sent later.
    after = before?.requestId ? undefined : before?.after;
  }
  return "";
}

/** The cell's run is not on its way any more. */
export function takeBack(document: NotebookDocument, id: string): NotebookDocument {
  return update(document, id, { requestId: null, sent: undefined });
}

export function insert(document: NotebookDocument, at: number, cell: Cell): NotebookDocument {
  return { ...document, cells: document.cells.toSpliced(at, 0, cell) };
}

export function remove(document: NotebookDocument, id: string): NotebookDocument {
  const cell = document.cells.find((each) => each.id === id);
  return { ...drop(document, cell?.executionId), cells: document.cells.filter((each) => each.id !== id) };
}

/** Puts a removed cell back with what it showed. */
export function restore(document: NotebookDocument, at: number, cell: Cell): NotebookDocument {
  const dropped = document.dropped.filter((id) => id !== cell.executionId);
  return insert({ ...document, dropped }, Math.min(at, document.cells.length), cell);
}

export function move(document: NotebookDocument, id: string, by: number): NotebookDocument {
  const from = document.cells.findIndex((cell) => cell.id === id);
  const to = Math.min(document.cells.length - 1, Math.max(0, from + by));
  const cell = document.cells[from];
  if (!cell || from === to) return document;
  return { ...document, cells: document.cells.toSpliced(from, 1).toSpliced(to, 0, cell) };
}

/** Of the execution nothing is shown any more. */
export function drop(document: NotebookDocument, executionId: string | null | undefined): NotebookDocument {
  if (!executionId) return document;
  return { ...document, dropped: [...document.dropped, executionId].slice(-DROPPED_MAX) };
}

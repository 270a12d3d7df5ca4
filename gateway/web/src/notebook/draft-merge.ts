// Several tabs, one notebook: each has a document of its own and they share what is kept. What was kept when a tab last
// looked is the ground on which its changes and those of the others are told apart, cell by cell and field by field. Pure.
import type { Cell, NotebookDocument } from "./document";

/** What comes of changes made here (`mine`) and elsewhere (`theirs`) to what both had (`base`). Here wins over there. */
export function mergeDrafts(base: NotebookDocument, mine: NotebookDocument, theirs: NotebookDocument): NotebookDocument {
  const [before, here, there] = [base, mine, theirs].map(byId) as [Cells, Cells, Cells];
  // Who has moved, added or removed nothing takes the order of the other.
  const moved = orderOf(mine) !== orderOf(base);
  const [lead, follow] = moved ? [mine, theirs] : [theirs, mine];
  const cells: Cell[] = [];
  for (const { id } of lead.cells) {
    const cell = merged(before.get(id), here.get(id), there.get(id));
    if (cell) cells.push(cell);
  }
  let after = -1;
  for (const { id } of follow.cells) {
    const at = cells.findIndex((cell) => cell.id === id);
    if (at >= 0) after = at;
    if (at >= 0 || (moved ? here : there).has(id)) continue;
    const cell = merged(before.get(id), here.get(id), there.get(id));
    if (cell) cells.splice(++after, 0, cell);
  }
  const dropped = mergedSet(base.dropped, mine.dropped, theirs.dropped);
  return { ...mine, cells: withoutDoubles(cells, dropped), dropped };
}

/** Every tab makes an empty cell at its end. One that only this tab has goes where another has one there too. */
export function withOneDraft(document: NotebookDocument, theirs: NotebookDocument): NotebookDocument {
  const last = theirs.cells.at(-1);
  if (!last || !isBlank(last)) return document;
  const there = byId(theirs);
  const end = document.cells.findLastIndex((cell) => !isBlank(cell));
  return { ...document, cells: document.cells.filter((cell, at) => at <= end || there.has(cell.id)) };
}

type Cells = ReadonlyMap<string, Cell>;

function byId({ cells }: NotebookDocument): Cells {
  return new Map(cells.map((cell) => [cell.id, cell]));
}

function orderOf({ cells }: NotebookDocument): string {
  return cells.map((cell) => cell.id).join();
}

function isBlank({ code, executionId, requestId }: Cell): boolean {
  return code === "" && !executionId && !requestId;
}

/** One cell; null where one side removed it and the other has not written in it. */
function merged(base: Cell | undefined, mine: Cell | undefined, theirs: Cell | undefined): Cell | null {
  if (!mine || !theirs) {
    const left = mine ?? theirs;
    return left && (!base || left.code !== base.code) ? left : null;
  }
  const pick = <K extends keyof Cell>(field: K): Cell[K] => (base && mine[field] === base[field] ? theirs[field] : mine[field]);
  // A run is one thing: what was sent, and what came of it.
  const ran = base && mine.executionId === base.executionId && mine.requestId === base.requestId ? theirs : mine;
  return { id: mine.id, code: pick("code"), executionId: ran.executionId, requestId: ran.requestId, sent: ran.sent, after: ran.after };
}

/** An execution is shown once: in the cell that was run, not in the one that only shows what was run elsewhere. */
function withoutDoubles(cells: Cell[], dropped: string[]): Cell[] {
  const elsewhere = ({ id, executionId }: Cell) => id === executionId;
  const shown = new Set([...dropped, ...cells.filter((cell) => !elsewhere(cell)).map((cell) => cell.executionId)]);
  return cells.filter((cell) => !elsewhere(cell) || !shown.has(cell.executionId));
}

function mergedSet(base: string[], mine: string[], theirs: string[]): string[] {
  const gone = base.filter((id) => !mine.includes(id) || !theirs.includes(id));
  return [...new Set([...theirs, ...mine])].filter((id) => !gone.includes(id));
}

import { expect, test } from "vitest";
import * as doc from "./document";
import { mergeDrafts, withOneDraft } from "./draft-merge";

const document = (...cells: doc.Cell[]): doc.NotebookDocument => ({ version: 1, cells, dropped: [] });
const cell = (id: string, code = id, executionId: string | null = null) => ({ ...doc.newCell(id, code), executionId });
const base = document(cell("a"), cell("b"), cell("c"));
const shape = ({ cells }: doc.NotebookDocument) => cells.map(({ id, code, executionId }) => [id, code, executionId].filter(Boolean).join(":")).join(" ");

test("what was written in two tabs stays, cell by cell", () => {
  const mine = doc.update(base, "a", { code: "mine" });
  const theirs = doc.update(doc.update(base, "b", { code: "theirs" }), "a", { code: "lost" });
  expect(shape(mergeDrafts(base, mine, theirs))).toBe("a:mine b:theirs c:c");
});

test("cells that were added, moved and removed elsewhere are so here, where it does not undo what was written here", () => {
  const theirs = doc.move(doc.remove(doc.insert(base, 1, cell("n")), "b"), "a", 9);
  expect(shape(mergeDrafts(base, base, theirs))).toBe("n:n c:c a:a");
  const mine = doc.update(base, "b", { code: "mine" });
  expect(shape(mergeDrafts(base, mine, theirs))).toBe("n:n c:c a:a b:mine");
  const moved = doc.insert(base, 0, cell("m"));
  expect(shape(mergeDrafts(base, moved, theirs))).toBe("n:n m:m a:a c:c");
  expect(shape(mergeDrafts(base, doc.remove(base, "c"), base))).toBe("a:a b:b");
});

test("a run is taken whole from where it was begun", () => {
  const after = { executionId: "x" };
  const theirs = doc.chain(doc.begin(base, "a", "request"), ["a"], after);
  expect(mergeDrafts(base, base, theirs).cells[0]).toMatchObject({ requestId: "request", executionId: null, sent: "a", after });
  const done = doc.accept(theirs, "a", "e");
  expect(mergeDrafts(theirs, theirs, done).cells[0]).toMatchObject({ requestId: null, executionId: "e" });
  const stopped = doc.update(theirs, "a", { requestId: null });
  expect(mergeDrafts(theirs, stopped, done).cells[0]).toMatchObject({ requestId: null, executionId: null });
});

test("an execution stands in the cell that was run, and not once more for having been seen first", () => {
  const mine = doc.insert(base, 3, cell("e", "a", "e"));
  const theirs = doc.accept(base, "a", "e");
  expect(shape(mergeDrafts(base, mine, theirs))).toBe("a:a:e b:b c:c");
  expect(shape(mergeDrafts(base, mine, { ...base, dropped: ["e"] }))).toBe("a:a b:b c:c");
});

test("what was deleted and brought back is not dropped", () => {
  const dropped = { ...base, dropped: ["x", "y"] };
  expect(mergeDrafts(dropped, { ...base, dropped: ["x"] }, { ...base, dropped: ["x", "y", "z"] }).dropped).toEqual(["x", "z"]);
});

test("two tabs do not make an empty cell each", () => {
  const mine = doc.insert(base, 3, cell("mine", ""));
  const theirs = doc.insert(base, 3, cell("theirs", ""));
  expect(shape(withOneDraft(mergeDrafts(base, mine, theirs), theirs))).toBe("a:a b:b c:c theirs");
  const written = doc.update(mine, "mine", { code: "x" });
  expect(shape(withOneDraft(mergeDrafts(base, written, theirs), theirs))).toBe("a:a b:b c:c theirs mine:x");
});

import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ExecutionSchema } from "../gen/fenxi/analysis/v1/execution_pb";
import * as doc from "./document";

let counter = 0;
const newId = () => `cell-${counter++}`;
const ran = (...ids: string[]) => ids.map((executionId) => create(ExecutionSchema, { executionId, code: `code ${executionId}` }));
const shape = (document: doc.NotebookDocument) => document.cells.map((cell) => cell.executionId ?? (cell.code || "draft"));

describe("a notebook document", () => {
  it("shows on a new device all that ran, in order, and a draft", () => {
    const document = doc.merge(doc.emptyDocument(), ran("a", "b"), newId);
    expect(shape(document)).toEqual(["a", "b", "draft"]);
    expect(document.cells[0]?.code).toBe("code a");
  });

  it("shows on a new device a cell that ran again once, with its last run", () => {
    const runs = ran("a", "b", "c");
    const again = create(ExecutionSchema, { executionId: "d", code: "code a" });
    const document = doc.merge(doc.emptyDocument(), [...runs, again], newId);
    expect(shape(document)).toEqual(["d", "b", "c", "draft"]);
    expect(doc.merge(document, [...runs, again], newId)).toEqual(document);
  });

  it("puts what ran elsewhere before the drafts, and nothing twice", () => {
    let document = doc.merge(doc.emptyDocument(), ran("a"), newId);
    document = doc.update(document, document.cells[1]?.id as string, { code: "my draft" });
    document = doc.merge(document, ran("a", "b"), newId);
    expect(shape(document)).toEqual(["a", "b", "my draft"]);
    expect(doc.merge(document, ran("a", "b"), newId)).toEqual(document);
  });

  it("runs a cell anew in its place: the former run comes back with no reload", () => {
    let document = doc.merge(doc.emptyDocument(), ran("a", "b"), newId);
    const first = document.cells[0]?.id as string;
    document = doc.begin(document, first, "request");
    expect(document.cells[0]).toMatchObject({ executionId: null, requestId: "request" });
    document = doc.update(document, first, { executionId: "c", requestId: null });
    expect(shape(doc.merge(document, ran("a", "b", "c"), newId))).toEqual(["c", "b", "draft"]);
  });

  it("forgets a removed cell over a reload and brings it back on undo", () => {
    const document = doc.merge(doc.emptyDocument(), ran("a", "b"), newId);
    const cell = document.cells[0] as doc.Cell;
    const without = doc.remove(document, cell.id);
    expect(shape(doc.merge(without, ran("a", "b"), newId))).toEqual(["b", "draft"]);
    expect(doc.restore(without, 0, cell)).toEqual(document);
  });

  it("moves a cell and stops at the ends", () => {
    const document = doc.merge(doc.emptyDocument(), ran("a", "b"), newId);
    const id = document.cells[0]?.id as string;
    expect(shape(doc.move(document, id, 1))).toEqual(["b", "a", "draft"]);
    expect(doc.move(document, id, -1)).toBe(document);
  });

  it("knows what a cell that is sent next depends on, past what was taken back", () => {
    const cells = ["a", "b", "c", "d"].map((id) => doc.newCell(id, id));
    let document = doc.chain({ ...doc.emptyDocument(), cells }, ["b", "c", "d"], { executionId: "x" });
    const dependency = (id: string) => doc.dependency(document, document.cells.find((cell) => cell.id === id)!);
    expect(["a", "b", "c", "d"].map(dependency)).toEqual(["", "x", "x", "x"]);
    document = doc.accept(document, "b", "y");
    expect([dependency("c"), dependency("d")]).toEqual(["y", "y"]);
    // It is sent later than what named it once.
    document = doc.begin(document, "c", "request");
    expect(dependency("d")).toBe("");
    document = doc.chain(document, ["c", "d"], { cellId: "d" });
    document = doc.takeBack(document, "c");
    expect([dependency("c"), dependency("d")]).toEqual(["", ""]);
  });
});

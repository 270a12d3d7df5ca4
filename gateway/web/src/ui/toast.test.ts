import { expect, test } from "vitest";
import { withNewest } from "./toast";

const said = (id: number, text: string, more: object = {}) => ({ id, text, bad: false, ...more });

test("what is said again stands once, and drives out nothing that can be undone", () => {
  const undo = { action: { label: "Undo", run: () => {} } };
  const shown = [said(0, "deleted", undo), said(1, "kept")];
  expect(withNewest(shown, said(2, "kept")).map(({ id }) => id)).toEqual([0, 2]);
  expect(withNewest(shown, said(2, "deleted", undo)).map(({ id }) => id)).toEqual([0, 1, 2]);
  expect(withNewest([...shown, said(2, "other")], said(3, "more")).map(({ id }) => id)).toEqual([1, 2, 3]);
});

import { history, undo } from "@codemirror/commands";
import { EditorState } from "@codemirror/state";
import { expect, test } from "vitest";
import { begun, pastOf } from "./undo";

const typed = (state: EditorState, insert: string) =>
  state.update({ changes: { from: 0, to: state.doc.length, insert }, userEvent: "input.paste" }).state;

function undone(state: EditorState): string {
  let now = state;
  undo({ state, dispatch: (transaction) => (now = transaction.state) });
  return now.doc.toString();
}

test("what was written over comes back in a later editor of the cell", () => {
  const former = typed(begun("a = 1", 5, undefined, history()), "b = 2");
  const past = JSON.parse(JSON.stringify(pastOf(former)));
  const later = begun("b = 2", 3, past, history());
  expect([later.doc.toString(), later.selection.main.anchor, undone(later)]).toEqual(["b = 2", 3, "a = 1"]);
});

test("the past of another text is left alone, and one that cannot be read", () => {
  const past = pastOf(typed(begun("a", 0, undefined, history()), "b"));
  expect(undone(begun("c", 0, past, history()))).toBe("c");
  expect(begun("b", 0, { doc: "b", history: 1 } as never, history()).doc.toString()).toBe("b");
});

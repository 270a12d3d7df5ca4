// What can be undone in a cell outlives its editor, which is there only while the cell is written in.
import { historyField } from "@codemirror/commands";
import { EditorState, type Extension } from "@codemirror/state";

/** An editor's text and what was done to it, as plain data. */
export type Past = { doc?: unknown };

const FIELDS = { history: historyField };

export function pastOf(state: EditorState): Past {
  return state.toJSON(FIELDS);
}

/** The state an editor begins with: with its past, unless the text has changed since. */
export function begun(code: string, anchor: number, past: Past | undefined, extensions: Extension): EditorState {
  const fresh = () => EditorState.create({ doc: code, selection: { anchor }, extensions });
  if (past?.doc !== code) return fresh();
  try {
    return EditorState.fromJSON({ ...past, selection: { ranges: [{ anchor, head: anchor }], main: 0 } }, { extensions }, FIELDS);
  } catch {
    return fresh();
  }
}

// The code editor (CodeMirror 6, lean) and the same colours for code that is only read. Loaded apart.
import { acceptCompletion, autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap, startCompletion } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab, toggleComment } from "@codemirror/commands";
import { bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { Compartment, EditorState, Prec, type Extension } from "@codemirror/state";
import { drawSelection, EditorView, highlightSpecialChars, keymap, placeholder } from "@codemirror/view";
import { classHighlighter, highlightTree } from "@lezer/highlight";
import { kernelSource, type Complete } from "./completion";
import { languageNow, loadLanguage, parserNow } from "./languages";
import { begun, pastOf, type Past } from "./undo";
import { hideInspection, inspect, inspection, type Inspect, type InspectionWords } from "./inspection";

export interface EditorOptions {
  parent: HTMLElement;
  code: string;
  label: string;
  placeholder: string;
  /** Where the caret goes at first, in characters from the start; the end if unset. */
  caret?: number;
  /** Of a former editor of this cell. */
  past?: Past;
  onChange(code: string): void;
  /** Shift+Enter, Ctrl+Enter, Alt+Enter; never while an input method composes. */
  onRun(then: "next" | "stay" | "insert"): void;
  /** Esc. */
  onLeave(): void;
  onBlur(): void;
  /** What may stand at the cursor, as the kernel knows it. */
  complete: Complete;
  /** What the name at the cursor is. */
  inspect: Inspect;
  words: InspectionWords;
  /** What the code is written in, in lower case. */
  language: string;
}

const look = EditorView.theme({
  "&": { backgroundColor: "transparent", fontSize: "13px" },
  "&.cm-focused": { outline: "none", boxShadow: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "21px", overflowX: "auto" },
  ".cm-content": { padding: "10px 0", caretColor: "var(--text)" },
  ".cm-line": { padding: "0 14px" },
  ".cm-cursor": { borderLeftColor: "var(--text)", borderLeftWidth: "2px" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "color-mix(in srgb, var(--brand) 22%, transparent) !important",
  },
  ".cm-placeholder": { color: "var(--text-3)" },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--active)", outline: "none" },
  ".cm-tooltip": { background: "var(--surface)", border: "1px solid var(--border)", borderRadius: "8px", boxShadow: "var(--shadow-2)" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { background: "var(--brand-soft)", color: "var(--text)" },
});

function keys(options: EditorOptions): Extension {
  const run = (then: "next" | "stay" | "insert") => (view: EditorView) => {
    if (view.composing || view.compositionStarted) return false;
    options.onRun(then);
    return true;
  };
  return Prec.highest(
    keymap.of([
      { key: "Shift-Enter", run: run("next") },
      { key: "Mod-Enter", run: run("stay") },
      { key: "Ctrl-Enter", run: run("stay") },
      { key: "Alt-Enter", run: run("insert") },
      { key: "Mod-/", run: toggleComment },
      { key: "Escape", run: hideInspection },
    ]),
  );
}

/** Whether Tab asks for completions, as in Jupyter, and does not indent. */
function isBehindName({ state }: EditorView): boolean {
  const { from, empty } = state.selection.main;
  return empty && /[\p{L}\p{N}_.'"]$/u.test(state.doc.lineAt(from).text.slice(0, from - state.doc.lineAt(from).from));
}

/** What of an editor depends on the language, which may be known only later. */
const dialect = new Compartment();

type Dialect = Pick<EditorOptions, "language" | "placeholder">;

function dialectOf({ language, placeholder: text }: Dialect): Extension {
  return [languageNow(language), indentUnit.of(language === "python" ? "    " : "  "), placeholder(text)];
}

/** Gives an editor another language, once its support is there. */
export async function setLanguage(view: EditorView, options: Dialect): Promise<void> {
  await loadLanguage(options.language);
  view.dispatch({ effects: dialect.reconfigure(dialectOf(options)) });
}

/** Mounts an editor; the caller destroys it. */
export function mountEditor(options: EditorOptions): EditorView {
  const extensions: Extension[] = [
    keys(options),
    history(),
    drawSelection(),
    highlightSpecialChars(),
    indentOnInput(),
    bracketMatching(),
    closeBrackets(),
    EditorState.tabSize.of(4),
    dialect.of(dialectOf(options)),
    autocompletion({ icons: false, activateOnTypingDelay: 150, override: [kernelSource(options.complete)] }),
    inspection(),
    syntaxHighlighting(classHighlighter),
    EditorView.lineWrapping,
    look,
    keymap.of([
      ...closeBracketsKeymap,
      ...completionKeymap,
      { key: "Escape", run: () => (options.onLeave(), true) },
      { key: "Shift-Tab", run: inspect(options.inspect, options.words) },
      ...defaultKeymap,
      ...historyKeymap,
      { key: "Tab", run: (view) => acceptCompletion(view) || (isBehindName(view) && startCompletion(view)) },
      indentWithTab,
    ]),
    EditorView.contentAttributes.of({ "aria-label": options.label, autocapitalize: "off", spellcheck: "false" }),
    EditorView.updateListener.of((update) => {
      if (update.docChanged) options.onChange(update.state.doc.toString());
    }),
    EditorView.domEventHandlers({ blur: () => options.onBlur() }),
  ];
  const anchor = Math.min(options.caret ?? options.code.length, options.code.length);
  const state = begun(options.code, anchor, options.past, extensions);
  const view = new EditorView({ state, parent: options.parent });
  view.focus();
  return view;
}

export { loadLanguage, pastOf };

/** Code in pieces of one colour each, without any where the language's support is not there; for code that is only read: far cheaper than an editor. */
export function highlight(code: string, language: string): { text: string; classes: string }[] {
  const pieces: { text: string; classes: string }[] = [];
  let at = 0;
  const push = (to: number, classes: string) => {
    if (to > at) pieces.push({ text: code.slice(at, to), classes });
    at = Math.max(at, to);
  };
  const parser = parserNow(language);
  if (parser) {
    highlightTree(parser.parse(code), classHighlighter, (from, to, classes) => {
      push(from, "");
      push(to, classes);
    });
  }
  push(code.length, "");
  return pieces;
}

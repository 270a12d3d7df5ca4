// What the name at the cursor is, shown beside it when a person asks with Shift+Tab, as in Jupyter. The text comes from
// the kernel, and so from anybody's code: it is shown as text with colours, and never read as anything else.
import { closeCompletion } from "@codemirror/autocomplete";
import { StateEffect, StateField, type Extension } from "@codemirror/state";
import { EditorView, showTooltip, type Command, type Tooltip } from "@codemirror/view";
import { applySgr, styleOf } from "../execution/sgr";
import { toCodePoints } from "./completion";

/** Asks what stands at the cursor; null where no kernel answers. */
export type Inspect = (code: string, cursor: number, signal: AbortSignal) => Promise<Inspected | null>;

export interface Inspected {
  found: boolean;
  text: string;
}

/** What is said where there is no documentation to show. */
export interface InspectionWords {
  label: string;
  asking: string;
  nothingFound: string;
  noAnswer: string;
  cut(chars: number): string;
  failed(error: unknown): string;
}

/** Longer documentation is cut: a person reads the beginning. */
export const SHOWN_MAX_CHARS = 20_000;
/** Of this much those hear who cannot see it; the rest they read. */
const ANNOUNCED_MAX_CHARS = 300;
/** After so long nothing is shown. */
const KERNEL_WAIT_MS = 5_000;
/** An answer that takes longer is said to be on its way. */
const ASKING_SHOWN_AFTER_MS = 300;

const show = StateEffect.define<Shown | null>();

interface Shown {
  pos: number;
  text: string;
  words: InspectionWords;
  /** The answer; what is only said meanwhile is not to be read. */
  settled: boolean;
}

const shown = StateField.define<{ tooltip: Tooltip; settled: boolean } | null>({
  create: () => null,
  update(now, transaction) {
    for (const effect of transaction.effects) {
      if (effect.is(show)) return effect.value ? { tooltip: tooltipOf(effect.value), settled: effect.value.settled } : null;
    }
    return transaction.docChanged || transaction.selection ? null : now;
  },
  provide: (field) => showTooltip.from(field, (now) => now?.tooltip ?? null),
});

export function inspection(): Extension {
  return shown;
}

/** Takes the text away; false if there is none. */
export const hideInspection: Command = (view) => {
  if (!view.state.field(shown)) return false;
  view.dispatch({ effects: show.of(null) });
  return true;
};

/**
 * Asks where there is something to ask about; at the beginning of a line the key takes indentation away. Where the answer
 * is shown already, goes into it, so that it can be read on by keys.
 */
export function inspect(ask: Inspect, words: InspectionWords): Command {
  let last = new AbortController();
  return (view) => {
    const { from, empty } = view.state.selection.main;
    const line = view.state.doc.lineAt(from);
    if (!empty || line.text.slice(0, from - line.from).trim() === "") return false;
    if (view.state.field(shown)?.settled) {
      view.dom.querySelector<HTMLElement>(".cm-inspection")?.focus();
      return true;
    }
    closeCompletion(view);
    last.abort();
    const own = new AbortController();
    last = own;
    const asked = view.state;
    const tell = (text: string, settled: boolean) => {
      const still = view.state.doc.eq(asked.doc) && view.state.selection.main.head === from;
      if (own.signal.aborted || !still) return;
      const announced = EditorView.announce.of(plain(text).slice(0, ANNOUNCED_MAX_CHARS));
      view.dispatch({ effects: [show.of({ pos: from, text, words, settled }), ...(settled ? [announced] : [])] });
    };
    const waiting = setTimeout(() => tell(words.asking, false), ASKING_SHOWN_AFTER_MS);
    own.signal.addEventListener("abort", () => clearTimeout(waiting));
    void answer(ask, words, asked.doc.toString(), from, own.signal).then((text) => {
      clearTimeout(waiting);
      tell(text, true);
    });
    return true;
  };
}

/** What to show: the documentation, or why there is none. */
async function answer(ask: Inspect, words: InspectionWords, code: string, from: number, given: AbortSignal): Promise<string> {
  const late = AbortSignal.timeout(KERNEL_WAIT_MS);
  try {
    const inspected = await ask(code, toCodePoints(code, from), AbortSignal.any([given, late]));
    return inspected ? (inspected.found ? inspected.text : words.nothingFound) : words.noAnswer;
  } catch (error) {
    return late.aborted ? words.noAnswer : words.failed(error);
  }
}

function tooltipOf({ pos, text, words }: Shown): Tooltip {
  const create = (view: EditorView) => {
    const dom = document.createElement("pre");
    dom.className = "term cm-inspection";
    dom.dataset.testid = "inspection";
    dom.tabIndex = 0;
    dom.setAttribute("role", "region");
    dom.setAttribute("aria-label", words.label);
    dom.append(...pieces(text.slice(0, SHOWN_MAX_CHARS)).map(drawn));
    if (text.length > SHOWN_MAX_CHARS) {
      const note = document.createElement("div");
      note.className = "muted";
      note.textContent = words.cut(SHOWN_MAX_CHARS);
      dom.append(note);
    }
    // Keys pressed in here scroll it, and are no commands to the cells.
    dom.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key !== "Escape") return;
      hideInspection(view);
      view.focus();
    });
    return { dom };
  };
  return { pos, above: false, create };
}

/** Without what a terminal would obey. */
function plain(text: string): string {
  return pieces(text).map((piece) => piece.text).join("");
}

/** Text in pieces of one style each; what else a terminal would obey is left out. */
export function pieces(text: string): { text: string; key: string }[] {
  const found: { text: string; key: string }[] = [];
  let key = "";
  let at = 0;
  // oxlint-disable-next-line no-control-regex -- it is what is looked for
  for (const match of text.matchAll(/\x1b\[([\d;:]*)m|\x1b\[[^@-~]*[@-~]|\x1b[^[]|[\0-\x08\x0b-\x1f\x7f]/g)) {
    if (match.index > at) found.push({ text: text.slice(at, match.index), key });
    at = match.index + match[0].length;
    if (match[1] !== undefined) key = applySgr(key, match[1]);
  }
  if (at < text.length) found.push({ text: text.slice(at), key });
  return found;
}

function drawn({ text, key }: { text: string; key: string }): HTMLElement {
  const { className, style } = styleOf(key);
  const element = document.createElement("span");
  element.textContent = text;
  if (className) element.className = className;
  if (style.color) element.style.color = style.color;
  if (style.backgroundColor) element.style.backgroundColor = style.backgroundColor;
  return element;
}

// What the name at the cursor is, shown beside it when a person asks with Shift+Tab, as in Jupyter. The text comes from
// the kernel, and so from anybody's code: it is shown as text with colours, and never read as anything else.
import { closeCompletion } from "@codemirror/autocomplete";
import { StateEffect, StateField, type Extension } from "@codemirror/state";
import { showTooltip, type Command, type Tooltip } from "@codemirror/view";
import { applySgr, styleOf } from "../execution/sgr";
import { toCodePoints } from "./completion";

/** Asks what stands at the cursor; null where there is nothing, or no kernel that answers. */
export type Inspect = (code: string, cursor: number, signal: AbortSignal) => Promise<string | null>;

/** Longer documentation is cut: a person reads the beginning. */
const SHOWN_MAX_CHARS = 20_000;
/** After so long nothing is shown. */
const KERNEL_WAIT_MS = 5_000;

const show = StateEffect.define<{ pos: number; text: string } | null>();

const shown = StateField.define<Tooltip | null>({
  create: () => null,
  update(tooltip, transaction) {
    for (const effect of transaction.effects) {
      if (effect.is(show)) return effect.value ? tooltipOf(effect.value) : null;
    }
    return transaction.docChanged || transaction.selection ? null : tooltip;
  },
  provide: (field) => showTooltip.from(field),
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

/** Asks where there is something to ask about; at the beginning of a line the key takes indentation away. */
export function inspect(ask: Inspect, nothing: string): Command {
  let last = new AbortController();
  return (view) => {
    const { from, empty } = view.state.selection.main;
    const line = view.state.doc.lineAt(from);
    if (!empty || line.text.slice(0, from - line.from).trim() === "") return false;
    closeCompletion(view);
    last.abort();
    last = new AbortController();
    const signal = AbortSignal.any([last.signal, AbortSignal.timeout(KERNEL_WAIT_MS)]);
    const asked = view.state;
    const code = asked.doc.toString();
    void ask(code, toCodePoints(code, from), signal)
      .catch(() => null)
      .then((text) => {
        const still = view.state.doc.eq(asked.doc) && view.state.selection.main.head === from;
        if (!last.signal.aborted && still) view.dispatch({ effects: show.of({ pos: from, text: text ?? nothing }) });
      });
    return true;
  };
}

function tooltipOf({ pos, text }: { pos: number; text: string }): Tooltip {
  const create = () => {
    const dom = document.createElement("pre");
    dom.className = "term cm-inspection";
    dom.dataset.testid = "inspection";
    dom.setAttribute("role", "status");
    dom.append(...pieces(text.slice(0, SHOWN_MAX_CHARS)).map(drawn));
    return { dom };
  };
  return { pos, above: false, create };
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

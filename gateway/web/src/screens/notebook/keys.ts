// Keys as in Jupyter. In command mode a cell is chosen and single keys act on it; in edit mode they are text.
export type Command =
  | "run-next" | "run-stay" | "run-insert" | "edit" | "up" | "down" | "above" | "below" | "delete" | "undo" | "move-up" | "move-down"
  | "duplicate" | "interrupt" | "restart" | "help";

/** Two presses of one key, within this time, are one command. */
const DOUBLE_MAX_MS = 800;

const SINGLE: Record<string, Command> = {
  Enter: "edit", ArrowUp: "up", ArrowDown: "down", k: "up", j: "down", a: "above", b: "below", z: "undo", "?": "help",
};
const DOUBLE: Record<string, Command> = { d: "delete", i: "interrupt", 0: "restart" };

interface Pressed {
  key: string;
  shiftKey: boolean;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  timeStamp: number;
  composing: boolean;
}

/** Makes a reader of key presses; it remembers the last one, for doubles. */
export function commandReader(): (pressed: Pressed) => Command | null {
  let last: { key: string; atMs: number } | null = null;
  return ({ key, shiftKey, ctrlKey, metaKey, altKey, timeStamp, composing }) => {
    if (composing) return null;
    if (key === "Enter" && shiftKey) return "run-next";
    if (key === "Enter" && (ctrlKey || metaKey)) return "run-stay";
    if (key === "Enter" && altKey) return "run-insert";
    if (altKey && shiftKey && key === "ArrowDown") return "duplicate";
    if (altKey && key === "ArrowUp") return "move-up";
    if (altKey && key === "ArrowDown") return "move-down";
    if (ctrlKey || metaKey || altKey) return null;
    const plain = key.length === 1 ? key.toLowerCase() : key;
    const double = DOUBLE[plain];
    if (double) {
      const second = last?.key === plain && timeStamp - last.atMs <= DOUBLE_MAX_MS;
      last = second ? null : { key: plain, atMs: timeStamp };
      return second ? double : null;
    }
    last = null;
    return SINGLE[plain] ?? null;
  };
}

/** Ctrl+S or Cmd+S, wherever it is pressed. */
export function isSave({ key, shiftKey, ctrlKey, metaKey, altKey }: Omit<Pressed, "timeStamp" | "composing">): boolean {
  return key.toLowerCase() === "s" && ctrlKey !== metaKey && !shiftKey && !altKey;
}

/** What is focused when a key is pressed, as far as it matters here. */
type Focused = Pick<Element, "closest">;

const TYPING = "input, textarea, select, [contenteditable=true], .cm-editor";
const CONTROL = "button, a, summary";

/** Whether a press is the notebook's, and not that of what is focused. `outside`: what is focused is no part of it. */
export function isOurs(pressed: Omit<Pressed, "timeStamp" | "composing">, focused: Focused, outside: boolean): boolean {
  const { key, shiftKey, ctrlKey, metaKey, altKey } = pressed;
  if (focused.closest(TYPING)) return false;
  if (ctrlKey || metaKey || altKey || (key === "Enter" && shiftKey)) return true;
  if (outside) return true;
  // Single keys act on the cell that is chosen: on a button of the toolbar nobody thinks of it.
  if (!focused.closest("[data-cell]")) return false;
  const control = focused.closest(CONTROL) !== null;
  if (key === "Enter") return !control;
  // What can be scrolled by keys is.
  return control || !key.startsWith("Arrow") || !focused.closest(".cell-out");
}

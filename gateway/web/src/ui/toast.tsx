// Short messages at the foot of the page, some with a way to undo.
import { Notifier, useNotifier } from "../execution/store";
import { errorText } from "../api/errors";

const SHOWN_MS = 4_000;
const SHOWN_WITH_ACTION_MS = 8_000;
const TOASTS_MAX = 3;

interface Toast {
  id: number;
  text: string;
  bad: boolean;
  action?: { label: string; run(): void };
}

const notifier = new Notifier();
let toasts: Toast[] = [];
let nextId = 0;

function drop(id: number): void {
  toasts = toasts.filter((toast) => toast.id !== id);
  notifier.flush();
}

/** What is said again stands once: repeated, it would drive others out that can still be undone. */
export function withNewest(shown: Toast[], newest: Toast): Toast[] {
  const others = shown.filter((each) => each.action || each.text !== newest.text);
  return [...others.slice(1 - TOASTS_MAX), newest];
}

export function toast(text: string, action?: Toast["action"], bad = false): void {
  const id = nextId++;
  toasts = withNewest(toasts, { id, text, bad, ...(action ? { action } : {}) });
  setTimeout(() => drop(id), action ? SHOWN_WITH_ACTION_MS : SHOWN_MS);
  notifier.flush();
}

export function toastError(error: unknown): void {
  toast(errorText(error), undefined, true);
}

export function Toasts() {
  useNotifier(notifier);
  return (
    <div className="toasts" role="status" aria-live="polite">
      {toasts.map(({ id, text, bad, action }) => (
        <div key={id} className={bad ? "toast toast-bad" : "toast"} data-testid="toast">
          <span>{text}</span>
          {action && (
            <button
              type="button"
              onClick={() => {
                drop(id);
                action.run();
              }}
            >
              {action.label}
            </button>
          )}
        </div>
      ))}
    </div>
  );
}

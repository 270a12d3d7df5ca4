// Where drafts live until Notebooks are durable: this browser's localStorage, per person and kernel.
import { emptyDocument, type NotebookDocument } from "./document";

const PREFIX = "fenxi.notebook.";
/** Drafts of kernels not touched for so long are cleared when space runs out. */
const KEPT_MAX = 30;

const keyOf = (userId: string, kernelId: string) => `${PREFIX}${userId}.${kernelId}`;

export function load(userId: string, kernelId: string): NotebookDocument {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(keyOf(userId, kernelId)) ?? "null");
    if (isDocument(stored)) return stored;
  } catch {
    // Unreadable drafts are as good as none; the executions come from the server.
  }
  return emptyDocument();
}

/** Gives whether it could be kept. */
export function save(userId: string, kernelId: string, document: NotebookDocument): boolean {
  const key = keyOf(userId, kernelId);
  const text = JSON.stringify(document);
  try {
    localStorage.setItem(key, text);
    return true;
  } catch {
    forgetOldest(key);
  }
  try {
    localStorage.setItem(key, text);
    return true;
  } catch {
    return false;
  }
}

/** Kernel ids are UUIDv7, so their order is their age. */
function forgetOldest(except: string): void {
  const keys = Object.keys(localStorage).filter((key) => key.startsWith(PREFIX) && key !== except);
  const byAge = keys.toSorted((a, b) => (a.split(".").at(-1) ?? "").localeCompare(b.split(".").at(-1) ?? ""));
  for (const key of byAge.slice(0, Math.max(1, byAge.length - KEPT_MAX))) localStorage.removeItem(key);
}

function isDocument(value: unknown): value is NotebookDocument {
  const document = value as NotebookDocument | null;
  return (
    document?.version === 1 &&
    Array.isArray(document.dropped) &&
    Array.isArray(document.cells) &&
    document.cells.every((cell) => typeof cell.id === "string" && typeof cell.code === "string")
  );
}

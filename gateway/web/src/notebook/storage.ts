// Where drafts live until Notebooks are durable: this browser's localStorage, per person and kernel.
import { kept } from "../ui/kept";
import { mergeDrafts, withOneDraft } from "./draft-merge";
import { emptyDocument, newCell, type NotebookDocument } from "./document";

const PREFIX = "fenxi.notebook.";
/** Drafts of kernels not touched for so long are cleared when space runs out. */
const KEPT_MAX = 30;

const keyOf = (userId: string, kernelId: string) => `${PREFIX}${userId}.${kernelId}`;

/** The drafts of one notebook, which other tabs have open too. */
export class DraftStore {
  private readonly key: string;
  private base: NotebookDocument;
  private seen: string | null;

  constructor(userId: string, kernelId: string) {
    this.key = keyOf(userId, kernelId);
    this.seen = kept(this.key);
    this.base = parsed(this.seen) ?? emptyDocument();
  }

  load(): NotebookDocument {
    return this.base;
  }

  /** Keeps a document with what other tabs have kept meanwhile; gives that, and whether it could be kept. */
  save(mine: NotebookDocument): { document: NotebookDocument; saved: boolean } {
    const theirs = this.changed();
    const document = theirs ? mergeDrafts(this.base, mine, theirs) : mine;
    const text = JSON.stringify(document);
    const saved = write(this.key, text);
    if (saved) [this.seen, this.base] = [text, document];
    return { document, saved };
  }

  /** What comes of `mine` and what another tab has kept since; null if none has. */
  merge(mine: NotebookDocument): NotebookDocument | null {
    const theirs = this.changed();
    if (!theirs) return null;
    const document = withOneDraft(mergeDrafts(this.base, mine, theirs), theirs);
    this.base = theirs;
    return document;
  }

  /** Tells that another tab may have kept something. */
  listen(onChange: () => void, signal: AbortSignal): void {
    const { key } = this;
    window.addEventListener("storage", (event) => event.key === key && onChange(), { signal });
  }

  private changed(): NotebookDocument | null {
    const now = kept(this.key);
    if (now === this.seen) return null;
    this.seen = now;
    return parsed(now);
  }
}

/** Keeps code for a notebook that nobody has opened yet, a cell each. */
export function keepCode(userId: string, kernelId: string, codes: string[], newId: () => string): void {
  new DraftStore(userId, kernelId).save({ ...emptyDocument(), cells: codes.map((code) => newCell(newId(), code)) });
}

function parsed(text: string | null): NotebookDocument | null {
  try {
    const stored: unknown = JSON.parse(text ?? "null");
    return isDocument(stored) ? stored : null;
  } catch {
    // Unreadable drafts are as good as none; the executions come from the server.
    return null;
  }
}

function write(key: string, text: string): boolean {
  try {
    localStorage.setItem(key, text);
    return true;
  } catch {
    // There is no room.
  }
  try {
    forgetOldest(key);
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

// The document that a page works on: kept in this browser as it changes, together with what other tabs keep of it.
import { newRequestId } from "../api/query";
import * as doc from "./document";
import { DraftStore } from "./storage";

export class Draft {
  document: doc.NotebookDocument;
  /** Whether what was changed last could be kept. */
  saved = true;
  private readonly store: DraftStore;

  constructor(
    userId: string,
    kernelId: string,
    private readonly onChange: () => void,
  ) {
    this.store = new DraftStore(userId, kernelId);
    this.document = this.store.load();
  }

  cell(id: string): doc.Cell | undefined {
    return this.document.cells.find((each) => each.id === id);
  }

  /** Takes and keeps a changed document. */
  change(document: doc.NotebookDocument): void {
    this.keep(document);
    this.onChange();
  }

  /** Keeps what is written in a cell; gives whether that is news. */
  write(cellId: string, code: string): boolean {
    if (this.cell(cellId)?.code === code) return false;
    this.keep(doc.update(this.document, cellId, { code }));
    return true;
  }

  /** Keeps what the kernel is made of. */
  remember(origin: doc.Origin): void {
    if (JSON.stringify(origin) !== JSON.stringify(this.document.origin)) this.keep({ ...this.document, origin });
  }

  insert(at: number, code = ""): string {
    const id = newRequestId();
    this.change(doc.insert(this.document, at, doc.newCell(id, code)));
    return id;
  }

  /** Puts another cell with the same code behind a cell; gives its id, or null where there is none. */
  duplicate(cellId: string): string | null {
    const at = this.document.cells.findIndex((each) => each.id === cellId);
    const cell = this.document.cells[at];
    return cell ? this.insert(at + 1, cell.code) : null;
  }

  move(cellId: string, by: number): void {
    this.change(doc.move(this.document, cellId, by));
  }

  /** Takes what other tabs keep, and tells. */
  listen(onElsewhere: () => void, signal: AbortSignal): void {
    const look = () => {
      const document = this.store.merge(this.document);
      if (!document) return;
      this.document = document;
      this.onChange();
      onElsewhere();
    };
    this.store.listen(look, signal);
  }

  private keep(document: doc.NotebookDocument): void {
    ({ document: this.document, saved: this.saved } = this.store.save(document));
  }
}

// What can be undone in each cell, while its editor is not there.
import type { Past } from "../editor/undo";

/** Cells of which it is kept, the ones written in last. */
const CELLS_MAX = 100;

export class Pasts {
  private readonly byCell = new Map<string, Past>();

  of(cellId: string): Past | undefined {
    return this.byCell.get(cellId);
  }

  keep(cellId: string, past: Past): void {
    this.byCell.delete(cellId);
    this.byCell.set(cellId, past);
    const [oldest] = this.byCell.keys();
    if (this.byCell.size > CELLS_MAX && oldest !== undefined) this.byCell.delete(oldest);
  }
}

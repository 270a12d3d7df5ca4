// Where the keys of a grid lead, as the ARIA Authoring Practices have them.

export interface Place {
  /** -1 is the head of the column. */
  row: number;
  column: number;
}

export interface Size {
  rows: number;
  columns: number;
}

const within = (value: number, from: number, to: number) => Math.min(to, Math.max(from, value));

/** Null where the key is none of the grid's. `jump`: with Ctrl, or the command key. */
export function placeAfter(key: string, jump: boolean, { row, column }: Place, { rows, columns }: Size, pageRows: number): Place | null {
  const to = (nextRow: number, nextColumn: number) => ({ row: within(nextRow, -1, rows - 1), column: within(nextColumn, 0, columns - 1) });
  switch (jump ? `jump ${key}` : key) {
    case "ArrowUp": return to(row - 1, column);
    case "ArrowDown": return to(row + 1, column);
    case "ArrowLeft": return to(row, column - 1);
    case "ArrowRight": return to(row, column + 1);
    case "PageUp": return to(Math.max(Math.min(row, 0), row - pageRows), column);
    case "PageDown": return to(row + pageRows, column);
    case "Home": return to(row, 0);
    case "End": return to(row, columns - 1);
    case "jump Home": return to(0, 0);
    case "jump End": return to(rows - 1, columns - 1);
    default: return null;
  }
}

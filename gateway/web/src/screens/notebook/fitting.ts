// How many things of known widths fit into a row that ends with a button for the rest.

/** Pixels between two of them, and for the button with the gap before it; notebook.css has them too. */
export const GAP = 6;
export const MORE = 48;

/** How many of them from the first on; the button is there only where not all of them fit. */
export function fitting(room: number, widths: readonly number[]): number {
  const ends: number[] = [];
  for (const width of widths) ends.push((ends.at(-1) ?? -GAP) + GAP + width);
  if ((ends.at(-1) ?? 0) <= room) return widths.length;
  return ends.filter((end) => end + MORE <= room).length;
}

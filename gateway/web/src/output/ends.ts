// Of very many outputs the first and the last are drawn: a page with thousands of them would not answer any more.

/** Outputs that are drawn at each end. */
export const ENDS = 50;

export interface Ends<T> {
  first: T[];
  last: T[];
  /** How many lie between them. */
  between: number;
}

export function endsOf<T>(items: readonly T[]): Ends<T> {
  // One line that says how many there are is no shorter than one output.
  const between = items.length - 2 * ENDS;
  if (between <= 1) return { first: [...items], last: [], between: 0 };
  return { first: items.slice(0, ENDS), last: items.slice(-ENDS), between };
}

// A filtered page of the history may be empty while there are more: whether to go on until something is found.

interface Pages {
  hasNextPage: boolean;
  isFetchingNextPage: boolean;
  /** They are those of other filters, until these are answered. */
  isPlaceholderData: boolean;
  error: unknown;
}

/** Not after a failure, which is for a person to try again: it would be asked without end. */
export function looksOn(found: number, { hasNextPage, isFetchingNextPage, isPlaceholderData, error }: Pages): boolean {
  return found === 0 && hasNextPage && !isFetchingNextPage && !isPlaceholderData && error === null;
}

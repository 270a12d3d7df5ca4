// One text in two places: the box that is typed into and the address, which a link or the back button changes too.
export class SearchText {
  constructor(private both: string) {}

  /** What is typed has come to rest; gives whether the address has to follow. */
  rested(text: string): boolean {
    return this.take(text);
  }

  /** The address says so; gives whether the box has to follow. */
  given(text: string): boolean {
    return this.take(text);
  }

  private take(text: string): boolean {
    const changed = text !== this.both;
    this.both = text;
    return changed;
  }
}

// What displays were last renewed with, over all cells: one cell may renew what another shows, and after a reload their
// events come in any order.
import type { Feed } from "../execution/feed";
import type { MimeBundle, OutputEvent } from "../gen/fenxi/analysis/v1/output_pb";

/** Of so many displays the newest content is kept, from the latest renewed on. */
const DISPLAYS_MAX = 1_000;

interface Renewal {
  bundle: MimeBundle;
  saidAtNs: bigint;
}

export class Displays {
  private readonly newest = new Map<string, Renewal>();

  /** `from` has taken this event; `feeds` are all that may show the same display. */
  took(from: Feed, { event }: OutputEvent, feeds: Iterable<Feed>): void {
    if (event.case === "display" || event.case === "result") this.renew(from, event.value.displayId);
    if (event.case !== "updateDisplay" || !event.value.bundle) return;
    const { displayId, bundle } = event.value;
    if (!this.keep(displayId, { bundle, saidAtNs: from.model.saidAtNs })) return;
    for (const feed of feeds) if (feed !== from) this.renew(feed, displayId);
  }

  /** A display that has just come may have been renewed later than it was shown. */
  private renew(feed: Feed, displayId: string): void {
    const renewal = this.newest.get(displayId);
    if (renewal && feed.model.updateDisplay(displayId, renewal.bundle, renewal.saidAtNs)) feed.notifier.touch();
  }

  /** False where a later one is known. */
  private keep(displayId: string, renewal: Renewal): boolean {
    if ((this.newest.get(displayId)?.saidAtNs ?? 0n) > renewal.saidAtNs) return false;
    this.newest.delete(displayId);
    this.newest.set(displayId, renewal);
    const [oldest] = this.newest.keys();
    if (this.newest.size > DISPLAYS_MAX && oldest !== undefined) this.newest.delete(oldest);
    return true;
  }
}

// Who is followed when: the oldest unfinished execution of the kernel gets one stream, finished ones are fetched by a
// few short ones. Browsers give a host six connections, and calls need some of them.
import type { Feed } from "./feed";

const FETCHES_MAX = 2;

export class Scheduler {
  private readonly waiting: Feed[] = [];
  private readonly live: Feed[] = [];
  private readonly watched = new Map<Feed, Promise<void>>();
  private fetching = 0;
  private following = false;

  constructor(private readonly signal: AbortSignal) {}

  /** Gets the output of an execution that has ended; one that has all of it, or is getting it, is left alone. */
  fetch(feed: Feed): void {
    if (feed.finished || this.waiting.includes(feed) || this.watched.has(feed)) return;
    this.waiting.push(feed);
    this.fetchNext();
  }

  /** Follows an execution to its end, after those that were handed in before. */
  followLive(feed: Feed): void {
    this.live.push(feed);
    void this.followNext();
  }

  /** What has not been begun to be fetched is not wanted any more. */
  forget(feed: Feed): void {
    const at = this.waiting.indexOf(feed);
    if (at >= 0) this.waiting.splice(at, 1);
  }

  private fetchNext(): void {
    while (this.fetching < FETCHES_MAX) {
      const feed = this.waiting.shift();
      if (!feed || this.signal.aborted) return;
      this.fetching++;
      void this.watch(feed).finally(() => {
        this.fetching--;
        this.fetchNext();
      });
    }
  }

  private async followNext(): Promise<void> {
    if (this.following) return;
    this.following = true;
    while (this.live.length > 0 && !this.signal.aborted) {
      const feed = this.live[0] as Feed;
      await this.watch(feed);
      this.live.shift();
    }
    this.following = false;
  }

  /** One stream an execution, whoever asks for it. */
  private watch(feed: Feed): Promise<void> {
    if (feed.finished) return Promise.resolve();
    const now = this.watched.get(feed);
    if (now) return now;
    const watching = feed.watch(this.signal).finally(() => this.watched.delete(feed));
    this.watched.set(feed, watching);
    return watching;
  }
}

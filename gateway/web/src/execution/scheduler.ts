// Who is followed when: the oldest unfinished execution of the kernel gets one stream, finished ones are fetched by a
// few short ones. Browsers give a host six connections, and calls need some of them.
import type { Feed } from "./feed";

const FETCHES_MAX = 2;

export class Scheduler {
  private readonly waiting: Feed[] = [];
  private readonly live: Feed[] = [];
  private fetching = 0;
  private following = false;

  constructor(private readonly signal: AbortSignal) {}

  /** Gets the output of an execution that has ended. */
  fetch(feed: Feed): void {
    this.waiting.push(feed);
    this.fetchNext();
  }

  /** Follows an execution to its end, after those that were handed in before. */
  followLive(feed: Feed): void {
    this.live.push(feed);
    void this.followNext();
  }

  private fetchNext(): void {
    while (this.fetching < FETCHES_MAX) {
      const feed = this.waiting.shift();
      if (!feed || this.signal.aborted) return;
      this.fetching++;
      void feed.watch(this.signal).finally(() => {
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
      await feed.watch(this.signal);
      this.live.shift();
    }
    this.following = false;
  }
}

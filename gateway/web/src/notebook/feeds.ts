// The executions that a page shows, each with its feed: followed while it runs, fetched once it has ended.
import { Feed } from "../execution/feed";
import { Scheduler } from "../execution/scheduler";
import { ExecutionState, type Execution } from "../gen/fenxi/analysis/v1/execution_pb";
import { Displays } from "./displays";

export interface FeedsHost {
  /** One of them has something new. */
  onOutput(): void;
  /** All that one has said is here. */
  onFinished(feed: Feed): void;
}

export class Feeds {
  private readonly byExecution = new Map<string, Feed>();
  private readonly displays = new Displays();
  private readonly scheduler: Scheduler;

  constructor(
    signal: AbortSignal,
    private readonly host: FeedsHost,
  ) {
    this.scheduler = new Scheduler(signal);
  }

  has(executionId: string): boolean {
    return this.byExecution.has(executionId);
  }

  get(executionId: string | null): Feed | null {
    return (executionId !== null && this.byExecution.get(executionId)) || null;
  }

  /** Whether an execution is on its way to an end that is not known yet. */
  isUnfinished(executionId: string | null): boolean {
    const feed = this.get(executionId);
    return feed !== null && !feed.finished && !feed.failure && !feed.ended;
  }

  get unfinished(): string[] {
    return [...this.byExecution.keys()].filter((id) => this.isUnfinished(id));
  }

  get isInputWanted(): boolean {
    return [...this.byExecution.values()].some((feed) => feed.model.openInput && !feed.ended);
  }

  /** Begins to show an execution. */
  show(execution: Execution): void {
    if (this.byExecution.has(execution.executionId)) return;
    const feed = this.begin(execution.executionId);
    feed.execution = execution;
    if (execution.state === ExecutionState.FINISHED) this.fetch(feed);
    else this.scheduler.followLive(feed);
  }

  /** Begins to show one that a list which ends with `newest` does not have: it is older than the list, or younger. */
  recall(executionId: string, newest: string): void {
    if (this.byExecution.has(executionId)) return;
    const feed = this.begin(executionId);
    // Execution ids are UUIDv7, so their order is their age.
    if (executionId <= newest) this.fetch(feed);
    else this.scheduler.followLive(feed);
  }

  /** An execution has ended: its turn to be followed may be far away. */
  ended(executionId: string): void {
    const feed = this.byExecution.get(executionId);
    if (!feed) return;
    this.fetch(feed);
    // A tab that nobody looks at hears the rest later: what is said of it meanwhile is that nothing runs.
    this.host.onOutput();
  }

  /** Nothing of an execution is shown any more, and nothing of it is kept. */
  forget(executionId: string): void {
    const feed = this.byExecution.get(executionId);
    if (!feed) return;
    this.byExecution.delete(executionId);
    this.scheduler.forget(feed);
  }

  private begin(executionId: string): Feed {
    const feed = new Feed(executionId);
    feed.onDisplay = (event) => this.displays.took(feed, event, this.byExecution.values());
    feed.onFinished = () => this.host.onFinished(feed);
    feed.notifier.subscribe(() => this.host.onOutput());
    this.byExecution.set(executionId, feed);
    return feed;
  }

  private fetch(feed: Feed): void {
    feed.ended = true;
    this.scheduler.fetch(feed);
  }
}

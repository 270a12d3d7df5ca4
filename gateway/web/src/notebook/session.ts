// One notebook page at work: the document, the kernel, the feeds of its executions, and what a person does with them.
// The page draws it and calls its methods; nothing here knows React.
import { detailsOf } from "../api/error-details";
import { mayReopen } from "../api/errors";
import { loginState } from "../api/login-state";
import { newRequestId } from "../api/query";
import { executions as executionClient, inspections, kernels } from "../api/transport";
import { Feed } from "../execution/feed";
import { pause } from "../execution/patience";
import { Scheduler } from "../execution/scheduler";
import { Notifier } from "../execution/store";
import type { Mark } from "../shell/title";
import type { KernelCompletions } from "../editor/completion";
import type { Inspected } from "../editor/inspection";
import { DetailLevel } from "../gen/fenxi/analysis/v1/inspection_pb";
import { ExecutionState, type Execution } from "../gen/fenxi/analysis/v1/execution_pb";
import { KernelState, type Kernel } from "../gen/fenxi/analysis/v1/kernel_pb";
import * as doc from "./document";
import { watchKernel } from "./kernel-watch";
import { LatestKernel } from "./latest-kernel";
import { listAll } from "./run";
import { Queue } from "./queue";
import { Sends } from "./sends";
import { Stopping } from "./stopping";
import { DraftStore } from "./storage";
import { answers } from "./variables";

/** When the list of executions is asked for again after it could not be had. */
const REFRESH_AFTER_MS = 3_000;
/** How often output of a cell makes the parts of the page around the cells draw again. */
const SUMMARY_GAP_MS = 120;
/** How often writing keeps the kernel, at the most. */
const KEEP_GAP_MS = 10_000;

export class NotebookSession {
  readonly notifier = new Notifier();
  document: doc.NotebookDocument;
  linked = false;
  gone: unknown = null;
  /** Set while the executions are fetched for the first time. */
  loading = true;
  loadError: unknown = null;
  saved = true;
  readonly stopping = new Stopping(() => this.notifier.flush());
  /** Why a cell could not be sent, by cell id. */
  readonly refusals = new Map<string, unknown>();
  private readonly feeds = new Map<string, Feed>();
  private readonly ended = new AbortController();
  private readonly scheduler = new Scheduler(this.ended.signal);
  readonly queue: Queue;
  private readonly latest = new LatestKernel();
  private readonly sends: Sends;
  private readonly drafts: DraftStore;
  private keepAgainAtMs = 0;
  private wake: (() => void) | null = null;

  constructor(
    readonly kernelId: string,
    userId: string,
  ) {
    this.drafts = new DraftStore(userId, kernelId);
    this.document = this.drafts.load();
    this.queue = new Queue(kernelId, this.ended.signal, {
      onChange: () => this.notifier.touch(),
      unfinished: () => [...this.feeds.values()].filter((feed) => !feed.finished && !feed.failure).map((feed) => feed.executionId),
      onEnded: (executionIds) => {
        for (const feed of executionIds.map((id) => this.feeds.get(id))) if (feed) this.scheduler.fetch(feed);
      },
    });
    this.sends = new Sends(kernelId, this.ended.signal, {
      cell: (id) => this.cell(id),
      onAccepted: (cellId, requestId, execution) => this.accepted(cellId, requestId, execution),
      onRefused: (cellId, requestId, error) => this.refused(cellId, requestId, error),
      knows: (id) => this.feeds.has(id) || this.document.dropped.includes(id),
      cancel: (id) => this.cancel(id),
    });
  }

  get kernel(): Kernel | null {
    return this.latest.current;
  }

  start(): void {
    const woken = () => new Promise<void>((resolve) => (this.wake = resolve));
    const listener = {
      onKernel: (kernel: Kernel, first: boolean) => {
        const news = this.latest.hear(kernel, first);
        if (news) this.kernelChanged(kernel, first);
        return news;
      },
      onLink: (live: boolean) => this.setLinked(live),
      onGone: (error: unknown) => {
        this.gone = error;
        this.notifier.flush();
      },
    };
    void watchKernel(this.kernelId, listener, this.ended.signal, woken);
    this.drafts.listen(() => this.draftsChanged(), this.ended.signal);
    void this.refresh();
  }

  stop(): void {
    this.ended.abort();
    this.wake?.();
  }

  /** Asks for the executions of the kernel and shows those that were begun elsewhere. */
  async refresh(): Promise<void> {
    try {
      const list = await listAll(this.kernelId, this.ended.signal);
      // Nobody here has changed anything: what other tabs keep is left alone.
      this.document = doc.merge(this.document, list, newRequestId);
      for (const execution of list) this.show(execution);
      for (const cell of this.document.cells) if (cell.requestId) this.sends.send(cell.id);
      this.loadError = null;
    } catch (error) {
      if (this.ended.signal.aborted) return;
      this.loadError = error;
      // What ran cannot be had just now; what is being written goes on.
      this.document = doc.merge(this.document, [], newRequestId);
      this.refreshLater(error);
    }
    this.loading = false;
    this.notifier.flush();
  }

  private refreshLater(error: unknown): void {
    if (!mayReopen(error)) return;
    const { signal } = this.ended;
    void pause(REFRESH_AFTER_MS, signal)
      .then(() => loginState.renewed(signal))
      .then(() => (signal.aborted ? undefined : this.refresh()));
  }

  private cell(id: string): doc.Cell | undefined {
    return this.document.cells.find((each) => each.id === id);
  }

  feedOf(executionId: string | null): Feed | null {
    return (executionId !== null && this.feeds.get(executionId)) || null;
  }

  get busy(): boolean {
    return this.document.cells.some(({ requestId, executionId }) => {
      const feed = this.feedOf(executionId);
      return requestId || (feed && !feed.finished && !feed.failure);
    });
  }

  /** What the tab is marked with. */
  get mark(): Mark {
    const feeds = [...this.feeds.values()];
    if (feeds.some((feed) => feed.model.openInput)) return "waiting";
    if (this.busy) return "running";
    if (this.kernel?.state === KernelState.DEAD) return "failed";
    return this.kernel?.idleWarningTime ? "ending" : "";
  }

  edit(cellId: string, code: string): void {
    if (this.cell(cellId)?.code === code) return;
    this.document = doc.update(this.document, cellId, { code });
    this.persist();
    this.notifier.touch();
    // Who writes here wants the kernel that will run it; a page that is only open keeps nothing.
    if (this.kernel?.idleWarningTime && Date.now() >= this.keepAgainAtMs) void this.keep().catch(() => {});
  }

  run(cellId: string): void {
    const cell = this.cell(cellId);
    if (!cell || cell.requestId || cell.code.trim() === "") return;
    const feed = this.feedOf(cell.executionId);
    if (feed && !feed.finished && !feed.failure) return;
    this.refusals.delete(cellId);
    this.stopping.begun();
    this.change(doc.begin(this.document, cellId, newRequestId()));
    this.sends.send(cellId);
  }

  runAll(): void {
    for (const cell of this.document.cells) this.run(cell.id);
  }

  insert(at: number): string {
    const id = newRequestId();
    this.change(doc.insert(this.document, at, doc.newCell(id)));
    return id;
  }

  /** Removes a cell and gives what puts it back. */
  remove(cellId: string): () => void {
    const at = this.document.cells.findIndex((cell) => cell.id === cellId);
    const cell = this.document.cells[at];
    this.change(doc.remove(this.document, cellId));
    return () => cell && this.change(doc.restore(this.document, at, cell));
  }

  move(cellId: string, by: number): void {
    this.change(doc.move(this.document, cellId, by));
  }

  /** Stops what runs and takes back all that waits or is on its way. */
  async interrupt(): Promise<void> {
    for (const cell of this.document.cells) if (cell.requestId) this.withdraw(cell);
    const stop = this.stopping.begin(this.kernel?.runningExecutionId ?? "");
    let state: KernelState | undefined;
    try {
      const { kernel } = await kernels.interruptKernel({ kernelId: this.kernelId, clearQueue: true, requestId: newRequestId() });
      state = kernel?.state;
    } finally {
      if (state !== KernelState.INTERRUPTING) this.stopping.end(stop);
    }
  }

  /** Stops one cell's run, or takes it from the queue, or back from its way there; whatever else runs goes on. */
  async stopCell(cell: doc.Cell): Promise<void> {
    const { executionId } = cell;
    if (cell.requestId) return this.withdraw(cell);
    if (!executionId) return;
    if (this.kernel?.runningExecutionId !== executionId) return void (await this.cancel(executionId));
    const stop = this.stopping.begin(executionId);
    let ended = true;
    try {
      ended = await this.cancel(executionId);
    } finally {
      if (ended) this.stopping.end(stop);
    }
  }

  /** Takes everything from the queue that waits, the last one first: none gets its turn meanwhile. */
  async cancelWaiting(): Promise<void> {
    for (const executionId of [...this.queue.places.keys()].toReversed()) {
      if (this.kernel?.runningExecutionId !== executionId) await this.cancel(executionId);
    }
  }

  private withdraw(cell: doc.Cell): void {
    this.sends.withdraw(cell);
    this.change(doc.update(this.document, cell.id, { requestId: null }));
  }

  /** Gives whether it has ended, which one may have done by itself before it was asked to. */
  private async cancel(executionId: string): Promise<boolean> {
    let ended: boolean;
    try {
      const { execution } = await executionClient.cancelExecution({ executionId, requestId: newRequestId() });
      ended = execution?.state === ExecutionState.FINISHED;
    } catch (error) {
      if (detailsOf(error).reason !== "EXECUTION_ENDED") throw error;
      ended = true;
    }
    const feed = this.feeds.get(executionId);
    // Its turn to be followed may be far away.
    if (feed && ended) this.scheduler.fetch(feed);
    return ended;
  }

  /** Counts as use of the kernel, which is about to be ended for want of it. */
  async keep(): Promise<void> {
    const { stream } = this.latest;
    this.keepAgainAtMs = Date.now() + KEEP_GAP_MS;
    const { kernel } = await kernels.keepKernel({ kernelId: this.kernelId, requestId: newRequestId() });
    if (kernel && this.latest.answer(kernel, stream)) this.kernelChanged(kernel, false);
  }

  async restart(): Promise<void> {
    await kernels.restartKernel({ kernelId: this.kernelId, requestId: newRequestId() });
    this.gone = null;
    this.wake?.();
  }

  async reply(cell: doc.Cell, inputId: string, value: string): Promise<void> {
    if (!cell.executionId) return;
    await executionClient.replyInput({ executionId: cell.executionId, inputId, value, requestId: newRequestId() });
  }

  /** What may stand at the cursor, which is counted in code points; null if the kernel cannot be asked now. */
  async complete(code: string, cursor: number, signal: AbortSignal): Promise<KernelCompletions | null> {
    return answers(this.kernel) ? inspections.completeCode({ kernelId: this.kernelId, code, cursor }, { signal }) : null;
  }

  /** What the name at the cursor is, in words; null if the kernel cannot be asked now. */
  async inspect(code: string, cursor: number, signal: AbortSignal): Promise<Inspected | null> {
    if (!answers(this.kernel)) return null;
    const detailLevel = DetailLevel.DOCUMENTATION;
    const { found, bundle } = await inspections.inspectCode({ kernelId: this.kernelId, code, cursor, detailLevel }, { signal });
    const plain = bundle?.parts.find((part) => part.mimeType === "text/plain");
    const text = plain?.content.case === "text" ? plain.content.value : "";
    return { found: found && text !== "", text };
  }

  private kernelChanged(kernel: Kernel, first: boolean): void {
    this.gone = null;
    this.queue.heard(kernel, first);
    const running = kernel.runningExecutionId;
    this.stopping.heard(kernel);
    const knownHere = running === "" || this.feeds.has(running) || this.document.dropped.includes(running);
    if (!knownHere && !this.loading && !this.document.cells.some((cell) => cell.requestId)) void this.refresh();
    this.notifier.flush();
  }

  private setLinked(live: boolean): void {
    if (this.linked === live) return;
    this.linked = live;
    this.notifier.flush();
  }

  private show(execution: Execution): void {
    if (this.feeds.has(execution.executionId) || this.document.dropped.includes(execution.executionId)) return;
    const feed = new Feed(execution.executionId);
    feed.execution = execution;
    feed.onUpdateDisplay = (event) => this.spread(feed, event.event.value as never);
    feed.notifier.subscribe(() => this.notifier.touch(SUMMARY_GAP_MS));
    this.feeds.set(execution.executionId, feed);
    if (execution.state === ExecutionState.FINISHED) this.scheduler.fetch(feed);
    else this.scheduler.followLive(feed);
  }

  /** A display may be renewed by a later cell. */
  private spread(from: Feed, update: { displayId: string; bundle?: never }): void {
    for (const feed of this.feeds.values()) {
      if (feed !== from && update.bundle && feed.model.updateDisplay(update.displayId, update.bundle)) feed.notifier.touch();
    }
  }

  private accepted(cellId: string, requestId: string, execution: Execution): void {
    const { executionId } = execution;
    this.wake?.();
    if (!this.awaits(cellId, requestId)) return this.change(doc.drop(this.document, executionId));
    this.change(doc.accept(this.document, cellId, executionId));
    this.show(execution);
  }

  private refused(cellId: string, requestId: string, error: unknown): void {
    if (!this.awaits(cellId, requestId)) return;
    this.refusals.set(cellId, error);
    this.change(doc.update(this.document, cellId, { requestId: null }));
  }

  /** Whether an answer to this request is of this cell: it is still there, and was not begun anew. */
  private awaits(cellId: string, requestId: string): boolean {
    const cell = this.cell(cellId);
    return cell !== undefined && (cell.requestId === requestId || (!cell.requestId && !cell.executionId));
  }

  private change(document: doc.NotebookDocument): void {
    this.document = document;
    this.persist();
    this.notifier.flush();
  }

  private persist(): void {
    ({ document: this.document, saved: this.saved } = this.drafts.save(this.document));
  }

  private draftsChanged(): void {
    const document = this.drafts.merge(this.document);
    if (!document) return;
    this.document = document;
    this.notifier.flush();
    if (!this.loading && document.cells.some(({ executionId }) => executionId && !this.feeds.has(executionId))) void this.refresh();
  }
}

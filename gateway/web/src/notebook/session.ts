// One notebook page at work: the document, the kernel, the feeds of its executions, and what a person does with them.
// The page draws it and calls its methods; nothing here knows React.
import { mayReopen } from "../api/errors";
import { loginState } from "../api/login-state";
import { newRequestId } from "../api/query";
import { executions as executionClient, inspections, kernels } from "../api/transport";
import { Feed } from "../execution/feed";
import { pause } from "../execution/patience";
import { Scheduler } from "../execution/scheduler";
import { Notifier } from "../execution/store";
import type { KernelCompletions } from "../editor/completion";
import { DetailLevel } from "../gen/fenxi/analysis/v1/inspection_pb";
import { ExecutionState, type Execution } from "../gen/fenxi/analysis/v1/execution_pb";
import { KernelState, type Kernel } from "../gen/fenxi/analysis/v1/kernel_pb";
import * as doc from "./document";
import { watchKernel } from "./kernel-watch";
import { listAll, sendExecute } from "./run";
import { Queue } from "./queue";
import * as storage from "./storage";
import { answers } from "./variables";

/** After so long without the stop taking effect, a restart is offered. */
export const FORCE_RESTART_AFTER_MS = 5_000;

/** When the list of executions is asked for again after it could not be had. */
const REFRESH_AFTER_MS = 3_000;
/** How often output of a cell makes the parts of the page around the cells draw again. */
const SUMMARY_GAP_MS = 120;

export class NotebookSession {
  readonly notifier = new Notifier();
  document: doc.NotebookDocument;
  kernel: Kernel | null = null;
  linked = false;
  gone: unknown = null;
  /** Set while the executions are fetched for the first time. */
  loading = true;
  loadError: unknown = null;
  saved = true;
  stopRequestedAtMs: number | null = null;
  /** Why a cell could not be sent, by cell id. */
  readonly refusals = new Map<string, unknown>();
  private readonly feeds = new Map<string, Feed>();
  private readonly ended = new AbortController();
  private readonly scheduler = new Scheduler(this.ended.signal);
  readonly queue: Queue;
  private keeping = false;
  private sending: Promise<void> = Promise.resolve();
  private wake: (() => void) | null = null;

  constructor(
    readonly kernelId: string,
    private readonly userId: string,
  ) {
    this.document = storage.load(userId, kernelId);
    this.queue = new Queue(kernelId, this.ended.signal, () => this.notifier.touch());
  }

  start(): void {
    const woken = () => new Promise<void>((resolve) => (this.wake = resolve));
    const listener = {
      onKernel: (kernel: Kernel) => this.takeKernel(kernel),
      onLink: (live: boolean) => this.setLinked(live),
      onGone: (error: unknown) => {
        this.gone = error;
        this.notifier.flush();
      },
    };
    void watchKernel(this.kernelId, listener, this.ended.signal, woken);
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
      this.change(doc.merge(this.document, list, newRequestId));
      for (const execution of list) this.show(execution);
      for (const cell of this.document.cells) if (cell.requestId) this.send(cell.id);
      this.loadError = null;
    } catch (error) {
      if (this.ended.signal.aborted) return;
      this.loadError = error;
      // What ran cannot be had just now; what is being written goes on.
      this.change(doc.merge(this.document, [], newRequestId));
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

  feedOf(cell: doc.Cell): Feed | null {
    return cell.executionId ? (this.feeds.get(cell.executionId) ?? null) : null;
  }

  get busy(): boolean {
    return this.document.cells.some((cell) => cell.requestId || (this.feedOf(cell)?.finished === false && !this.feedOf(cell)?.failure));
  }

  /** What the tab is marked with. */
  get mark(): "" | "running" | "waiting" | "failed" {
    const feeds = [...this.feeds.values()];
    if (feeds.some((feed) => feed.model.openInput)) return "waiting";
    if (this.busy) return "running";
    return this.kernel?.state === KernelState.DEAD ? "failed" : "";
  }

  edit(cellId: string, code: string): void {
    this.document = doc.update(this.document, cellId, { code });
    this.persist();
    this.notifier.touch();
    // Who writes here wants the kernel that will run it; a page that is only open keeps nothing.
    if (this.kernel?.idleWarningTime && !this.keeping) void this.keep().catch(() => {});
  }

  run(cellId: string): void {
    const cell = this.document.cells.find((each) => each.id === cellId);
    if (!cell || cell.requestId || cell.code.trim() === "") return;
    const feed = this.feedOf(cell);
    if (feed && !feed.finished && !feed.failure) return;
    this.refusals.delete(cellId);
    this.change(doc.begin(this.document, cellId, newRequestId()));
    this.send(cellId);
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

  async interrupt(): Promise<void> {
    this.stopRequestedAtMs = Date.now();
    this.notifier.flush();
    setTimeout(() => this.notifier.touch(), FORCE_RESTART_AFTER_MS + 50);
    await kernels.interruptKernel({ kernelId: this.kernelId, clearQueue: true, requestId: newRequestId() });
  }

  /** Takes one cell's run from the queue; one that runs is stopped, and what waits behind it goes. */
  async stopCell(cell: doc.Cell): Promise<void> {
    const { executionId } = cell;
    if (executionId && this.kernel?.runningExecutionId !== executionId) await this.cancel(executionId);
    else await this.interrupt();
  }

  /** Takes everything from the queue that waits, the last one first: none gets its turn meanwhile. */
  async cancelWaiting(): Promise<void> {
    for (const executionId of [...this.queue.places.keys()].toReversed()) {
      if (this.kernel?.runningExecutionId !== executionId) await this.cancel(executionId);
    }
  }

  private async cancel(executionId: string): Promise<void> {
    const { execution } = await executionClient.cancelExecution({ executionId, requestId: newRequestId() });
    const feed = this.feeds.get(executionId);
    // Its turn to be followed may be far away.
    if (feed && execution?.state === ExecutionState.FINISHED) this.scheduler.fetch(feed);
  }

  /** Counts as use of the kernel, which is about to be ended for want of it. */
  async keep(): Promise<void> {
    this.keeping = true;
    try {
      const { kernel } = await kernels.keepKernel({ kernelId: this.kernelId, requestId: newRequestId() });
      if (kernel) this.takeKernel(kernel);
    } finally {
      this.keeping = false;
    }
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

  /** What the name at the cursor is, in words; null if there is nothing to say. */
  async inspect(code: string, cursor: number, signal: AbortSignal): Promise<string | null> {
    if (!answers(this.kernel)) return null;
    const detailLevel = DetailLevel.DOCUMENTATION;
    const { bundle } = await inspections.inspectCode({ kernelId: this.kernelId, code, cursor, detailLevel }, { signal });
    const plain = bundle?.parts.find((part) => part.mimeType === "text/plain");
    return plain?.content.case === "text" ? plain.content.value : null;
  }

  private takeKernel(kernel: Kernel): void {
    if (this.kernel && this.kernel.generation === kernel.generation && kernel.revision < this.kernel.revision) return;
    this.kernel = kernel;
    this.gone = null;
    this.queue.heard(kernel);
    if (kernel.state !== KernelState.BUSY && kernel.state !== KernelState.INTERRUPTING) this.stopRequestedAtMs = null;
    const running = kernel.runningExecutionId;
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

  /** Sends in order: a cell goes when the one before it was taken. */
  private send(cellId: string): void {
    this.sending = this.sending.then(async () => {
      const cell = this.document.cells.find((each) => each.id === cellId);
      if (!cell?.requestId || this.ended.signal.aborted) return;
      try {
        const execution = await sendExecute(this.kernelId, cell.code, cell.requestId, this.ended.signal);
        this.change(doc.update(this.document, cellId, { executionId: execution.executionId, requestId: null }));
        this.show(execution);
      } catch (error) {
        if (this.ended.signal.aborted) return;
        this.refusals.set(cellId, error);
        this.change(doc.update(this.document, cellId, { requestId: null }));
      }
    });
  }

  private change(document: doc.NotebookDocument): void {
    this.document = document;
    this.persist();
    this.notifier.flush();
  }

  private persist(): void {
    this.saved = storage.save(this.userId, this.kernelId, this.document);
  }
}

// One notebook page at work: the document, the kernel, the feeds of its executions, and what a person does with them.
// The page draws it and calls its methods; nothing here knows React.
import { mayReopen } from "../api/errors";
import { loginState } from "../api/login-state";
import { newRequestId } from "../api/query";
import { executions as executionClient } from "../api/transport";
import type { Feed } from "../execution/feed";
import { pause } from "../execution/patience";
import { Notifier } from "../execution/store";
import type { Mark } from "../shell/title";
import type { Execution } from "../gen/fenxi/analysis/v1/execution_pb";
import { KernelState, type Kernel } from "../gen/fenxi/analysis/v1/kernel_pb";
import { Batches } from "./batch";
import * as doc from "./document";
import { Feeds } from "./feeds";
import { KernelLink } from "./kernel-link";
import { listAlive, listAll } from "./run";
import { Queue } from "./queue";
import { Sends } from "./sends";
import { DraftStore } from "./storage";
import { Stops } from "./stops";

/** When the list of executions is asked for again after it could not be had. */
const REFRESH_AFTER_MS = 3_000;
/** How often output of a cell makes the parts of the page around the cells draw again. */
const SUMMARY_GAP_MS = 120;

export class NotebookSession {
  readonly notifier = new Notifier();
  document: doc.NotebookDocument;
  /** Set while the executions are fetched for the first time. */
  loading = true;
  loadError: unknown = null;
  saved = true;
  /** Why a cell could not be sent, by cell id. */
  readonly refusals = new Map<string, unknown>();
  readonly link: KernelLink;
  readonly queue: Queue;
  readonly stops: Stops;
  private readonly ended = new AbortController();
  private readonly feeds: Feeds;
  private readonly batches: Batches;
  private readonly sends: Sends;
  private readonly drafts: DraftStore;

  constructor(
    readonly kernelId: string,
    userId: string,
  ) {
    const { signal } = this.ended;
    this.drafts = new DraftStore(userId, kernelId);
    this.document = this.drafts.load();
    this.feeds = new Feeds(signal, {
      onOutput: () => this.notifier.touch(SUMMARY_GAP_MS),
      onFinished: ({ executionId, model }) => this.batches.ended(executionId, model),
    });
    this.batches = new Batches({
      withdraw: (requestId) => this.document.cells.filter((cell) => cell.requestId === requestId).forEach((cell) => this.withdraw(cell)),
      alive: async () => (await listAlive(kernelId, signal)).map((each) => each.executionId),
      cancel: (id) => this.stops.cancel(id),
    });
    this.link = new KernelLink(kernelId, signal, {
      onKernel: (kernel, first) => this.kernelChanged(kernel, first),
      onLink: () => this.notifier.flush(),
    });
    this.queue = new Queue(kernelId, signal, {
      onChange: () => this.notifier.touch(),
      unfinished: () => this.feeds.unfinished,
      onEnded: (executionIds) => executionIds.forEach((id) => this.feeds.ended(id)),
    });
    this.sends = new Sends(kernelId, signal, {
      cell: (id) => this.cell(id),
      onAccepted: (cellId, requestId, execution) => this.accepted(cellId, requestId, execution),
      onRefused: (cellId, requestId, error) => this.refused(cellId, requestId, error),
      knows: (id) => this.knows(id),
      cancel: (id) => this.stops.cancel(id),
    });
    this.stops = new Stops(kernelId, {
      running: () => this.kernel?.runningExecutionId ?? "",
      waiting: () => [...this.queue.places.keys()],
      cells: () => this.document.cells,
      withdraw: (cell) => this.withdraw(cell),
      onStop: (id) => this.batches.leave(id),
      onEnded: (id) => this.feeds.ended(id),
      onChange: () => this.notifier.flush(),
    });
  }

  get kernel(): Kernel | null {
    return this.link.kernel;
  }

  start(): void {
    this.link.start();
    this.drafts.listen(() => this.draftsChanged(), this.ended.signal);
    void this.refresh();
  }

  stop(): void {
    this.ended.abort();
  }

  /** Asks for the executions of the kernel and shows those that were begun elsewhere. */
  async refresh(): Promise<void> {
    try {
      const list = await listAll(this.kernelId, this.ended.signal);
      // Nobody here has changed anything: what other tabs keep is left alone.
      this.document = doc.merge(this.document, list, newRequestId);
      for (const execution of list) this.show(execution);
      const newest = list.at(-1)?.executionId ?? "";
      for (const { executionId } of this.document.cells) if (executionId) this.feeds.recall(executionId, newest);
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
    return this.feeds.get(executionId);
  }

  /** Whether an execution belongs to something on the page, or did. */
  private knows(executionId: string): boolean {
    return this.feeds.has(executionId) || this.document.dropped.includes(executionId);
  }

  get busy(): boolean {
    return this.document.cells.some(({ requestId, executionId }) => requestId || this.feeds.isUnfinished(executionId));
  }

  /** What the tab is marked with. */
  get mark(): Mark {
    if (this.feeds.isInputWanted) return "waiting";
    if (this.busy) return "running";
    if (this.kernel?.state === KernelState.DEAD) return "failed";
    return this.kernel?.idleWarningTime ? "ending" : "";
  }

  edit(cellId: string, code: string): void {
    if (this.cell(cellId)?.code === code) return;
    this.document = doc.update(this.document, cellId, { code });
    this.persist();
    this.notifier.touch();
    this.link.keepForWriting();
  }

  run(cellId: string): void {
    const cell = this.cell(cellId);
    if (!cell || cell.requestId || cell.code.trim() === "") return;
    if (this.feeds.isUnfinished(cell.executionId)) return;
    this.refusals.delete(cellId);
    this.stops.stopping.begun();
    this.change(doc.begin(this.document, cellId, newRequestId()));
    if (cell.executionId) this.feeds.forget(cell.executionId);
    this.sends.send(cellId);
  }

  /** Runs every cell in order, up to the first that fails. */
  runAll(): void {
    const before = this.feeds.unfinished;
    for (const { id } of this.document.cells) this.run(id);
    this.batches.begin(this.document.cells.flatMap(({ requestId }) => requestId ?? []), before);
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
    return () => {
      if (!cell || this.cell(cellId)) return;
      this.change(doc.restore(this.document, at, cell));
      // While it was away it was not sent, or its answer was nobody's.
      if (cell.requestId) this.sends.send(cellId);
    };
  }

  move(cellId: string, by: number): void {
    this.change(doc.move(this.document, cellId, by));
  }

  private withdraw(cell: doc.Cell): void {
    this.sends.withdraw(cell);
    this.batches.leave(cell.requestId ?? "");
    this.change(doc.takeBack(this.document, cell.id));
  }

  async reply(cell: doc.Cell, inputId: string, value: string): Promise<void> {
    if (!cell.executionId) return;
    await executionClient.replyInput({ executionId: cell.executionId, inputId, value, requestId: newRequestId() });
  }

  private kernelChanged(kernel: Kernel, first: boolean): void {
    this.queue.heard(kernel, first);
    const running = kernel.runningExecutionId;
    this.stops.stopping.heard(kernel);
    const knownHere = running === "" || this.knows(running);
    if (!knownHere && !this.loading && !this.document.cells.some((cell) => cell.requestId)) void this.refresh();
    this.notifier.flush();
  }

  private show(execution: Execution): void {
    if (!this.document.dropped.includes(execution.executionId)) this.feeds.show(execution);
  }

  private accepted(cellId: string, requestId: string, execution: Execution): void {
    const { executionId } = execution;
    this.link.wake();
    this.batches.accepted(requestId, executionId);
    if (!this.awaits(cellId, requestId)) return this.change(doc.drop(this.document, executionId));
    this.change(doc.accept(this.document, cellId, executionId));
    this.show(execution);
  }

  private refused(cellId: string, requestId: string, error: unknown): void {
    this.batches.refused(requestId);
    if (!this.awaits(cellId, requestId)) return;
    this.refusals.set(cellId, error);
    this.change(doc.takeBack(this.document, cellId));
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

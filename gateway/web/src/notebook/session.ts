// One notebook page at work: ties the document, the kernel, what is run and what it says, and tells the page when to draw.
// The page draws it and calls its methods; nothing here knows React.
import { mayReopen } from "../api/errors";
import { loginState } from "../api/login-state";
import { newRequestId } from "../api/query";
import { executions } from "../api/transport";
import type { Feed } from "../execution/feed";
import { pause } from "../execution/patience";
import { Notifier } from "../execution/store";
import { KernelState, type Kernel } from "../gen/fenxi/analysis/v1/kernel_pb";
import type { Mark } from "../shell/title";
import * as doc from "./document";
import { Draft } from "./draft";
import { wasMeant } from "./ending";
import { Feeds } from "./feeds";
import { KernelLink } from "./kernel-link";
import { Pasts } from "./pasts";
import { Queue } from "./queue";
import { listAll } from "./run";
import { Runs } from "./runs";
import { Stops } from "./stops";

/** When the list of executions is asked for again after it could not be had. */
const REFRESH_AFTER_MS = 3_000;
/** How often output of a cell makes the parts of the page around the cells draw again. */
const SUMMARY_GAP_MS = 120;

export class NotebookSession {
  readonly notifier = new Notifier();
  /** Set while the executions are fetched for the first time. */
  loading = true;
  loadError: unknown = null;
  readonly draft: Draft;
  readonly link: KernelLink;
  readonly queue: Queue;
  readonly runs: Runs;
  readonly stops: Stops;
  readonly pasts = new Pasts();
  private readonly feeds: Feeds;
  private readonly ended = new AbortController();

  constructor(
    readonly kernelId: string,
    userId: string,
  ) {
    const { signal } = this.ended;
    const draw = () => this.notifier.flush();
    this.draft = new Draft(userId, kernelId, draw);
    this.feeds = new Feeds(signal, {
      onOutput: () => this.notifier.touch(SUMMARY_GAP_MS),
      onFinished: ({ executionId, model, ended }) => {
        this.runs.ended(executionId, model);
        if (!ended) this.link.wake();
      },
    });
    this.link = new KernelLink(kernelId, signal, { onKernel: (kernel, first) => this.kernelChanged(kernel, first), onLink: draw });
    this.queue = new Queue(kernelId, signal, {
      onChange: () => this.notifier.touch(),
      unfinished: () => this.feeds.unfinished,
      onEnded: (executionIds) => executionIds.forEach((id) => this.feeds.ended(id)),
    });
    this.runs = new Runs(kernelId, signal, this.draft, this.feeds, {
      onBegun: () => this.stops.stopping.begun(),
      onAccepted: () => this.link.wake(),
      running: () => this.kernel?.runningExecutionId ?? "",
      cancel: (id) => this.stops.cancel(id),
    });
    this.stops = new Stops(kernelId, {
      running: () => this.kernel?.runningExecutionId ?? "",
      waiting: () => [...this.queue.places.keys()],
      cells: () => this.document.cells,
      withdraw: (cell) => this.runs.withdraw(cell),
      onStop: (id) => this.runs.stopped(id),
      onEnded: (id) => this.feeds.ended(id),
      onChange: draw,
    });
  }

  get document(): doc.NotebookDocument {
    return this.draft.document;
  }

  get kernel(): Kernel | null {
    return this.link.kernel;
  }

  start(): void {
    this.link.start();
    this.draft.listen(() => this.draftsChanged(), this.ended.signal);
    void this.refresh();
  }

  stop(): void {
    this.ended.abort();
  }

  /** Asks for the executions of the kernel and shows those that were begun elsewhere. */
  async refresh(): Promise<void> {
    // Nobody here has changed anything: what other tabs keep is left alone.
    const { draft } = this;
    try {
      const list = await listAll(this.kernelId, this.ended.signal);
      draft.document = doc.merge(draft.document, list, newRequestId);
      for (const execution of list) this.runs.show(execution);
      const newest = list.at(-1)?.executionId ?? "";
      for (const { executionId } of this.document.cells) if (executionId) this.feeds.recall(executionId, newest);
      this.runs.resume(this.document.cells);
      this.loadError = null;
    } catch (error) {
      if (this.ended.signal.aborted) return;
      this.loadError = error;
      // What ran cannot be had just now; what is being written goes on.
      draft.document = doc.merge(draft.document, [], newRequestId);
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

  feedOf(executionId: string | null): Feed | null {
    return this.feeds.get(executionId);
  }

  get busy(): boolean {
    return this.document.cells.some(({ requestId, executionId }) => requestId || this.feeds.isUnfinished(executionId));
  }

  /** What the tab is marked with. */
  get mark(): Mark {
    if (this.feeds.isInputWanted) return "waiting";
    if (this.busy) return "running";
    if (this.kernel?.state === KernelState.DEAD) return wasMeant(this.kernel.death) ? "" : "failed";
    return this.kernel?.idleWarningTime ? "ending" : "";
  }

  edit(cellId: string, code: string): void {
    if (!this.draft.write(cellId, code)) return;
    this.notifier.touch();
    this.link.keepForWriting();
  }

  /** Whether there is something of a cell to be stopped. */
  works({ requestId, executionId }: doc.Cell): boolean {
    return requestId !== null || this.feeds.isUnfinished(executionId);
  }

  /** Removes a cell, stops what it runs, which nobody would see any more, and gives what puts it back as it ended then. */
  remove(cellId: string, onFailed: (error: unknown) => void = () => {}): () => void {
    const { draft } = this;
    const at = draft.document.cells.findIndex((cell) => cell.id === cellId);
    const cell = draft.document.cells[at];
    draft.change(doc.remove(draft.document, cellId));
    // What is on its way is stopped when its answer says what it is.
    if (cell && this.feeds.isUnfinished(cell.executionId)) this.stops.cell({ ...cell, requestId: null }).catch(onFailed);
    return () => {
      if (!cell || draft.cell(cellId)) return;
      draft.change(doc.restore(draft.document, at, cell));
      // While it was away it was not sent, or its answer was nobody's.
      this.runs.resume([cell]);
    };
  }

  async reply(cell: doc.Cell, inputId: string, value: string): Promise<void> {
    if (!cell.executionId) return;
    await executions.replyInput({ executionId: cell.executionId, inputId, value, requestId: newRequestId() });
  }

  private kernelChanged(kernel: Kernel, first: boolean): void {
    this.draft.remember(originOf(kernel));
    this.queue.heard(kernel, first);
    const running = kernel.runningExecutionId;
    this.stops.stopping.heard(kernel);
    const knownHere = running === "" || this.runs.knows(running);
    if (!knownHere && !this.loading && !this.document.cells.some((cell) => cell.requestId)) void this.refresh();
    this.notifier.flush();
  }

  private draftsChanged(): void {
    if (!this.loading && this.document.cells.some(({ executionId }) => executionId && !this.feeds.has(executionId))) void this.refresh();
  }
}

function originOf({ displayName, kernelSpec, datasets }: Kernel): doc.Origin {
  return { displayName, kernelSpec, tables: datasets.map(({ datasetId, variableName }) => ({ datasetId, variableName })) };
}

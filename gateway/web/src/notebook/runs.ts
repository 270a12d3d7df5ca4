// What a person runs, from the press of the button until the service has it and its cell shows it.
import { newRequestId } from "../api/query";
import type { OutputModel } from "../execution/model";
import type { Execution } from "../gen/fenxi/analysis/v1/execution_pb";
import { Batches } from "./batch";
import * as doc from "./document";
import type { Draft } from "./draft";
import type { Feeds } from "./feeds";
import { listAlive } from "./run";
import { Sends } from "./sends";

export interface RunsHost {
  /** A cell begins to run. */
  onBegun(): void;
  /** The service has taken one. */
  onAccepted(): void;
  /** The execution that the kernel runs; empty where none is known to. */
  running(): string;
  cancel(executionId: string): Promise<unknown>;
}

export class Runs {
  /** Why a cell could not be sent, by cell id. */
  readonly refusals = new Map<string, unknown>();
  private readonly batches: Batches;
  private readonly sends: Sends;

  constructor(
    kernelId: string,
    signal: AbortSignal,
    private readonly draft: Draft,
    private readonly feeds: Feeds,
    private readonly host: RunsHost,
  ) {
    this.batches = new Batches({
      withdraw: (requestId) => this.cells.filter((cell) => cell.requestId === requestId).forEach((cell) => this.withdraw(cell)),
      alive: async () => (await listAlive(kernelId, signal)).map((each) => each.executionId),
      cancel: host.cancel,
    });
    this.sends = new Sends(kernelId, signal, {
      cell: (id) => draft.cell(id),
      dependency: (cell) => this.dependency(cell),
      onAccepted: (cellId, requestId, execution) => this.accepted(cellId, requestId, execution),
      onRefused: (cellId, requestId, error) => this.refused(cellId, requestId, error),
      knows: (id) => this.knows(id),
      cancel: host.cancel,
    });
  }

  private get cells(): doc.Cell[] {
    return this.draft.document.cells;
  }

  /** Runs one cell, unless it is on its way, waits or runs. */
  one(cellId: string): void {
    const cell = this.draft.cell(cellId);
    if (!cell || cell.requestId || cell.code.trim() === "") return;
    if (this.feeds.isUnfinished(cell.executionId)) return;
    this.refusals.delete(cellId);
    this.host.onBegun();
    this.draft.change(doc.begin(this.draft.document, cellId, newRequestId()));
    if (cell.executionId) this.feeds.forget(cell.executionId);
    this.sends.send(cellId);
  }

  /** Runs every cell in order, up to the first that fails. */
  all(): void {
    const before = this.feeds.unfinished;
    const running = this.host.running();
    const onTheWay = this.cells.filter(({ requestId }) => requestId).map(({ id }) => id);
    for (const { id } of this.cells) this.one(id);
    const begun = this.cells.filter(({ id, requestId }) => requestId && !onTheWay.includes(id)).map(({ id }) => id);
    const last = onTheWay.at(-1);
    const first = last ? { cellId: last } : before.includes(running) ? { executionId: running } : undefined;
    this.draft.change(doc.chain(this.draft.document, begun, first));
    this.batches.begin(this.cells.flatMap(({ requestId }) => requestId ?? []), before);
  }

  /** Sends what is on its way: this page, or one that was open before, may not have come to it. */
  resume(cells: doc.Cell[]): void {
    for (const cell of cells) if (cell.requestId) this.sends.send(cell.id);
  }

  /** Takes back what is on its way. */
  withdraw(cell: doc.Cell): void {
    this.sends.withdraw(cell);
    this.batches.leave(cell.requestId ?? "");
    this.draft.change(doc.takeBack(this.draft.document, cell.id));
  }

  /** A person stops an execution, and no other. */
  stopped(executionId: string): void {
    this.batches.leave(executionId);
  }

  ended(executionId: string, model: OutputModel): void {
    this.batches.ended(executionId, model);
  }

  /** Whether an execution belongs to something on the page, or did. */
  knows(executionId: string): boolean {
    return this.feeds.has(executionId) || this.draft.document.dropped.includes(executionId);
  }

  show(execution: Execution): void {
    if (!this.draft.document.dropped.includes(execution.executionId)) this.feeds.show(execution);
  }

  /** From here on it is kept by its name: the same request is to say the same, after a reload too. */
  private dependency(cell: doc.Cell): string {
    const executionId = doc.dependency(this.draft.document, cell);
    const after = executionId ? { executionId } : undefined;
    if (cell.after) this.draft.change(doc.update(this.draft.document, cell.id, { after }));
    return executionId;
  }

  private accepted(cellId: string, requestId: string, execution: Execution): void {
    const { executionId } = execution;
    this.host.onAccepted();
    this.batches.accepted(requestId, executionId);
    const { document } = this.draft;
    if (!this.awaits(cellId, requestId)) {
      this.draft.change(doc.drop(document, executionId));
      // Of a cell that was deleted meanwhile nobody would see it run. If that fails it can still be stopped with all else.
      if (!this.draft.cell(cellId)) this.host.cancel(executionId).catch(() => {});
      return;
    }
    this.draft.change(doc.accept(document, cellId, executionId));
    this.show(execution);
  }

  private refused(cellId: string, requestId: string, error: unknown): void {
    this.batches.refused(requestId);
    if (!this.awaits(cellId, requestId)) return;
    this.refusals.set(cellId, error);
    this.draft.change(doc.takeBack(this.draft.document, cellId));
  }

  /** Whether an answer to this request is of this cell: it is still there, and was not begun anew. */
  private awaits(cellId: string, requestId: string): boolean {
    const cell = this.draft.cell(cellId);
    return cell !== undefined && (cell.requestId === requestId || (!cell.requestId && !cell.executionId));
  }
}

// Code on its way to the service, cell by cell in order, and what a person takes back before it got there.
import { pause } from "../execution/patience";
import type { Execution } from "../gen/fenxi/analysis/v1/execution_pb";
import type { Cell } from "./document";
import { listAlive, sendExecute, worthRepeating } from "./run";

/** An answer to what was taken back is waited for so long: it says which execution to cancel. */
const ANSWER_WAIT_MS = 3_000;

export interface SendsHost {
  cell(cellId: string): Cell | undefined;
  /** The execution that its run depends on; empty for none. Asked for just before it is sent. */
  dependency(cell: Cell): string;
  /** The service has taken the code. */
  onAccepted(cellId: string, requestId: string, execution: Execution): void;
  onRefused(cellId: string, requestId: string, error: unknown): void;
  /** Whether an execution belongs to something on the page. */
  knows(executionId: string): boolean;
  cancel(executionId: string): Promise<unknown>;
}

export class Sends {
  private last: Promise<void> = Promise.resolve();
  private readonly withdrawn = new Set<string>();
  /** What this page has sent, or is about to. */
  private readonly own = new Set<string | null>();
  private underWay = "";
  private cut = new AbortController();

  constructor(
    private readonly kernelId: string,
    private readonly signal: AbortSignal,
    private readonly host: SendsHost,
  ) {}

  /** Sends when what was handed in before was taken. */
  send(cellId: string): void {
    this.own.add(this.host.cell(cellId)?.requestId ?? null);
    this.last = this.last.then(() => this.one(cellId));
  }

  /** Takes a request back: this page's, or that of another tab or of a page that was open before. */
  withdraw(cell: Cell): void {
    const { id, requestId } = cell;
    if (!requestId || this.withdrawn.has(requestId)) return;
    this.withdrawn.add(requestId);
    if (this.underWay === requestId) {
      const { cut } = this;
      void pause(ANSWER_WAIT_MS, this.signal).then(() => cut.abort());
    } else if (!this.own.has(requestId)) {
      this.last = this.last.then(() => this.find(id, requestId, codeOf(cell)));
    }
  }

  private async one(cellId: string): Promise<void> {
    const cell = this.host.cell(cellId);
    if (!cell?.requestId || this.signal.aborted) return;
    const { requestId } = cell;
    const code = codeOf(cell);
    const dependsOnExecutionId = this.host.dependency(cell);
    this.cut = new AbortController();
    const signal = AbortSignal.any([this.signal, this.cut.signal]);
    const wanted = () => !this.withdrawn.has(requestId);
    this.underWay = requestId;
    try {
      const execution = await sendExecute({ kernelId: this.kernelId, code, requestId, dependsOnExecutionId }, signal, wanted);
      // Another tab may have taken it back.
      const unwanted = !wanted() || this.host.cell(cellId)?.requestId === null;
      this.host.onAccepted(cellId, requestId, execution);
      if (unwanted) await this.cancel(cellId, requestId, execution.executionId);
    } catch (error) {
      if (this.signal.aborted) return;
      if (wanted()) this.host.onRefused(cellId, requestId, error);
      else if (signal.aborted || worthRepeating(error)) await this.find(cellId, requestId, code);
    } finally {
      this.underWay = "";
    }
  }

  /**
   * Cancels what was taken back and may have arrived all the same. It is looked for, not sent once more to learn its
   * name: if it never arrived, that would run it.
   */
  private async find(cellId: string, requestId: string, code: string): Promise<void> {
    try {
      const list = await listAlive(this.kernelId, this.signal);
      const execution = list.find((each) => each.code === code && !this.host.knows(each.executionId));
      if (!execution) return;
      this.host.onAccepted(cellId, requestId, execution);
      await this.cancel(cellId, requestId, execution.executionId);
    } catch (error) {
      if (!this.signal.aborted) this.host.onRefused(cellId, requestId, error);
    }
  }

  private async cancel(cellId: string, requestId: string, executionId: string): Promise<void> {
    try {
      await this.host.cancel(executionId);
    } catch (error) {
      this.host.onRefused(cellId, requestId, error);
    }
  }
}

/** What is on its way; drafts that an older page has kept do not say. */
function codeOf({ code, sent }: Cell): string {
  return sent ?? code;
}

// What is run at one go. Where one of it fails, the rest is not to run on what that one left half made: the service cancels
// what waits at that moment, and what was still on its way then is for the page to take back.
import type { OutputModel } from "../execution/model";
import { NoticeKind, Outcome } from "../gen/fenxi/analysis/v1/output_pb";

export interface BatchHost {
  /** Takes back what is on its way, if this is. */
  withdraw(requestId: string): void;
  /** The executions of the kernel that wait or run. */
  alive(): Promise<string[]>;
  cancel(executionId: string): Promise<unknown>;
}

export class Batch {
  /** Requests that the service has not taken yet, and executions that have not ended. */
  private members = new Set<string>();

  constructor(private readonly host: BatchHost) {}

  /** What is begun while another batch goes on is of that one. */
  add(id: string): void {
    this.members.add(id);
  }

  accepted(requestId: string, executionId: string): void {
    if (this.members.delete(requestId)) this.members.add(executionId);
  }

  /** A person stops this one alone. */
  leave(id: string): void {
    this.members.delete(id);
  }

  ended(executionId: string, model: OutputModel): void {
    if (this.members.delete(executionId) && endsOthers(model)) void this.end();
  }

  refused(requestId: string): void {
    if (this.members.delete(requestId)) void this.end();
  }

  private async end(): Promise<void> {
    const { members } = this;
    this.members = new Set();
    for (const id of members) this.host.withdraw(id);
    try {
      const late = (await this.host.alive()).filter((id) => members.has(id));
      for (const id of late) await this.host.cancel(id);
    } catch {
      // It is seen to run, and can be stopped by hand.
    }
  }
}

/** As the service has it: what a person interrupts leaves the others alone. */
function endsOthers({ finished, items }: OutputModel): boolean {
  if (finished?.outcome !== Outcome.INTERRUPTED) return finished?.outcome !== Outcome.OK;
  return items.some((item) => item.kind === "notice" && item.notice === NoticeKind.MEMORY_INTERRUPT);
}

// What is run at one go. Where one of it fails, the rest is not to run on what that one left half made: the service begins
// none of it, because each depends on the one before. What was still on its way then is for the page to take back.
import type { OutputModel } from "../execution/model";
import { NoticeKind, Outcome } from "../gen/fenxi/analysis/v1/output_pb";

export interface BatchHost {
  /** Takes back what is on its way, if this is. */
  withdraw(requestId: string): void;
  /** The executions of the kernel that wait or run. */
  alive(): Promise<string[]>;
  cancel(executionId: string): Promise<unknown>;
}

interface Batch {
  /** Requests that the service has not taken yet, and executions that have not ended. */
  members: Set<string>;
  /** Executions that had not ended when it was begun: it runs on what they leave. */
  before: Set<string>;
}

/** All that were begun and have not ended. */
export class Batches {
  private going: Batch[] = [];

  constructor(private readonly host: BatchHost) {}

  begin(requestIds: string[], before: string[]): void {
    if (requestIds.length > 0) this.going.push({ members: new Set(requestIds), before: new Set(before) });
  }

  accepted(requestId: string, executionId: string): void {
    for (const { members } of this.going) if (members.delete(requestId)) members.add(executionId);
  }

  /** A person stops this one alone. */
  leave(id: string): void {
    this.look(({ members, before }) => {
      members.delete(id);
      before.delete(id);
      return false;
    });
  }

  ended(executionId: string, model: OutputModel): void {
    const fails = endsOthers(model);
    // What was begun before and was taken from the queue has left nothing half made.
    const spoils = fails && model.finished?.outcome !== Outcome.CANCELLED;
    this.look(({ members, before }) => (members.delete(executionId) && fails) || (before.delete(executionId) && spoils));
  }

  refused(requestId: string): void {
    this.look(({ members }) => members.delete(requestId));
  }

  /** Ends those for which `ends` says so, and forgets those that have ended. */
  private look(ends: (batch: Batch) => boolean): void {
    const ended = this.going.filter(ends);
    this.going = this.going.filter((batch) => batch.members.size > 0 && !ended.includes(batch));
    for (const batch of ended) void this.end(batch);
  }

  private async end({ members }: Batch): Promise<void> {
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

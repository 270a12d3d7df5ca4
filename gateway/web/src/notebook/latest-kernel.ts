// Which word about a kernel is the newest. Revisions of two services follow the machine's clock, which may be set back, so
// they are relied on within one stream only: what a newly opened stream says first is taken as it is.
import type { Kernel } from "../gen/fenxi/analysis/v1/kernel_pb";

export class LatestKernel {
  current: Kernel | null = null;
  /** Counts the streams that have said something. */
  stream = 0;

  /** Takes what a stream says, `first` where it is the first it says; false if a newer word is known. */
  hear(kernel: Kernel, first: boolean): boolean {
    if (first) this.stream++;
    else if (this.current && isOlder(kernel, this.current)) return false;
    this.current = kernel;
    return true;
  }

  /** Takes the answer to a call that was made while `stream` was the newest. */
  answer(kernel: Kernel, stream: number): boolean {
    return stream === this.stream && this.hear(kernel, false);
  }
}

function isOlder(one: Kernel, other: Kernel): boolean {
  return one.generation === other.generation ? one.revision < other.revision : one.generation < other.generation;
}

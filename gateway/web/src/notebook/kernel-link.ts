// The kernel behind a page: how it stands, as long as the page is open, and what is asked of it besides running code.
import { newRequestId } from "../api/query";
import { inspections, kernels } from "../api/transport";
import type { KernelCompletions } from "../editor/completion";
import type { Inspected } from "../editor/inspection";
import { DetailLevel } from "../gen/fenxi/analysis/v1/inspection_pb";
import type { Kernel } from "../gen/fenxi/analysis/v1/kernel_pb";
import { watchKernel } from "./kernel-watch";
import { LatestKernel } from "./latest-kernel";
import { renameKernel } from "./rename";
import { answers } from "./variables";

/** How often writing keeps the kernel, at the most. */
const KEEP_GAP_MS = 10_000;

export interface KernelLinkHost {
  /** `first`: what a newly opened stream says first. */
  onKernel(kernel: Kernel, first: boolean): void;
  /** Whether it is heard of has changed. */
  onLink(): void;
}

export class KernelLink {
  /** Whether it is heard of just now. */
  live = false;
  /** Why it will not be heard of again. */
  gone: unknown = null;
  private readonly latest = new LatestKernel();
  private keepAgainAtMs = 0;
  private awaken: (() => void) | null = null;

  constructor(
    private readonly kernelId: string,
    private readonly signal: AbortSignal,
    private readonly host: KernelLinkHost,
  ) {}

  get kernel(): Kernel | null {
    return this.latest.current;
  }

  /** Watches it until the signal fires. */
  start(): void {
    const woken = () => new Promise<void>((resolve) => (this.awaken = resolve));
    const listener = {
      onKernel: (kernel: Kernel, first: boolean) => {
        const news = this.latest.hear(kernel, first);
        if (news) this.changed(kernel, first);
        return news;
      },
      onLink: (live: boolean) => {
        if (this.live === live) return;
        this.live = live;
        this.host.onLink();
      },
      onGone: (error: unknown) => {
        this.gone = error;
        this.host.onLink();
      },
    };
    void watchKernel(this.kernelId, listener, this.signal, woken);
    this.signal.addEventListener("abort", () => this.wake());
  }

  /** There may be news of a kernel that was gone or dead. */
  wake(): void {
    this.awaken?.();
  }

  /** Counts as use of the kernel, which is about to be ended for want of it. */
  async keep(): Promise<void> {
    this.keepAgainAtMs = Date.now() + KEEP_GAP_MS;
    await this.answered(kernels.keepKernel({ kernelId: this.kernelId, requestId: newRequestId() }));
  }

  /** The answer is shown at once: a dead kernel is asked about now and then only. */
  async rename(name: string): Promise<void> {
    await this.answered(renameKernel(this.kernelId, name));
  }

  /** Who writes wants the kernel that will run it; a page that is only open keeps nothing. */
  keepForWriting(): void {
    if (this.kernel?.idleWarningTime && Date.now() >= this.keepAgainAtMs) void this.keep().catch(() => {});
  }

  async restart(): Promise<void> {
    await kernels.restartKernel({ kernelId: this.kernelId, requestId: newRequestId() });
    this.gone = null;
    this.wake();
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

  private async answered(call: Promise<{ kernel?: Kernel | undefined }>): Promise<void> {
    const { stream } = this.latest;
    const { kernel } = await call;
    if (kernel && this.latest.answer(kernel, stream)) this.changed(kernel, false);
  }

  private changed(kernel: Kernel, first: boolean): void {
    this.gone = null;
    this.host.onKernel(kernel, first);
  }
}

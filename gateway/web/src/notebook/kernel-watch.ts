// The kernel as it stands, live: one stream that is opened again after every drop, until the kernel is gone.
import { mayReopen } from "../api/errors";
import { loginState } from "../api/login-state";
import { kernels } from "../api/transport";
import { backoffMs, SILENCE_MAX_MS } from "../execution/follow";
import { pause, visible } from "../execution/patience";
import { KernelState, type Kernel } from "../gen/fenxi/analysis/v1/kernel_pb";

export interface KernelListener {
  onKernel(kernel: Kernel): void;
  onLink(live: boolean): void;
  /** It will not be heard of again: it is unknown, or not the caller's. */
  onGone(error: unknown): void;
}

/** Watches until `signal` fires. A dead kernel is asked about again only when `wake` says so, as after a restart. */
export async function watchKernel(kernelId: string, listener: KernelListener, signal: AbortSignal, wake: () => Promise<void>) {
  let attempt = 0;
  while (!signal.aborted) {
    let state: KernelState | undefined;
    try {
      for await (const kernel of stream(kernelId, signal)) {
        attempt = 0;
        listener.onLink(true);
        if (!kernel) continue;
        state = kernel.state;
        listener.onKernel(kernel);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!mayReopen(error)) {
        listener.onGone(error);
        await wake();
        continue;
      }
    }
    if (signal.aborted) return;
    if (state === KernelState.DEAD) {
      await wake();
      continue;
    }
    listener.onLink(false);
    await pause(backoffMs(attempt++), signal);
    await loginState.renewed(signal);
  }
}

async function* stream(kernelId: string, signal: AbortSignal): AsyncGenerator<Kernel | undefined> {
  const hidden = await visible(signal);
  const silence = new AbortController();
  const either = AbortSignal.any([signal, hidden.signal, silence.signal]);
  let timer = setTimeout(() => silence.abort(), SILENCE_MAX_MS);
  try {
    for await (const message of kernels.watchKernel({ kernelId }, { signal: either })) {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE_MAX_MS);
      yield message.kernel;
    }
  } finally {
    clearTimeout(timer);
    hidden.dispose();
  }
}

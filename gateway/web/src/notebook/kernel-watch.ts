// The kernel as it stands, live: one stream that is opened again after every drop, until the kernel is gone. A tab that
// nobody looks at, or for which no stream is left, asks now and then.
import { mayReopen } from "../api/errors";
import { loginState } from "../api/login-state";
import { kernels } from "../api/transport";
import { backoffMs, SILENCE_MAX_MS } from "../execution/follow";
import { pause, visible } from "../execution/patience";
import { takePlace, type Place } from "../execution/places";
import { KernelState, type Kernel } from "../gen/fenxi/analysis/v1/kernel_pb";

/** How often a hidden tab asks: it can still say that a kernel is about to be ended. */
const HIDDEN_GAP_MS = 60_000;
/** How often a tab asks for which no stream is left. */
const GLIMPSE_GAP_MS = 2_000;
/** How often a dead kernel is asked about: it may have been started again elsewhere. */
const DEAD_GAP_MS = 15_000;

export interface KernelListener {
  /** `first`: what a newly opened stream says first. Gives whether it was news. */
  onKernel(kernel: Kernel, first: boolean): boolean;
  onLink(live: boolean): void;
  /** It will not be heard of again: it is unknown, or not the caller's. */
  onGone(error: unknown): void;
}

/** Watches until `signal` fires. A kernel that is gone is asked about again only when `wake` says so; a dead one slowly. */
export async function watchKernel(kernelId: string, listener: KernelListener, signal: AbortSignal, wake: () => Promise<void>) {
  let attempt = 0;
  while (!signal.aborted) {
    let state: KernelState | undefined;
    let first = true;
    const hidden = document.visibilityState === "hidden";
    const place = hidden ? null : await takePlace("kernel");
    try {
      for await (const kernel of place ? stream(kernelId, place, signal) : glimpse(kernelId, signal)) {
        attempt = 0;
        listener.onLink(true);
        if (!kernel) continue;
        if (listener.onKernel(kernel, first)) ({ state } = kernel);
        first = false;
      }
      if (hidden) {
        await pause(HIDDEN_GAP_MS, signal);
        continue;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (place?.lost.aborted) continue;
      if (!mayReopen(error)) {
        listener.onGone(error);
        await wake();
        continue;
      }
    } finally {
      place?.leave();
    }
    if (signal.aborted) return;
    if (state === KernelState.DEAD) {
      await either(wake, DEAD_GAP_MS, signal);
      continue;
    }
    if (!place && !first) {
      await either(wake, GLIMPSE_GAP_MS, signal);
      continue;
    }
    listener.onLink(false);
    await pause(backoffMs(attempt++), signal);
    await loginState.renewed(signal);
  }
}

/** Waits for `wake`, but not longer than `ms`, and not once the tab is looked at again. */
async function either(wake: () => Promise<void>, ms: number, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  await Promise.race([wake(), pause(ms, AbortSignal.any([signal, over.signal]))]);
  over.abort();
}

async function* glimpse(kernelId: string, signal: AbortSignal): AsyncGenerator<Kernel | undefined> {
  yield (await kernels.getKernel({ kernelId }, { signal })).kernel;
}

async function* stream(kernelId: string, place: Place, signal: AbortSignal): AsyncGenerator<Kernel | undefined> {
  const hidden = await visible(signal);
  const silence = new AbortController();
  const cut = AbortSignal.any([signal, hidden.signal, silence.signal, place.lost]);
  let timer = setTimeout(() => silence.abort(), SILENCE_MAX_MS);
  try {
    for await (const message of kernels.watchKernel({ kernelId }, { signal: cut })) {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE_MAX_MS);
      yield message.kernel;
    }
  } finally {
    clearTimeout(timer);
    hidden.dispose();
  }
}

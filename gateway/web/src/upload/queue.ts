// The uploads of this page: which are waiting, on their way, held, done. Lives as long as the page, whatever screen shows.
import { changed, newRequestId } from "../api/query";
import { loginState } from "../api/login-state";
import { backoffMs } from "../execution/follow";
import { pause as wait } from "../execution/patience";
import { Notifier } from "../execution/store";
import { type Dataset, DatasetService } from "../gen/fenxi/analysis/v1/dataset_pb";
import { newReading, type Reading } from "./reading";
import { recall, remember, forget } from "./resume";
import { cancelUpload, createUpload, offsetOf, sendSlice, TusError } from "./tus";

export type UploadPhase = "waiting" | "sending" | "retrying" | "paused" | "received" | "done" | "failed";

export interface UploadItem {
  id: number;
  name: string;
  size: number;
  /** What is to be sent; null of an upload whose bytes the service has all, and this page never had. */
  file: File | null;
  phase: UploadPhase;
  uploadId: string | null;
  /** Makes a repeated creation the same one. */
  key: string;
  sentBytes: number;
  bytesPerSecond: number;
  error: unknown;
  dataset: Dataset | null;
  reading: Reading;
  stop: AbortController;
}

/** Uploads under way at one time. */
const SENDING_MAX = 2;

class UploadQueue {
  readonly notifier = new Notifier();
  items: UploadItem[] = [];
  private nextId = 1;

  add(files: Iterable<File>): UploadItem[] {
    const added = Array.from(files, (file): UploadItem => ({
      ...this.blank(file.name, file.size), file, phase: "waiting",
    }));
    this.items = [...this.items, ...added];
    this.next();
    return added;
  }

  /** Takes up an upload that was begun elsewhere, or before a reload, and has all its bytes. */
  takeUp(uploadId: string, name: string, size: number): UploadItem {
    const item: UploadItem = { ...this.blank(name, size), file: null, phase: "received", uploadId, sentBytes: size };
    this.items = [...this.items, item];
    this.notifier.flush();
    return item;
  }

  private blank(name: string, size: number): Omit<UploadItem, "file" | "phase"> {
    return {
      id: this.nextId++, name, size, uploadId: null, key: newRequestId(), sentBytes: 0, bytesPerSecond: 0, error: null, dataset: null,
      reading: newReading(name), stop: new AbortController(),
    };
  }

  pause(item: UploadItem): void {
    item.phase = "paused";
    item.stop.abort();
    this.next();
  }

  resume(item: UploadItem): void {
    item.phase = "waiting";
    item.error = null;
    item.stop = new AbortController();
    this.next();
  }

  /** Takes those off the list that are datasets. */
  clearDone(): void {
    this.items = this.items.filter((item) => item.phase !== "done");
    this.notifier.flush();
  }

  /** Takes it off the list, and off the service unless it became a dataset. */
  remove(item: UploadItem): void {
    item.stop.abort();
    this.items = this.items.filter((each) => each !== item);
    if (item.uploadId && item.phase !== "done") {
      forget(item.file, item.uploadId);
      // If this fails it is found again among those that were left, and the service drops it by itself when it expires.
      cancelUpload(item.uploadId, new AbortController().signal).then(() => changed(DatasetService), () => {});
    }
    this.next();
  }

  done(item: UploadItem, dataset: Dataset): void {
    item.phase = "done";
    item.dataset = dataset;
    forget(item.file, item.uploadId);
    this.notifier.flush();
    void changed(DatasetService);
  }

  /** Whether leaving the page stops something, or leaves what was chosen for a file behind. */
  get unfinished(): boolean {
    return this.items.some((item) => item.phase !== "done" && item.phase !== "failed");
  }

  /** Uploads that this page has in its list. */
  has(uploadId: string): boolean {
    return this.items.some((item) => item.uploadId === uploadId);
  }

  /** Files that are there and wait for a person to make datasets of them. */
  get received(): UploadItem[] {
    return this.items.filter((item) => item.phase === "received");
  }

  private next(): void {
    const sending = this.items.filter((item) => item.phase === "sending" || item.phase === "retrying").length;
    const waiting = this.items.filter((item) => item.phase === "waiting");
    for (const item of waiting.slice(0, Math.max(0, SENDING_MAX - sending))) if (item.file) void this.send(item, item.file);
    this.notifier.flush();
  }

  private async send(item: UploadItem, file: File): Promise<void> {
    const { signal } = item.stop;
    item.phase = "sending";
    for (let attempt = 0; !signal.aborted; attempt++) {
      const before = item.sentBytes;
      try {
        await this.sendOnce(item, file, signal);
        item.phase = "received";
        break;
      } catch (error) {
        if (signal.aborted) break;
        // Whoever gets on begins the waits anew.
        if (item.sentBytes > before) attempt = 0;
        if (error instanceof TusError && error.gone && item.uploadId) {
          // Begun too long ago: the same file goes up again from its start, once.
          beginAnew(item);
          if (attempt === 0) continue;
        }
        if (!(error instanceof TusError) || !error.transient) {
          item.phase = "failed";
          item.error = error;
          break;
        }
        if (error.status === 401) loginState.expire();
        item.phase = "retrying";
        this.notifier.flush();
        await wait(backoffMs(attempt), signal);
        await loginState.renewed(signal);
      }
    }
    this.next();
  }

  private async sendOnce(item: UploadItem, file: File, signal: AbortSignal): Promise<void> {
    const begun = item.uploadId ?? (await recall(file, signal));
    // The same file may be wanted twice: what another item goes on with is that one's.
    if (!this.items.some((each) => each.uploadId === begun)) item.uploadId = begun;
    if (!item.uploadId) {
      item.uploadId = await createUpload(file, item.key, signal);
      remember(file, item.uploadId);
    } else item.sentBytes = await offsetOf(item.uploadId, signal);
    item.phase = "sending";
    this.notifier.flush();
    const meter = new Meter(item.sentBytes);
    while (item.sentBytes < file.size) {
      item.sentBytes = await sendSlice(item.uploadId, file, item.sentBytes, signal, (bytes) => {
        item.sentBytes = bytes;
        item.bytesPerSecond = meter.at(bytes);
        this.notifier.touch();
      });
    }
  }
}

function beginAnew(item: UploadItem): void {
  forget(item.file, item.uploadId);
  Object.assign(item, { uploadId: null, key: newRequestId(), sentBytes: 0 });
}

/** Speed over the last few seconds. */
class Meter {
  private marks: { ms: number; bytes: number }[];

  constructor(bytes: number) {
    this.marks = [{ ms: performance.now(), bytes }];
  }

  at(bytes: number): number {
    const ms = performance.now();
    this.marks = [...this.marks.filter((mark) => ms - mark.ms < 4_000), { ms, bytes }];
    const first = this.marks[0] as { ms: number; bytes: number };
    return ms - first.ms < 200 ? 0 : ((bytes - first.bytes) * 1000) / (ms - first.ms);
  }
}

export const uploads = new UploadQueue();

window.addEventListener("beforeunload", (event) => {
  if (uploads.unfinished) event.preventDefault();
});

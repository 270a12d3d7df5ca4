// Remembers which upload a file began, so that the same file chosen again after a reload goes on where it stopped.
import { keep, kept } from "../ui/kept";
import { offsetOf, TusError } from "./tus";

const PREFIX = "fenxi.upload.";
const KEPT_MAX = 20;

const keyOf = (file: File) => `${PREFIX}${file.size}.${file.lastModified}.${file.name}`;

export function remember(file: File, uploadId: string): void {
  try {
    const others = Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
    for (const key of others.slice(0, Math.max(0, others.length - KEPT_MAX))) localStorage.removeItem(key);
    localStorage.setItem(keyOf(file), uploadId);
  } catch {
    // Without it the upload begins anew after a reload; nothing is lost.
  }
}

/** Forgets it, unless the same file has begun another upload since. */
export function forget(file: File | null, uploadId: string | null): void {
  if (file !== null && uploadId !== null && kept(keyOf(file)) === uploadId) keep(keyOf(file), null);
}

/** The upload this file began, if the service still has it; throws where that cannot be told just now. */
export async function recall(file: File, signal: AbortSignal): Promise<string | null> {
  const uploadId = kept(keyOf(file));
  if (!uploadId) return null;
  try {
    await offsetOf(uploadId, signal);
    return uploadId;
  } catch (error) {
    if (!(error instanceof TusError) || error.transient) throw error;
    forget(file, uploadId);
    return null;
  }
}

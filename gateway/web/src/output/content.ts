// The content of one form of an output: what stands in the event, or what the service keeps under its SHA-256.
import { useQuery } from "@tanstack/react-query";
import { executions } from "../api/transport";
import type { MimePart } from "../gen/fenxi/analysis/v1/output_pb";

export interface Content {
  bytes: Uint8Array<ArrayBuffer> | null;
  text: string | null;
}

async function read(executionId: string, sha256: string, sizeBytes: number, signal: AbortSignal) {
  const whole = new Uint8Array(sizeBytes);
  let offset = 0;
  for await (const { data } of executions.readContent({ executionId, sha256, offset: 0n }, { signal })) {
    whole.set(data.subarray(0, Math.max(0, sizeBytes - offset)), offset);
    offset += data.length;
  }
  return whole.subarray(0, Math.min(offset, sizeBytes));
}

/** The content at once, for a file that is saved. */
export async function contentOf(executionId: string, part: MimePart): Promise<Content> {
  const { content } = part;
  if (content.case === "text") return { bytes: null, text: content.value };
  if (content.case === "data") return { bytes: content.value as Uint8Array<ArrayBuffer>, text: null };
  if (content.case !== "reference") return { bytes: null, text: "" };
  const { sha256, sizeBytes } = content.value;
  return { bytes: await read(executionId, sha256, Number(sizeBytes), new AbortController().signal), text: null };
}

/** The content, fetched where the event only refers to it. Contents never change, so they are kept. */
export function useContent(executionId: string, part: MimePart, wanted = true) {
  const { content } = part;
  const reference = content.case === "reference" ? content.value : null;
  const query = useQuery({
    queryKey: ["content", executionId, reference?.sha256],
    queryFn: ({ signal }) => read(executionId, reference?.sha256 ?? "", Number(reference?.sizeBytes ?? 0), signal),
    enabled: reference !== null && wanted,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 60_000,
  });
  if (content.case === "text") return { ready: { bytes: null, text: content.value } as Content, error: null };
  if (content.case === "data") return { ready: { bytes: content.value as Uint8Array<ArrayBuffer>, text: null }, error: null };
  return { ready: query.data ? { bytes: query.data, text: null } : null, error: query.error, retry: () => void query.refetch() };
}

export function asText(content: Content): string {
  return content.text ?? new TextDecoder().decode(content.bytes ?? new Uint8Array());
}

export function asBlob(content: Content, type: string): Blob {
  return new Blob([content.bytes ?? content.text ?? ""], { type });
}

/** A blob's address stays for so long after the browser was told to save it. */
const SAVED_AFTER_MS = 60_000;

/** Hands a file that was just made to the person. */
export function saveBlob(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  saveAs(url, name);
  setTimeout(() => URL.revokeObjectURL(url), SAVED_AFTER_MS);
}

/** Hands a file to the person. */
export function saveAs(url: string, name: string): void {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
}

// One resumable upload in the tus 1.0 shape, over XHR because only XHR tells how far a request has come. Bytes go out as
// Blob slices, so a file of any size costs no memory.

/** Bytes of one request. */
export const SLICE_BYTES = 16 * 1024 * 1024;

export class TusError extends Error {
  /** The stable reason of the contract's error table, if the answer names one. */
  readonly reason: string;

  constructor(
    readonly status: number,
    body: string,
  ) {
    const { reason, message } = parse(body);
    super(message);
    this.reason = reason;
  }

  /** The service has this upload no more: it expired, was cancelled, or became a dataset. */
  get gone(): boolean {
    return this.status === 404 || this.status === 410;
  }

  /** The way broke or the service was busy: the same request may succeed later. */
  get transient(): boolean {
    return this.status === 0 || this.status === 401 || this.status === 409 || this.status === 423 || this.status === 429 || this.status >= 500;
  }
}

/** The file is not the one that was chosen any more, or cannot be read: sent again it would fail again. */
export class FileChanged extends Error {}

/** Browsers tell of it as of a network that broke. What can be read of the file is what the service would get. */
async function broken(slice: Blob): Promise<Error> {
  try {
    await slice.slice(0, 1).arrayBuffer();
  } catch {
    return new FileChanged();
  }
  return new TusError(0, "");
}

/** The body of a refusal: `{"reason": ..., "message": ...}`. */
function parse(body: string): { reason: string; message: string } {
  try {
    const { reason, message } = JSON.parse(body) as { reason?: unknown; message?: unknown };
    return { reason: String(reason ?? ""), message: String(message ?? "") };
  } catch {
    return { reason: "", message: "" };
  }
}

interface Request {
  method: "POST" | "PATCH" | "HEAD" | "DELETE";
  url: string;
  headers?: Record<string, string>;
  body?: Blob;
  signal: AbortSignal;
  onProgress?(sentBytes: number): void;
}

function send({ method, url, headers, body, signal, onProgress }: Request): Promise<XMLHttpRequest> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    request.withCredentials = true;
    for (const [name, value] of Object.entries({ "tus-resumable": "1.0.0", "x-fenxi": "1", ...headers })) {
      request.setRequestHeader(name, value);
    }
    const cut = () => request.abort();
    signal.addEventListener("abort", cut, { once: true });
    request.upload.onprogress = (event) => onProgress?.(event.loaded);
    request.onload = () => {
      signal.removeEventListener("abort", cut);
      if (request.status >= 200 && request.status < 300) resolve(request);
      else reject(new TusError(request.status, request.responseText.slice(0, 2000)));
    };
    request.onerror = () => void broken(body ?? new Blob()).then(reject);
    request.onabort = () => reject(new DOMException("paused", "AbortError"));
    if (signal.aborted) return reject(new DOMException("paused", "AbortError"));
    request.send(body ?? null);
  });
}

function base64(text: string): string {
  return btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(""));
}

/** Opens an upload and gives its id; called again with the same key it gives the same one. */
export async function createUpload(file: File, key: string, signal: AbortSignal): Promise<string> {
  const answer = await send({
    method: "POST",
    url: "/uploads",
    headers: {
      "upload-length": String(file.size),
      "upload-metadata": `filename ${base64(file.name)}`,
      "idempotency-key": key,
    },
    signal,
  });
  const location = answer.getResponseHeader("location") ?? "";
  const id = new URL(location, window.location.href).pathname.split("/").at(-1) ?? "";
  if (id === "") throw new TusError(answer.status, "the answer names no upload");
  return id;
}

/** Bytes the service holds. */
export async function offsetOf(uploadId: string, signal: AbortSignal): Promise<number> {
  const answer = await send({ method: "HEAD", url: `/uploads/${uploadId}`, signal });
  return Number(answer.getResponseHeader("upload-offset") ?? 0);
}

/** Sends one slice from `offset`; gives the new offset. */
export async function sendSlice(uploadId: string, file: File, offset: number, signal: AbortSignal, onProgress: (bytes: number) => void) {
  const body = file.slice(offset, offset + SLICE_BYTES);
  const answer = await send({
    method: "PATCH",
    url: `/uploads/${uploadId}`,
    headers: { "upload-offset": String(offset), "content-type": "application/offset+octet-stream" },
    body,
    signal,
    onProgress: (sent) => onProgress(offset + Math.min(sent, body.size)),
  });
  return Number(answer.getResponseHeader("upload-offset") ?? offset + body.size);
}

export async function cancelUpload(uploadId: string, signal: AbortSignal): Promise<void> {
  await send({ method: "DELETE", url: `/uploads/${uploadId}`, signal });
}

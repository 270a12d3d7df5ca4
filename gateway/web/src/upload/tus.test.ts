import { expect, test, vi } from "vitest";
import { FileChanged, sendSlice, TusError } from "./tus";

class BrokenRequest {
  upload = {};
  onerror = () => {};
  open = () => {};
  setRequestHeader = () => {};
  send = () => this.onerror();
}

test("a file that has changed since is told from a network that broke", async () => {
  vi.stubGlobal("XMLHttpRequest", BrokenRequest);
  const send = (file: Blob) => sendSlice("u", file as File, 0, new AbortController().signal, () => {}).catch((error: unknown) => error);
  const whole = new Blob(["a,b"]);
  const failure = await send(whole);
  expect(failure instanceof TusError && failure.transient).toBe(true);
  const changed = { slice: () => changed, arrayBuffer: () => Promise.reject(new DOMException("", "NotReadableError")) };
  expect(await send(changed as unknown as Blob)).toBeInstanceOf(FileChanged);
});

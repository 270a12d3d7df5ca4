import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, it, vi } from "vitest";
import { worthRepeating } from "./run";

vi.mock("../api/transport", () => ({}));

/** A refusal as it comes over the wire. */
function refusal(code: Code, reason: string): ConnectError {
  const error = new ConnectError("no", code);
  const value = new BinaryWriter().tag(1, 2).string(reason).tag(2, 2).string("fenxi").finish();
  error.details.push({ type: "google.rpc.ErrorInfo", value });
  return error;
}

it("sends code again that the service had no time for, and not what it refused", () => {
  expect(worthRepeating(refusal(Code.Unavailable, "UNAVAILABLE"))).toBe(true);
  expect(worthRepeating(refusal(Code.ResourceExhausted, "OVERLOADED"))).toBe(true);
  expect(worthRepeating(refusal(Code.ResourceExhausted, "EXECUTION_QUEUE_FULL"))).toBe(false);
  expect(worthRepeating(refusal(Code.FailedPrecondition, "KERNEL_DEAD"))).toBe(false);
});

import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { errorText } from "./errors";

test("who has tried too often is told how long to wait, where the service says", () => {
  const error = new ConnectError("refused", Code.ResourceExhausted);
  const info = { type: "google.rpc.ErrorInfo", value: new BinaryWriter().tag(1, WireType.LengthDelimited).string("RATE_LIMITED").finish() };
  error.details = [info];
  expect(errorText(error)).toBe("Too many tries. Wait a moment.");
  const delay = new BinaryWriter().tag(1, WireType.Varint).int64(42).finish();
  error.details = [info, { type: "google.rpc.RetryInfo", value: new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(delay).finish() }];
  expect(errorText(error)).toBe("Too many tries. Try again in 42 s.");
});

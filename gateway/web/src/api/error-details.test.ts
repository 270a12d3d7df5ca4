import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { saysLoginExpired } from "./error-details";

function refused(code: Code, reason: string): ConnectError {
  const error = new ConnectError("refused", code);
  const value = new BinaryWriter().tag(1, WireType.LengthDelimited).string(reason).finish();
  if (reason) error.details = [{ type: "google.rpc.ErrorInfo", value }];
  return error;
}

describe("a login that is over", () => {
  it("is told by the reason", () => {
    expect(saysLoginExpired(refused(Code.Unauthenticated, "UNAUTHENTICATED"))).toBe(true);
    expect(saysLoginExpired(refused(Code.Unauthenticated, ""))).toBe(true);
  });

  it("is not what was typed wrong", () => {
    for (const reason of ["LOGIN_FAILED", "SETUP_TOKEN_INVALID", "LOGIN_ATTEMPT_INVALID"]) {
      expect(saysLoginExpired(refused(Code.Unauthenticated, reason))).toBe(false);
    }
    expect(saysLoginExpired(refused(Code.PermissionDenied, "PERMISSION_DENIED"))).toBe(false);
  });
});

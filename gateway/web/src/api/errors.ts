// What a person is told about an error, and whether trying again may help.
import { Code, ConnectError } from "@connectrpc/connect";
import type { ErrorReason } from "../gen/fenxi/errors/v1/errors_pb";
import { roughSpan } from "../i18n/format";
import { currentLanguage, currentMessages, translate, type Messages } from "../i18n/i18n";
import { detailsOf } from "./error-details";
import { loginState } from "./login-state";
import { ownText } from "./own-text";

type ReasonName = keyof typeof ErrorReason;

/** Reasons whose own text says more than ours can (which line of the file, which rule of the password). */
const OWN_TEXT = new Set<ReasonName>([
  "FILE_UNREADABLE", "FILE_FORMAT", "FILE_TOO_LARGE", "PASSWORD_UNACCEPTABLE", "INVALID_FIELD", "KERNEL_START_FAILED",
  "VARIABLE_NAME", "QUOTA_EXCEEDED", "KERNEL_LIMIT", "VARIABLE_UNREADABLE", "KERNEL_SPEC_UNKNOWN",
  "KERNEL_SPEC_WITHOUT_TABLES",
]);

const TRANSIENT = new Set([
  Code.Unavailable, Code.DeadlineExceeded, Code.Internal, Code.Unknown, Code.Aborted, Code.ResourceExhausted, Code.Canceled,
]);

/** Whether the same call may succeed later, without anybody changing anything. */
export function isTransient(error: unknown): boolean {
  return TRANSIENT.has(ConnectError.from(error).code);
}

/** Whether a stream is worth opening again: by itself, or once someone has signed in again (the page then says so). */
export function mayReopen(error: unknown): boolean {
  if (codeOf(error) !== Code.Unauthenticated) return isTransient(error);
  // A stream may learn of it long after it was opened, where no interceptor looks.
  loginState.expire();
  return true;
}

export function codeOf(error: unknown): Code {
  return ConnectError.from(error).code;
}

export function isNotFound(error: unknown): boolean {
  return codeOf(error) === Code.NotFound;
}

/** What a reason of the contract's error table means, if it is one we know, with the service's `own` words where they say more. */
export function reasonText(reason: string, own = ""): string | undefined {
  const reasons: Record<string, string> = currentMessages().reasons;
  if (!Object.hasOwn(reasons, reason)) return undefined;
  const known = reasons[reason] as string;
  return OWN_TEXT.has(reason as ReasonName) ? withOwn(known, own) : known;
}

/** A sentence of ours and what the service says of it, if it does. */
export function withOwn(known: string, own: string): string {
  return own === "" ? known : `${known}${currentLanguage() === "en" ? " " : ""}${ownText(own)}`;
}

/** One or two sentences in the page's language. */
export function errorText(error: unknown): string {
  const connect = ConnectError.from(error);
  const { reason, fields, retryAfterMs } = detailsOf(error);
  if (reason === "RATE_LIMITED" && retryAfterMs) return translate("common.tooMany", { span: roughSpan(retryAfterMs) });
  return reasonText(reason, fields[0]?.description || connect.rawMessage) ?? byCode(connect, currentMessages());
}

function byCode(error: ConnectError, messages: Messages): string {
  switch (error.code) {
    case Code.Unavailable:
      return messages.reasons.UNAVAILABLE;
    case Code.Unauthenticated:
      return messages.reasons.UNAUTHENTICATED;
    case Code.NotFound:
      return messages.reasons.NOT_FOUND;
    case Code.PermissionDenied:
      return messages.reasons.PERMISSION_DENIED;
    case Code.DeadlineExceeded:
      return messages.reasons.DEADLINE_EXCEEDED;
    case Code.Unknown:
      return /fetch|network|load failed/i.test(error.rawMessage) ? messages.reasons.UNAVAILABLE : error.rawMessage;
    default:
      return error.rawMessage ? ownText(error.rawMessage) : messages.reasons.INTERNAL;
  }
}

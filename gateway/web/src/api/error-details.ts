// Reads what an error says of itself: google.rpc.ErrorInfo, RetryInfo and BadRequest, straight from their wire form
// (googleapis google/rpc/error_details.proto; the field numbers below are theirs).
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { Code, ConnectError } from "@connectrpc/connect";

export interface ErrorDetails {
  /** Stable, such as `KERNEL_BUSY`; empty if the error names none. */
  reason: string;
  /** Of ErrorInfo. */
  metadata: Record<string, string>;
  retryAfterMs: number | null;
  /** Fields of the request that are wrong, with why. */
  fields: { field: string; description: string }[];
}

type Fields = Map<number, (Uint8Array | bigint)[]>;

/** The length-delimited and varint fields of a message. */
function fieldsOf(bytes: Uint8Array): Fields {
  const reader = new BinaryReader(bytes);
  const fields: Fields = new Map();
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    const list = fields.get(number) ?? [];
    fields.set(number, list);
    if (type === WireType.LengthDelimited) list.push(reader.bytes());
    else if (type === WireType.Varint) list.push(BigInt(reader.int64()));
    else reader.skip(type, number);
  }
  return fields;
}

const decoder = new TextDecoder();

function text(fields: Fields, number: number): string {
  const value = fields.get(number)?.[0];
  return value instanceof Uint8Array ? decoder.decode(value) : "";
}

function messages(fields: Fields, number: number): Fields[] {
  return (fields.get(number) ?? []).filter((value) => value instanceof Uint8Array).map((value) => fieldsOf(value));
}

function int(fields: Fields | undefined, number: number): number {
  const value = fields?.get(number)?.[0];
  return typeof value === "bigint" ? Number(value) : 0;
}

/** What the error says of itself, as far as it can be read. */
export function detailsOf(error: unknown): ErrorDetails {
  const details: ErrorDetails = { reason: "", metadata: {}, retryAfterMs: null, fields: [] };
  for (const detail of ConnectError.from(error).details) {
    if (!("type" in detail) || !(detail.value instanceof Uint8Array)) continue;
    try {
      read(details, detail.type, fieldsOf(detail.value));
    } catch {
      // A detail that cannot be read is as good as none: code and text remain.
    }
  }
  return details;
}

/** Whether the login of this page is over, and not only a password that was typed wrong: both have the same code. */
export function saysLoginExpired(error: unknown): boolean {
  if (ConnectError.from(error).code !== Code.Unauthenticated) return false;
  // One without a reason comes from something between the page and the gateway.
  return ["", "UNAUTHENTICATED"].includes(detailsOf(error).reason);
}

function read(into: ErrorDetails, type: string, fields: Fields): void {
  if (type === "google.rpc.ErrorInfo") {
    into.reason = text(fields, 1);
    for (const entry of messages(fields, 3)) into.metadata[text(entry, 1)] = text(entry, 2);
  } else if (type === "google.rpc.RetryInfo") {
    const [delay] = messages(fields, 1);
    into.retryAfterMs = int(delay, 1) * 1000 + int(delay, 2) / 1e6;
  } else if (type === "google.rpc.BadRequest") {
    into.fields = messages(fields, 1).map((each) => ({ field: text(each, 1), description: text(each, 2) }));
  }
}

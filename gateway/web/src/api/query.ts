// The cache of answers, and how patiently it asks.
import type { DescService } from "@bufbuild/protobuf";
import { QueryClient } from "@tanstack/react-query";
import { detailsOf } from "./error-details";
import { isTransient } from "./errors";

const RETRIES_MAX = 3;

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      retry: (failures, error) => failures < RETRIES_MAX && isTransient(error),
      retryDelay: (attempt, error) => Math.min(10_000, detailsOf(error).retryAfterMs ?? 500 * 2 ** attempt),
    },
  },
});

/** What these services have said may be otherwise now. What others said stays, large outputs among it, which never change. */
export function changed(...services: DescService[]): Promise<void> {
  const names = services.map(({ typeName }) => typeName);
  const isTheirs = (about: unknown) => names.includes((about as { serviceName?: string } | undefined)?.serviceName ?? "");
  return queryClient.invalidateQueries({ predicate: ({ queryKey }) => isTheirs(queryKey[1]) });
}

/** A fresh `request_id`: the same call sent again with it is the same call. */
export function newRequestId(): string {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  // Pages on plain http beyond loopback have no randomUUID; this is version 4 of RFC 9562 from the same source.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

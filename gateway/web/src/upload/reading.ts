// How the file of an upload is to be read, as a person has chosen it: kept with the upload, whatever the page shows.
import { create } from "@bufbuild/protobuf";
import { isTransient } from "../api/errors";
import { newRequestId } from "../api/query";
import { ParseOptionsSchema, type ParseOptions } from "../gen/fenxi/analysis/v1/dataset_pb";
import type { UploadItem } from "./queue";

export interface Reading {
  options: ParseOptions;
  /** Of the dataset to be. */
  name: string;
  /** The dataset is being made. */
  busy: boolean;
  /** Why it could not be made, with these choices. */
  error: unknown;
  /** Of that call: anew with every change. */
  requestId: string;
}

/** Text formats can be read from a beginning of so many bytes. */
const PREVIEW_FROM_BYTES = 64 * 1024;
/** Rows that are shown of a whole file, and of its beginning: a preview of the one does not count as one of the other. */
const PREVIEW_ROWS = 50;
const BEGINNING_ROWS = 30;

export function newReading(fileName: string): Reading {
  return { options: create(ParseOptionsSchema), name: fileName.replace(/\.[^.]+$/, ""), busy: false, error: null, requestId: newRequestId() };
}

/** Another choice: what was wrong before says nothing of it. */
export function choose(reading: Reading, part: Partial<ParseOptions>): void {
  Object.assign(reading, { options: create(ParseOptionsSchema, { ...reading.options, ...part }), requestId: newRequestId(), error: null });
}

export function rename(reading: Reading, name: string): void {
  Object.assign(reading, { name, requestId: newRequestId() });
}

/** Rows of the preview that can be had now; 0 where none can. */
export function previewRows({ phase, name, sentBytes }: Pick<UploadItem, "phase" | "name" | "sentBytes">): number {
  if (phase === "received") return PREVIEW_ROWS;
  return /\.(csv|tsv|txt|jsonl|ndjson)$/i.test(name) && sentBytes >= PREVIEW_FROM_BYTES ? BEGINNING_ROWS : 0;
}

/** The item that is open: what the person chose until it is done, then the first that needs a look; null where they closed it. */
export function openOf(items: readonly Pick<UploadItem, "id" | "phase">[], chosen: number | "none" | null): number | null {
  if (chosen === "none") return null;
  const needsLook = items.filter(({ phase }) => phase !== "done");
  return (needsLook.find(({ id }) => id === chosen) ?? needsLook.find(({ phase }) => phase !== "failed"))?.id ?? null;
}

/** Whether a dataset may be made: not of what cannot be read so; that it could not be looked at just now is no reason. */
export function mayMake({ phase }: Pick<UploadItem, "phase">, previewError: unknown): boolean {
  return phase === "received" && (previewError === null || isTransient(previewError));
}

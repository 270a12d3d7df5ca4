// Makes a dataset of an upload, read as its person has chosen.
import { newRequestId } from "../api/query";
import { datasets } from "../api/transport";
import type { Dataset } from "../gen/fenxi/analysis/v1/dataset_pb";
import { uploads, type UploadItem } from "./queue";

/** Gives the dataset, or null where there is none yet; why is in the item's reading. */
export async function makeDataset(item: UploadItem): Promise<Dataset | null> {
  const { reading } = item;
  if (reading.busy) return null;
  const { options, name, requestId } = reading;
  Object.assign(reading, { busy: true, error: null });
  uploads.notifier.flush();
  let made: Dataset | null = null;
  try {
    const { dataset } = await datasets.completeUpload({ uploadId: item.uploadId ?? "", options, name: name.trim(), requestId });
    made = dataset ?? null;
  } catch (error) {
    Object.assign(reading, { error, requestId: newRequestId() });
  }
  reading.busy = false;
  if (made) uploads.done(item, made);
  else uploads.notifier.flush();
  return made;
}

/** Makes datasets of all files that are there, one after the other, each read as it was chosen or detected. */
export async function makeAll(): Promise<void> {
  for (const item of uploads.received) await makeDataset(item);
}

// A file of a kernel as a Blob, read as a stream: the browser puts large ones on disk, so that they cost no memory.

/** Bytes that are held before the browser may put them away. */
const HELD_MAX_BYTES = 32 * 1024 * 1024;

/** The file became another one while it was read: what came is neither the old nor the new. */
export class FileCut extends Error {}

export interface FilePiece {
  /** Of the whole, where it is told: in the first piece. */
  sizeBytes?: bigint;
  data: Uint8Array;
}

/** The path of something in a folder; "" is the kernel's own. */
export function within(folder: string, name: string): string {
  return folder === "" ? name : `${folder}/${name}`;
}

/** Gathers the pieces of a file; tells how far it is after each. */
export async function gather(pieces: AsyncIterable<FilePiece>, onBytes: (bytes: number) => void): Promise<Blob> {
  let whole = new Blob();
  let held: BlobPart[] = [];
  let [size, bytes, heldBytes] = [0, 0, 0];
  for await (const { sizeBytes, data } of pieces) {
    size = Math.max(size, Number(sizeBytes ?? 0));
    held.push(data as Uint8Array<ArrayBuffer>);
    heldBytes += data.length;
    bytes += data.length;
    if (heldBytes >= HELD_MAX_BYTES) {
      whole = new Blob([whole, ...held]);
      [held, heldBytes] = [[], 0];
    }
    onBytes(bytes);
  }
  if (bytes < size) throw new FileCut();
  return new Blob([whole, ...held]);
}

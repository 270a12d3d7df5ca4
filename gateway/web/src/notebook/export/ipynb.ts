// A notebook as a Jupyter file (nbformat 4.5, https://nbformat.readthedocs.io/en/latest/format_description.html), made from
// what the page holds; contents that only the service has are fetched, as far as there is room for them.
import type { ExportedCell } from "./collect";
import { Room, outputsOf, type NbOutput, type ReadPart } from "./outputs";
import { linesOf } from "./text";

/** What all outputs of a file may take: it is made in the memory of a tab. */
export const OUTPUTS_MAX_BYTES = 64 * 1024 * 1024;

export interface FileKernel {
  /** Its kind, as the service and Jupyter call it. */
  name: string;
  displayName: string;
  /** In lower case; empty where it is not known. */
  language: string;
}

interface NbCell {
  cell_type: "code";
  execution_count: number | null;
  id: string;
  metadata: object;
  outputs: NbOutput[];
  source: string[];
}

/** The text of the file, and of how many outputs it lacks forms that it has no room for or that are gone. */
export async function ipynbOf(cells: ExportedCell[], kernel: FileKernel, read: ReadPart, maxBytes = OUTPUTS_MAX_BYTES) {
  const room = new Room(maxBytes);
  const made: NbCell[] = [];
  for (const { id, code, executionId, model } of cells) {
    const outputs = model && executionId ? await outputsOf(model, executionId, room, read) : [];
    made.push({ cell_type: "code", execution_count: model?.executionCount || null, id, metadata: {}, outputs, source: linesOf(code) });
  }
  const language = kernel.language || "text";
  const metadata = {
    kernelspec: { display_name: kernel.displayName, language, name: kernel.name },
    language_info: { name: language },
  };
  const text = `${JSON.stringify({ cells: made, metadata, nbformat: 4, nbformat_minor: 5 }, null, 1)}\n`;
  return { text, leftOut: room.leftOut };
}

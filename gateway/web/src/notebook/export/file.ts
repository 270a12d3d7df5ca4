// A notebook as a file to be saved, in one of two formats.
import { contentOf } from "../../output/content";
import type { NotebookSession } from "../session";
import { collect } from "./collect";
import { fileName, type Format } from "./file-name";
import { ipynbOf, type FileKernel } from "./ipynb";
import { scriptOf } from "./script";

export interface Exported {
  name: string;
  blob: Blob;
  /** Outputs that lack something for want of room, or because it is gone. */
  leftOut: number;
  /** Cells of whose output there may be more. */
  incomplete: number;
}

const TYPES: Record<Format, string> = { ipynb: "application/x-ipynb+json", py: "text/x-python" };

export async function exportNotebook(session: NotebookSession, format: Format, kernel: FileKernel): Promise<Exported> {
  const name = fileName(session.kernel?.displayName ?? "", format);
  const blob = (text: string) => new Blob([text], { type: TYPES[format] });
  if (format === "py") {
    const cells = session.document.cells.filter(({ code }) => code.trim() !== "");
    return { name, blob: blob(scriptOf(cells)), leftOut: 0, incomplete: 0 };
  }
  const { cells, incomplete } = await collect(session.document.cells, (id) => session.feedOf(id));
  const { text, leftOut } = await ipynbOf(cells, kernel, contentOf);
  return { name, blob: blob(text), leftOut, incomplete };
}

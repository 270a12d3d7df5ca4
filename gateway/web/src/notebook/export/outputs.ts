// What an execution said, as outputs of a Jupyter file. Notices of the service are no output of the code and stay out.
import { isNotFound } from "../../api/errors";
import type { OutputItem, OutputModel } from "../../execution/model";
import type { MimeBundle, MimePart } from "../../gen/fenxi/analysis/v1/output_pb";
import { bytes } from "../../i18n/format";
import { translate } from "../../i18n/i18n";
import { sizeOf } from "../../output/choose";
import type { Content } from "../../output/content";
import { leftOutText } from "../../output/left-out";
import { base64Of, linesOf, terminalText } from "./text";

export type NbOutput =
  | { output_type: "stream"; name: "stdout" | "stderr"; text: string[] }
  | { output_type: "display_data"; data: Record<string, unknown>; metadata: object }
  | { output_type: "execute_result"; data: Record<string, unknown>; metadata: object; execution_count: number }
  | { output_type: "error"; ename: string; evalue: string; traceback: string[] };

/** Gives the content of a form. */
export type ReadPart = (executionId: string, part: MimePart) => Promise<Content>;

/** Forms whose content is JSON itself, by the schema of the format. */
const JSON_TYPE = /^application\/(.*\+)?json$/;
const PASSWORD_SHOWN = "········";

/** How much more a file may hold. */
export class Room {
  /** Outputs that lack something. */
  leftOut = 0;

  constructor(private left: number) {}

  take(size: number): boolean {
    if (size > this.left) return false;
    this.left -= size;
    return true;
  }
}

export async function outputsOf(model: OutputModel, executionId: string, room: Room, read: ReadPart): Promise<NbOutput[]> {
  const outputs: NbOutput[] = [];
  // It may still grow while contents are fetched.
  const items = model.items.slice();
  for (const item of items) {
    const output = item.kind === "rich" ? await rich(item, executionId, room, read) : plain(item, room);
    if (output) outputs.push(output);
  }
  return outputs;
}

function stream(name: "stdout" | "stderr", text: string): NbOutput {
  return { output_type: "stream", name, text: linesOf(text) };
}

/** What stands in the place of something that is not in the file. */
function absence(room: Room, what: string, size: number): string {
  room.leftOut++;
  return translate("notebook.exportAbsent", { what, size: bytes(size) });
}

function plain(item: Exclude<OutputItem, { kind: "rich" }>, room: Room): NbOutput | null {
  switch (item.kind) {
    case "stream": {
      const text = terminalText(item.log);
      return room.take(text.length) ? stream(item.name, text) : stream("stderr", `${absence(room, item.name, text.length)}\n`);
    }
    case "error": {
      const { name: ename, value: evalue, traceback } = item;
      const size = traceback.reduce((sum, line) => sum + line.length, evalue.length);
      if (room.take(size)) return { output_type: "error", ename, evalue, traceback };
      return { output_type: "error", ename, evalue: absence(room, ename, size), traceback: [] };
    }
    case "input":
      // As Jupyter's pages keep it.
      return stream("stdout", `${item.prompt}${item.reply === null ? "" : item.password ? PASSWORD_SHOWN : item.reply}\n`);
    case "truncated":
      return stream("stderr", `${leftOutText(item)}\n`);
    case "notice":
      return null;
  }
}

async function rich(item: Extract<OutputItem, { kind: "rich" }>, executionId: string, room: Room, read: ReadPart): Promise<NbOutput> {
  const { bundle, executionCount } = item;
  const data: Record<string, unknown> = {};
  const absent: MimePart[] = [];
  for (const part of bundle.parts) {
    const value = room.take(sizeOf(part)) ? await valueOf(executionId, part, read) : undefined;
    if (value === undefined) absent.push(part);
    else data[part.mimeType] = value;
  }
  const [first] = absent;
  if (first) {
    const note = absence(room, absent.map((part) => part.mimeType).join(", "), absent.reduce((sum, part) => sum + sizeOf(part), 0));
    if (Object.keys(data).length === 0) data["text/plain"] = note;
  }
  const metadata = metadataOf(bundle);
  if (executionCount === 0) return { output_type: "display_data", data, metadata };
  return { output_type: "execute_result", data, metadata, execution_count: executionCount };
}

/** A form's content as it stands in the file; undefined where the service has it no more. */
async function valueOf(executionId: string, part: MimePart, read: ReadPart): Promise<unknown> {
  let content: Content;
  try {
    content = await read(executionId, part);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
  const text = content.text ?? textIn(part, content.bytes);
  if (text === null) return base64Of(content.bytes ?? new Uint8Array());
  if (!JSON_TYPE.test(part.mimeType)) return linesOf(text);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** Of contents that were fetched their beginning is said in words where they are text. */
function textIn({ content }: MimePart, found: Uint8Array | null): string | null {
  if (content.case !== "reference" || content.value.head === "" || !found) return null;
  return new TextDecoder().decode(found);
}

function metadataOf({ metadataJson }: MimeBundle): object {
  try {
    const metadata: unknown = JSON.parse(metadataJson || "{}");
    return typeof metadata === "object" && metadata !== null && !Array.isArray(metadata) ? metadata : {};
  } catch {
    return {};
  }
}

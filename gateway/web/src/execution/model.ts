// What an execution has said, built from its numbered events. Pure: knows no network and no page.
import {
  NoticeKind,
  StreamName,
  type FinishedEvent,
  type MimeBundle,
  type OutputEvent,
} from "../gen/fenxi/analysis/v1/output_pb";
import { TerminalLog } from "./terminal";

export type OutputItem = { id: number; version: number } & (
  | { kind: "stream"; name: "stdout" | "stderr"; log: TerminalLog }
  | { kind: "rich"; bundle: MimeBundle; displayId: string; executionCount: number; saidAtNs: bigint }
  | { kind: "error"; name: string; value: string; traceback: string[] }
  | { kind: "notice"; notice: NoticeKind; text: string }
  | { kind: "truncated"; keptBytes: bigint; droppedBytes: bigint; limitBytes: bigint }
  | { kind: "input"; inputId: string; prompt: string; password: boolean; reply: string | null }
);

export type Truncated = Extract<OutputItem, { kind: "truncated" }>;
export type Phase = "unknown" | "queued" | "running" | "finished";

type Unnumbered<T> = T extends unknown ? Omit<T, "id" | "version"> : never;

/** Blocks of a terminal log, or outputs, from which an execution's output counts as long. */
const LONG_BLOCKS = 8;
const LONG_ITEMS = 50;

export class OutputModel {
  /** Grows in place; who draws it is told by the feed. */
  items: OutputItem[] = [];
  phase: Phase = "unknown";
  lastSequence = 0n;
  queuePosition = 0;
  executionCount = 0;
  startedAtMs: number | null = null;
  finished: FinishedEvent | null = null;
  /** When the service heard the newest event, in Unix nanoseconds; what came later in one execution is never older. */
  saidAtNs = 0n;
  private clearPending = false;
  private nextId = 0;

  /**
   * Takes the next event. Events already known are ignored; gives false where a number was skipped, and then takes
   * nothing: the caller has to ask again from `lastSequence`.
   */
  apply(event: OutputEvent): boolean {
    if (event.sequence <= this.lastSequence) return true;
    if (event.sequence !== this.lastSequence + 1n) return false;
    this.lastSequence = event.sequence;
    this.take(event);
    return true;
  }

  /** New content for displays of this name, said at `saidAtNs`; gives whether there were any with older content. */
  updateDisplay(displayId: string, bundle: MimeBundle, saidAtNs: bigint): boolean {
    let found = false;
    for (const item of this.items) {
      if (item.kind !== "rich" || item.displayId !== displayId || displayId === "" || item.saidAtNs > saidAtNs) continue;
      item.bundle = bundle;
      item.saidAtNs = saidAtNs;
      item.version++;
      found = true;
    }
    return found;
  }

  /** Whether the output is so long that drawing it at every frame would keep the page busy. */
  get isLong(): boolean {
    return this.items.length > LONG_ITEMS || this.items.some((item) => item.kind === "stream" && item.log.blocks.length > LONG_BLOCKS);
  }

  /** The input that is waited for, if one is. */
  get openInput(): Extract<OutputItem, { kind: "input" }> | null {
    if (this.phase === "finished") return null;
    const item = this.items.findLast((each) => each.kind === "input");
    return item?.kind === "input" && item.reply === null ? item : null;
  }

  private take(message: OutputEvent): void {
    const { event, time } = message;
    const saidAtNs = time ? time.seconds * 1_000_000_000n + BigInt(time.nanos) : 0n;
    if (saidAtNs > this.saidAtNs) this.saidAtNs = saidAtNs;
    switch (event.case) {
      case "queued":
        this.phase = "queued";
        this.queuePosition = event.value.position;
        break;
      case "started":
        this.phase = "running";
        this.executionCount = event.value.executionCount;
        this.startedAtMs = time ? Number(saidAtNs) / 1e6 : null;
        break;
      case "stream":
        this.stream(event.value.name === StreamName.STDERR ? "stderr" : "stdout", event.value.text);
        break;
      case "display":
        if (event.value.bundle) this.rich(event.value.bundle, event.value.displayId, 0);
        break;
      case "result":
        if (event.value.bundle) this.rich(event.value.bundle, event.value.displayId, event.value.executionCount);
        break;
      case "updateDisplay":
        if (event.value.bundle) this.updateDisplay(event.value.displayId, event.value.bundle, this.saidAtNs);
        break;
      case "error":
        this.show({
          kind: "error",
          name: event.value.name,
          value: event.value.value,
          traceback: event.value.traceback,
        });
        break;
      case "clearOutput":
        if (event.value.wait) this.clearPending = true;
        else this.clear();
        break;
      case "inputRequest":
        this.push({ kind: "input", ...pick(event.value), reply: null });
        break;
      case "inputReply":
        this.reply(event.value.inputId, event.value.value);
        break;
      case "notice":
        this.push({ kind: "notice", notice: event.value.kind, text: event.value.text });
        break;
      case "truncated": {
        const { keptBytes, droppedBytes, limitBytes } = event.value;
        this.push({ kind: "truncated", keptBytes, droppedBytes, limitBytes });
        break;
      }
      case "finished":
        this.phase = "finished";
        this.finished = event.value;
        break;
      default:
        break;
    }
  }

  private stream(name: "stdout" | "stderr", text: string): void {
    this.settleClear();
    let item = this.items.at(-1);
    if (item?.kind !== "stream" || item.name !== name) {
      item = this.push({ kind: "stream", name, log: new TerminalLog() });
    }
    if (item.kind === "stream") item.log.write(text);
    item.version++;
  }

  private rich(bundle: MimeBundle, displayId: string, executionCount: number): void {
    this.show({ kind: "rich", bundle, displayId, executionCount, saidAtNs: this.saidAtNs });
  }

  private reply(inputId: string, value: string): void {
    const item = this.items.find((each) => each.kind === "input" && each.inputId === inputId);
    if (item?.kind !== "input") return;
    item.reply = value;
    item.version++;
  }

  private show(item: Unnumbered<OutputItem>): void {
    this.settleClear();
    this.push(item);
  }

  private push(item: Unnumbered<OutputItem>): OutputItem {
    const numbered = { ...item, id: this.nextId++, version: 0 } as OutputItem;
    // In place: a run may show thousands, and a new list for each would take the square of that.
    this.items.push(numbered);
    return numbered;
  }

  private settleClear(): void {
    if (this.clearPending) this.clear();
  }

  private clear(): void {
    this.clearPending = false;
    this.items = [];
  }
}

function pick(value: { inputId: string; prompt: string; password: boolean }) {
  return { inputId: value.inputId, prompt: value.prompt, password: value.password };
}

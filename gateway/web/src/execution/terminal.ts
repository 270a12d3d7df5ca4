// A terminal's memory of printed text: what `\r`, `\b`, cursor moves and erases leave on the screen, across chunks.
// Lines that can no longer change move into blocks that are drawn once; only the last few stay open.
import { applySgr, type StyleKey } from "./sgr";

export interface Segment {
  text: string;
  style: StyleKey;
}

export type Line = Segment[];

/** Finished lines. `full` blocks never change again. */
export interface Block {
  id: number;
  lines: Line[];
  full: boolean;
}

/** Lines a block holds. */
export const BLOCK_LINES = 250;
/** Lines that a cursor may still go back to. */
export const OPEN_LINES = 60;
/** Characters kept of an escape sequence that has not ended. */
const ESCAPE_PENDING_MAX_CHARS = 512;
/** Of a title or a link, which may hold a long address. */
const OSC_PENDING_MAX_CHARS = 16 * 1024;
/** Blanks that a cursor far behind the end of a line leaves at most; what it writes then stands there. */
const PAD_MAX_CHARS = 1000;

// eslint-disable-next-line no-control-regex
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/g;
// eslint-disable-next-line no-control-regex
const CSI = /^\x1b\[([0-9;:?]*)[ -/]*([@-~])/;
// eslint-disable-next-line no-control-regex
const OSC = /^\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)/;
// Character sets and the like: what `tput sgr0` sends too.
// eslint-disable-next-line no-control-regex
const NF = /^\x1b[ -/]+[0-~]/;

/** Characters of a text as a person counts them: a surrogate pair is one. */
function countOf(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length - 1; i++) {
    if (text.codePointAt(i) as number > 0xffff) {
      count--;
      i++;
    }
  }
  return count;
}

export class TerminalLog {
  readonly blocks: Block[] = [];
  /** The lines that may still change, the last of all. */
  open: Line[] = [[]];
  private lengths: number[] = [0];
  private row = 0;
  private col = 0;
  private style: StyleKey = "";
  private pending = "";
  private nextBlockId = 0;

  /** Finished lines and open ones, an empty last line left out. */
  get lineCount(): number {
    const finished = this.blocks.reduce((sum, block) => sum + block.lines.length, 0);
    return finished + this.open.length - (this.open.at(-1)?.length === 0 ? 1 : 0);
  }

  /** The text as it stands, without styles. */
  plainText(): string {
    const lines = [...this.blocks.flatMap((block) => block.lines), ...this.open];
    return lines.map((line) => line.map((segment) => segment.text).join("")).join("\n");
  }

  write(chunk: string): void {
    const text = this.pending + chunk;
    this.pending = "";
    let at = 0;
    CONTROL.lastIndex = 0;
    while (at < text.length) {
      CONTROL.lastIndex = at;
      const control = CONTROL.exec(text);
      const end = control ? control.index : text.length;
      if (end > at) this.put(text.slice(at, end));
      if (!control) return;
      if (text[end] === "\x1b") {
        const taken = this.escape(text, end);
        if (taken === 0) return;
        at = end + taken;
      } else {
        this.control(text[end] as string);
        at = end + 1;
      }
    }
  }

  private control(char: string): void {
    if (char === "\n") this.newline();
    else if (char === "\r") this.col = 0;
    else if (char === "\b") this.col = Math.max(0, this.col - 1);
  }

  private newline(): void {
    this.row++;
    this.col = 0;
    if (this.row < this.open.length) return;
    this.open.push([]);
    this.lengths.push(0);
    if (this.open.length > OPEN_LINES) {
      this.finish(this.open.shift() as Line);
      this.lengths.shift();
      this.row--;
    }
  }

  private finish(line: Line): void {
    let block = this.blocks.at(-1);
    if (!block || block.full) {
      block = { id: this.nextBlockId++, lines: [], full: false };
      this.blocks.push(block);
    }
    block.lines.push(line);
    block.full = block.lines.length >= BLOCK_LINES;
  }

  /** Handles the escape at `at`; gives its length, or 0 where it has not ended yet and waits for the next chunk. */
  private escape(text: string, at: number): number {
    const isOsc = text[at + 1] === "]";
    const maxChars = isOsc ? OSC_PENDING_MAX_CHARS : ESCAPE_PENDING_MAX_CHARS;
    const rest = text.slice(at, at + maxChars);
    const csi = CSI.exec(rest);
    if (csi) {
      this.csi(csi[1] ?? "", csi[2] ?? "");
      return csi[0].length;
    }
    const whole = (isOsc ? OSC : NF).exec(rest);
    if (whole) return whole[0].length;
    const unfinished = rest.length === 1 || /^.[[\] -/]/s.test(rest);
    if (unfinished && rest.length < maxChars && at + rest.length === text.length) {
      this.pending = rest;
      return 0;
    }
    return unfinished ? 1 : 2;
  }

  private csi(parameters: string, final: string): void {
    const count = Math.max(1, Number.parseInt(parameters, 10) || 1);
    if (final === "m") this.style = applySgr(this.style, parameters);
    else if (final === "K") this.eraseInLine(Number.parseInt(parameters, 10) || 0);
    else if (final === "J") this.eraseBelow(Number.parseInt(parameters, 10) || 0);
    else if (final === "A") this.row = Math.max(0, this.row - count);
    else if (final === "B") this.row = Math.min(this.open.length - 1, this.row + count);
    else if (final === "C") this.col += count;
    else if (final === "D") this.col = Math.max(0, this.col - count);
    else if (final === "G") this.col = count - 1;
  }

  private put(text: string): void {
    const line = this.open[this.row] as Line;
    const length = this.lengths[this.row] as number;
    const count = countOf(text);
    // The cursor may stand anywhere; the line has only as many characters as are counted.
    this.col = Math.min(this.col, length + PAD_MAX_CHARS);
    if (this.col >= length) {
      if (this.col > length) append(line, " ".repeat(this.col - length), "");
      append(line, text, this.style);
      this.col = this.col + count;
      this.lengths[this.row] = this.col;
      return;
    }
    // Only what is written over is touched: progress may be drawn at the beginning of a line of megabytes.
    const [before, rest] = cut(line, this.col);
    this.replace(joined(before, [{ text, style: this.style }], cut(rest, count)[1]), Math.max(length, this.col + count));
    this.col += count;
  }

  private eraseInLine(mode: number): void {
    const line = this.open[this.row] as Line;
    const length = this.lengths[this.row] as number;
    if (mode === 0) this.replace(cut(line, this.col)[0], Math.min(length, this.col));
    else if (mode === 2) this.replace([], 0);
    else {
      const erased = Math.min(length, this.col + 1);
      this.replace(joined([{ text: " ".repeat(erased), style: "" }], cut(line, erased)[1]), length);
    }
  }

  private eraseBelow(mode: number): void {
    if (mode >= 2) {
      this.open = [[]];
      this.lengths = [0];
      this.row = 0;
      this.col = 0;
      this.blocks.length = 0;
      return;
    }
    if (mode !== 0) return;
    this.eraseInLine(0);
    this.open.length = this.row + 1;
    this.lengths.length = this.row + 1;
  }

  private replace(line: Line, length: number): void {
    this.open[this.row] = line;
    this.lengths[this.row] = length;
  }
}

function append(line: Line, text: string, style: StyleKey): void {
  if (text === "") return;
  const last = line.at(-1);
  if (last && last.style === style) last.text += text;
  else line.push({ text, style });
}

/** One line of several parts, whose segments are left as they are. */
function joined(...parts: Line[]): Line {
  const line: Line = [];
  for (const part of parts) for (const { text, style } of part) append(line, text, style);
  return line;
}

/** A line's first `count` characters and the rest. */
function cut(line: Line, count: number): [Line, Line] {
  let left = count;
  for (const [index, { text, style }] of line.entries()) {
    let at = 0;
    for (; left > 0 && at < text.length; left--) at += (text.codePointAt(at) as number) > 0xffff ? 2 : 1;
    if (at === text.length) continue;
    const [before, after] = [line.slice(0, index), line.slice(index + 1)];
    if (at > 0) before.push({ text: text.slice(0, at), style });
    return [before, [{ text: text.slice(at), style }, ...after]];
  }
  return [line, []];
}

// Colours of terminal text: turns SGR parameters (ECMA-48, `\x1b[…m`) into a style key, and a key into what React draws.
import { coloursOf, type Colours } from "./ansi-colours";

/** A style as a canonical text, `fg|bg|flags`; empty for plain text. Texts compare and share better than objects. */
export type StyleKey = string;

interface Sgr {
  fg: string;
  bg: string;
  flags: string;
}

const FLAG_OF: Record<number, string> = { 1: "b", 2: "d", 3: "i", 4: "u", 7: "r", 9: "s" };
const OFF_OF: Record<number, string> = { 22: "bd", 23: "i", 24: "u", 27: "r", 29: "s" };

function parse(key: StyleKey): Sgr {
  const [fg = "", bg = "", flags = ""] = key.split("|");
  return { fg, bg, flags };
}

function format({ fg, bg, flags }: Sgr): StyleKey {
  return fg || bg || flags ? `${fg}|${bg}|${flags}` : "";
}

/** The colour after `38` or `48`: `5;n` or `2;r;g;b`; gives the colour and how many parameters it took. */
function extended(params: number[], at: number): [string, number] {
  if (params[at] === 5) return [colour256(params[at + 1] ?? 0), 2];
  if (params[at] === 2) {
    const part = (n: number) => Math.min(255, Math.max(0, params[at + n] ?? 0));
    return [`rgb(${part(1)},${part(2)},${part(3)})`, 4];
  }
  return ["", 1];
}

function colour256(n: number): string {
  if (n < 16) return String(n);
  if (n >= 232) {
    const grey = 8 + 10 * (Math.min(n, 255) - 232);
    return `rgb(${grey},${grey},${grey})`;
  }
  const level = (value: number) => (value === 0 ? 0 : 55 + 40 * value);
  const cube = n - 16;
  return `rgb(${level(Math.floor(cube / 36))},${level(Math.floor(cube / 6) % 6)},${level(cube % 6)})`;
}

/** Applies the parameters of one `\x1b[…m` to a style. */
export function applySgr(key: StyleKey, parameters: string): StyleKey {
  const groups = parameters.split(";");
  const params = groups.map((group) => Number(group) || 0);
  const style = parse(key);
  for (let i = 0; i < groups.length; i++) {
    const group = groups[i] as string;
    const n = params[i] as number;
    // What is joined by colons is one parameter, with all that belongs to it.
    if (group.includes(":")) applyGroup(style, group.split(":"));
    else if (n === 38 || n === 48 || n === 58) {
      const [colour, taken] = extended(params, i + 1);
      paint(style, n, colour);
      i += taken;
    } else applyOne(style, n);
  }
  return format(style);
}

function applyOne(style: Sgr, n: number): void {
  if (n === 0) Object.assign(style, { fg: "", bg: "", flags: "" });
  else if (FLAG_OF[n]) {
    if (!style.flags.includes(FLAG_OF[n])) style.flags = [...style.flags, FLAG_OF[n]].toSorted().join("");
  } else if (OFF_OF[n]) {
    const off = OFF_OF[n];
    style.flags = [...style.flags].filter((flag) => !off.includes(flag)).join("");
  } else if (n >= 30 && n <= 37) style.fg = String(n - 30);
  else if (n >= 90 && n <= 97) style.fg = String(n - 82);
  else if (n >= 40 && n <= 47) style.bg = String(n - 40);
  else if (n >= 100 && n <= 107) style.bg = String(n - 92);
  else if (n === 39) style.fg = "";
  else if (n === 49) style.bg = "";
}

/** `4:3` (a kind of underline), `38:5:n`, `38:2:r:g:b`, and `38:2:space:r:g:b` with a colour space that is mostly empty. */
function applyGroup(style: Sgr, parts: string[]): void {
  const [n = 0, kind = 0, ...rest] = parts.map((part) => Number(part) || 0);
  if (n === 4) applyOne(style, kind === 0 ? 24 : 4);
  else if (kind === 5) paint(style, n, extended([5, ...rest], 0)[0]);
  else if (kind === 2) paint(style, n, extended([2, ...(rest.length > 3 ? rest.slice(1) : rest)], 0)[0]);
}

/** Of the colour of underlines (58) nothing is drawn. */
function paint(style: Sgr, n: number, colour: string): void {
  if (n === 38) style.fg = colour;
  else if (n === 48) style.bg = colour;
}

/** The escape sequence that sets a style, whatever was set before. */
export function escapeOf(key: StyleKey): string {
  const { fg, bg, flags } = parse(key);
  const codes = Object.entries(FLAG_OF).flatMap(([code, flag]) => (flags.includes(flag) ? code : []));
  return `\x1b[${["0", ...codes, ...colourCode(fg, 30), ...colourCode(bg, 40)].join(";")}m`;
}

/** A colour as parameters, of text (30) or of what is behind it (40). */
function colourCode(colour: string, base: number): string[] {
  if (colour === "") return [];
  const number = Number(colour);
  if (Number.isNaN(number)) return [`${base + 8};2;${(colour.match(/\d+/g) ?? []).join(";")}`];
  return [String(number < 8 ? base + number : base + 52 + number)];
}

/** What a style looks like: class names for its flags, inline colours. */
export function styleOf(key: StyleKey): { className: string; style: Colours } {
  const { fg, bg, flags } = parse(key);
  return { className: [...flags].map((flag) => `ansi-${flag}`).join(" "), style: coloursOf(fg, bg) };
}

// The colours of terminal text on the page's light and on its dark ground. Programs choose a text and a ground to go
// together; where ours do not, the text is black or white.

/** On the light page, on the dark one. */
type Pair = readonly [light: string, dark: string];

const TEXT: readonly Pair[] = [
  ["#1f2329", "#6f7782"], ["#c02724", "#ff7b74"], ["#137a3f", "#62cc86"], ["#8c5d00", "#e0b04c"],
  ["#1d52d8", "#7ea6ff"], ["#96309f", "#da8ee0"], ["#0b7180", "#5cc9d6"], ["#646a73", "#d5d9e0"],
  ["#767d88", "#8b939f"], ["#d8342f", "#ff958f"], ["#1a8f4c", "#7fdba0"], ["#a06b00", "#f0c66b"],
  ["#2f6bff", "#9dbcff"], ["#ad3fb5", "#e8aaec"], ["#0e8595", "#80dde8"], ["#3d434b", "#ffffff"],
];
const GROUND: readonly Pair[] = [
  ["#2a2e34", "#2a2e34"], ["#ffd5d2", "#6b2320"], ["#cdf0d9", "#1f4d30"], ["#ffe9bd", "#54400f"],
  ["#d6e2ff", "#23376b"], ["#f4d9f6", "#52255a"], ["#cdeff3", "#14464d"], ["#e4e6eb", "#3a3f47"],
  ["#cfd3da", "#4b525c"], ["#ffb3ae", "#8a2f2b"], ["#a8e5bd", "#296a41"], ["#ffdb8f", "#75591a"],
  ["#b3caff", "#2f4c94"], ["#ecbdf0", "#70337b"], ["#a4e3ea", "#1c616b"], ["#f5f6f8", "#6f7782"],
];
const BLACK = "#000000";
const WHITE = "#ffffff";
/** Of text and ground, as WCAG 2 counts it: below this a pair is not read but guessed. */
const CONTRAST_MIN = 3;

export interface Colours {
  color?: string;
  backgroundColor?: string;
}

/** How a text and a ground look: each a number of the 16, an `rgb(r,g,b)`, or empty for the page's own. */
export function coloursOf(text: string, ground: string): Colours {
  if (ground === "") return text === "" ? {} : { color: alone(text) };
  const grounds = pair(GROUND, ground);
  const texts = text === "" ? null : pair(TEXT, text);
  const shown = grounds.map((each, theme) => legible(texts?.[theme], each)) as [string, string];
  return { color: themed(shown), backgroundColor: themed(grounds) };
}

/** Colours of programs are chosen for a white or a black ground, mostly white: on ours they are made to be read. */
function alone(text: string): string {
  return text.startsWith("rgb") ? `light-dark(${text}, color-mix(in oklab, ${text} 55%, white))` : themed(pair(TEXT, text));
}

function pair(palette: readonly Pair[], colour: string): Pair {
  return palette[Number(colour)] ?? [colour, colour];
}

function themed([light, dark]: Pair): string {
  return light === dark ? light : `light-dark(${light}, ${dark})`;
}

function legible(text: string | undefined, ground: string): string {
  if (text !== undefined && contrast(text, ground) >= CONTRAST_MIN) return text;
  return contrast(BLACK, ground) >= contrast(WHITE, ground) ? BLACK : WHITE;
}

/** From 1 (the same) to 21 (black on white). */
export function contrast(one: string, other: string): number {
  const [dark, light] = [luminance(one), luminance(other)].toSorted((a, b) => a - b) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

/** Relative luminance of sRGB, WCAG 2. */
function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = channels(colour).map((channel) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function channels(colour: string): number[] {
  if (colour.startsWith("#")) return [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
  return [...colour.matchAll(/\d+/g)].map(([digits]) => Number(digits));
}

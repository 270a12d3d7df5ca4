import { expect, test } from "vitest";
import { coloursOf, contrast, type Colours } from "./ansi-colours";

/** What is seen on the light page (0) and on the dark one (1). */
function seen({ color = "", backgroundColor = "" }: Colours, theme: 0 | 1): [string, string] {
  const one = (colour: string) => /^light-dark\((#\w+), (#\w+)\)$/.exec(colour)?.[theme + 1] ?? colour;
  return [one(color), one(backgroundColor)];
}

test("text on every ground of the sixteen can be read, in both themes", () => {
  const numbers = Array.from({ length: 16 }, (_, n) => String(n));
  for (const ground of numbers) {
    for (const text of ["", ...numbers]) {
      for (const theme of [0, 1] as const) {
        const [colour, under] = seen(coloursOf(text, ground), theme);
        expect(contrast(colour, under), `${text} on ${ground}`).toBeGreaterThanOrEqual(3);
      }
    }
  }
});

test("a ground of the program's own has black or white text, unless it has a text that goes with it", () => {
  expect(coloursOf("", "rgb(255,255,0)")).toEqual({ color: "#000000", backgroundColor: "rgb(255,255,0)" });
  expect(coloursOf("", "rgb(0,0,95)").color).toBe("#ffffff");
  expect(coloursOf("rgb(0,95,0)", "rgb(255,255,255)").color).toBe("rgb(0,95,0)");
  expect(coloursOf("rgb(250,250,250)", "rgb(255,255,255)").color).toBe("#000000");
});

test("text without a ground stands on the page", () => {
  expect(coloursOf("", "")).toEqual({});
  expect(coloursOf("1", "")).toEqual({ color: "light-dark(#c02724, #ff7b74)" });
  expect(coloursOf("rgb(1,2,3)", "").color).toContain("color-mix");
});

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { copyText } from "./copy";

const told = vi.hoisted(() => [] as string[]);
vi.mock("./toast", () => ({ toast: (text: string) => told.push(text) }));
vi.mock("../i18n/i18n", () => ({ translate: (key: string) => key }));

const shown = {} as Element;
let selected: unknown[];

beforeEach(() => {
  selected = [];
  told.length = 0;
  vi.stubGlobal("window", { getSelection: () => ({ selectAllChildren: (element: unknown) => selected.push(element) }) });
});

afterEach(() => vi.unstubAllGlobals());

test("text is copied where the browser does it", async () => {
  const written: string[] = [];
  vi.stubGlobal("navigator", { clipboard: { writeText: async (text: string) => void written.push(text) } });
  await copyText("secret", shown);
  expect([written, selected, told]).toEqual([["secret"], [], ["common.copied"]]);
});

test("without a clipboard, or where it is refused, the text is selected and the person told", async () => {
  vi.stubGlobal("navigator", {});
  await copyText("secret", shown);
  vi.stubGlobal("navigator", { clipboard: { writeText: async () => Promise.reject(new Error("not allowed")) } });
  await copyText("secret", shown);
  expect([selected, told]).toEqual([[shown, shown], ["common.copyByHand", "common.copyByHand"]]);
});

import { EditorState } from "@codemirror/state";
import type { EditorView } from "@codemirror/view";
import { CompletionContext } from "@codemirror/autocomplete";
import { python } from "@codemirror/lang-python";
import { expect, test, vi } from "vitest";
import { kernelSource, toCodePoints, toUnits, type KernelCompletions } from "./completion";

test("places are counted as the contract counts them", () => {
  const text = "名 = '😀'; df.";
  expect(toCodePoints(text, text.length)).toBe(12);
  expect(toUnits(text, 12)).toBe(13);
  expect(toUnits(text, 5)).toBe(5);
  expect(toUnits(text, 6)).toBe(7);
  expect(toUnits(text, 99)).toBe(text.length);
});

function ask(doc: string, found: KernelCompletions | null, explicit = false) {
  const asked: number[] = [];
  const source = kernelSource(async (_code, cursor) => {
    asked.push(cursor);
    return found;
  });
  const state = EditorState.create({ doc, extensions: [python()] });
  return { asked, result: Promise.resolve(source(new CompletionContext(state, doc.length, explicit))) };
}

test("the kernel's range and order are kept", async () => {
  const found = { completions: [{ text: "shape", type: "property" }, { text: "size", type: "" }], replaceStart: 12, replaceEnd: 13, more: false };
  const { asked, result } = ask("名 = '😀'; df.s", found);
  const shown = await result;
  expect(asked).toEqual([13]);
  expect(shown).toMatchObject({ from: 13 });
  expect(shown?.options.map((each) => each.label)).toEqual(["shape", "size"]);
  expect(shown?.to).toBeUndefined();
});

test("words of the cell stand in where the kernel has nothing", async () => {
  const shown = await ask("revenue = 1\nrev", null).result;
  expect(shown?.options.map((each) => each.label)).toContain("revenue");
});

test("a slow kernel is waited for where no word fits, and its words come late", async () => {
  vi.useFakeTimers();
  const found = { completions: [{ text: "columns", type: "" }], replaceStart: 3, replaceEnd: 7, more: false };
  const late = () => new Promise<KernelCompletions>((resolve) => setTimeout(resolve, 5_000, found));
  const first = async (doc: string) => {
    const state = EditorState.create({ doc, extensions: [python()] });
    const shown = kernelSource(late)(new CompletionContext(state, doc.length, true));
    await vi.advanceTimersByTimeAsync(5_000);
    return (await shown)?.options.map((each) => each.label);
  };
  expect(await first("df.colu")).toEqual(["columns"]);
  expect(await first("revenue = 1\nrev")).toContain("revenue");
  vi.useRealTimers();
});

test("whoever types on does not wait for a slow kernel", async () => {
  vi.useFakeTimers();
  const signals: AbortSignal[] = [];
  const never = (_code: string, _cursor: number, signal: AbortSignal) => {
    signals.push(signal);
    return new Promise<KernelCompletions>((_, reject) => signal.addEventListener("abort", reject));
  };
  const state = EditorState.create({ doc: "df.colu", extensions: [python()] });
  const asked = (view: { state: EditorState }) => {
    const context = new CompletionContext(state, 7, true, view as EditorView);
    return { context, shown: Promise.resolve(kernelSource(never)(context)) };
  };
  // Before the words' time: they come then, and the call ends.
  const before = asked({ state: state.update({ changes: { from: 7, insert: "m" } }).state });
  await vi.advanceTimersByTimeAsync(1_500);
  expect((await before.shown)?.options).toHaveLength(1);
  expect(signals[0]?.aborted).toBe(true);
  // After it: the editor ends the question itself, which it does where it was told to.
  const after = asked({ state });
  expect(after.context).toMatchObject({ abortOnDocChange: false });
  await vi.advanceTimersByTimeAsync(1_500);
  expect(signals[1]?.aborted).toBe(false);
  expect(after.context).toMatchObject({ abortOnDocChange: true });
  vi.useRealTimers();
});

test("what was said of an earlier text is asked again of the one there is", async () => {
  vi.useFakeTimers();
  const never = () => new Promise<KernelCompletions>(() => {});
  const late = async (doc: string, now: string) => {
    const [state, later] = [doc, now].map((text) => EditorState.create({ doc: text, extensions: [python()] }));
    const view = { state: later } as EditorView;
    const shown = kernelSource(never)(new CompletionContext(state!, doc.length, false, view));
    await vi.advanceTimersByTimeAsync(1_500);
    return shown;
  };
  // The editor asks again where there is a result that does not say for what else it is good.
  expect(await late("df.", "df.colu")).toEqual({ from: 3, options: [] });
  const words = await late("revenue = 1\nrev", "revenue = 1\nreve");
  expect(words?.options.map((each) => each.label)).toContain("revenue");
  expect(words).not.toHaveProperty("validFor");
  vi.useRealTimers();
  // The kernel has answered, and nothing was typed: its nothing is the answer.
  expect((await ask("revenue = 1\nrev", null).result)?.validFor).toBeDefined();
});

test("nobody is asked in texts, comments and after nothing", async () => {
  for (const doc of ["'wor", "# wor", "x = ", ""]) {
    const { asked, result } = ask(doc, null);
    expect(await result).toBeNull();
    expect(asked).toEqual([]);
  }
  expect(ask("df['", null, true).asked).toEqual([4]);
});

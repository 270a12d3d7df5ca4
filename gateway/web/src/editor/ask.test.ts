// Asking what a name is. The editor's view wants a page; this stands in for the little of it that asking uses.
import { EditorState } from "@codemirror/state";
import type { EditorView } from "@codemirror/view";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { inspect, inspection, type Inspected } from "./inspection";

vi.mock("@codemirror/autocomplete", async (original) => ({ ...(await original<object>()), closeCompletion: () => false }));

const words = { label: "l", asking: "asking", nothingFound: "nothing", noAnswer: "silent", cut: (n: number) => `cut ${n}`, failed: () => "failed" };
let answers: { resolve(inspected: Inspected | null): void; reject(error: unknown): void; signal: AbortSignal }[];
let view: { state: EditorState; dispatch(spec: object): void; said: string[]; dom: { querySelector(): { focus(): void } } };
let focused: number;
let ask: () => boolean;

beforeEach(() => {
  vi.useFakeTimers();
  [answers, focused] = [[], 0];
  const state = EditorState.create({ doc: "name", selection: { anchor: 4 }, extensions: inspection() });
  view = {
    state,
    said: [],
    dom: { querySelector: () => ({ focus: () => focused++ }) },
    dispatch(spec) {
      const transaction = this.state.update(spec);
      for (const effect of transaction.effects) if (typeof effect.value?.text === "string") this.said.push(effect.value.text);
      this.state = transaction.state;
    },
  };
  const command = inspect((_code, _cursor, signal) => new Promise((resolve, reject) => answers.push({ resolve, reject, signal })), words);
  ask = () => command(view as unknown as EditorView);
});
afterEach(() => vi.useRealTimers());
const wait = (ms: number) => vi.advanceTimersByTimeAsync(ms);

test("asked twice, only the second answer counts", async () => {
  ask();
  ask();
  expect(answers[0]?.signal.aborted).toBe(true);
  answers[0]?.reject(new Error("aborted"));
  await wait(100);
  expect(view.said).toEqual([]);
  answers[1]?.resolve({ found: true, text: "what it is" });
  await wait(1_000);
  expect(view.said).toEqual(["what it is"]);
});

test("nothing found, no kernel that answers and a failure are told apart", async () => {
  const told = async (settle: (at: number) => void) => {
    view.state = view.state.update({ selection: { anchor: 4 } }).state;
    ask();
    settle(answers.length - 1);
    await wait(1);
    return view.said.at(-1);
  };
  expect(await told((at) => answers[at]?.resolve({ found: false, text: "" }))).toBe("nothing");
  expect(await told((at) => answers[at]?.resolve(null))).toBe("silent");
  expect(await told((at) => answers[at]?.reject(new Error("no way")))).toBe("failed");
});

test("a slow answer is said to be on its way", async () => {
  ask();
  await wait(290);
  expect(view.said).toEqual([]);
  await wait(20);
  expect(view.said).toEqual(["asking"]);
  ask();
  answers[1]?.resolve({ found: true, text: "here" });
  await wait(1_000);
  expect([view.said, focused]).toEqual([["asking", "here"], 0]);
  ask();
  expect([answers.length, focused]).toEqual([2, 1]);
});

import { describe, expect, it } from "vitest";
import { commandReader, isOurs, isSave } from "./keys";

const press = (key: string, more: object = {}) => ({
  key, shiftKey: false, ctrlKey: false, metaKey: false, altKey: false, timeStamp: 0, composing: false, ...more,
});

describe("keys of a notebook", () => {
  it("run a cell", () => {
    const read = commandReader();
    expect(read(press("Enter", { shiftKey: true }))).toBe("run-next");
    expect(read(press("Enter", { ctrlKey: true }))).toBe("run-stay");
    expect(read(press("Enter", { metaKey: true }))).toBe("run-stay");
    expect(read(press("Enter", { altKey: true }))).toBe("run-insert");
  });

  it("never act while an input method composes", () => {
    expect(commandReader()(press("Enter", { shiftKey: true, composing: true }))).toBeNull();
  });

  it("delete with two quick presses only", () => {
    const read = commandReader();
    expect(read(press("d", { timeStamp: 0 }))).toBeNull();
    expect(read(press("d", { timeStamp: 300 }))).toBe("delete");
    expect(read(press("d", { timeStamp: 400 }))).toBeNull();
    expect(read(press("a", { timeStamp: 450 }))).toBe("above");
    expect(read(press("d", { timeStamp: 500 }))).toBeNull();
    expect(read(press("d", { timeStamp: 2000 }))).toBeNull();
  });

  it("move a cell, or make another of it", () => {
    const read = commandReader();
    expect(read(press("ArrowUp", { altKey: true }))).toBe("move-up");
    expect(read(press("ArrowDown", { altKey: true }))).toBe("move-down");
    expect(read(press("ArrowDown", { altKey: true, shiftKey: true }))).toBe("duplicate");
  });

  it("save with Ctrl or Cmd and S, and with nothing else", () => {
    expect(["s", "S"].map((key) => isSave(press(key, { ctrlKey: true })))).toEqual([true, true]);
    expect(isSave(press("s", { metaKey: true }))).toBe(true);
    for (const more of [{}, { ctrlKey: true, shiftKey: true }, { ctrlKey: true, altKey: true }]) expect(isSave(press("s", more))).toBe(false);
    expect(isSave(press("a", { ctrlKey: true }))).toBe(false);
  });

  it("belong to what is focused where that takes them", () => {
    const at = (...around: string[]) => ({ closest: (selectors: string) => (selectors.split(", ").some((each) => around.includes(each)) ? {} : null) }) as never;
    const cell = at("[data-cell]");
    const output = at("[data-cell]", ".cell-out");
    for (const key of ["d", "Enter", "ArrowDown"]) expect(isOurs(press(key), cell, false)).toBe(true);
    expect(isOurs(press("d"), at("[data-cell]", ".cm-editor"), false)).toBe(false);
    expect(isOurs(press("Enter"), at("[data-cell]", "button"), false)).toBe(false);
    expect(isOurs(press("ArrowDown"), output, false)).toBe(false);
    expect([isOurs(press("j"), output, false), isOurs(press("ArrowDown", { altKey: true }), output, false)]).toEqual([true, true]);
    // On the toolbar, and where nothing is focused.
    expect([isOurs(press("d"), at("button"), false), isOurs(press("Enter", { shiftKey: true }), at("button"), false)]).toEqual([false, true]);
    expect(isOurs(press("d"), at(), true)).toBe(true);
  });

  it("leave the browser's own combinations alone", () => {
    const read = commandReader();
    for (const key of ["a", "b", "z", "d"]) expect(read(press(key, { ctrlKey: true }))).toBeNull();
  });
});

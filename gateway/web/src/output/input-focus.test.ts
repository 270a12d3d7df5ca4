import { describe, expect, it } from "vitest";
import { mayTakeFocus } from "./input-focus";

const cell = {};
const field = { closest: () => cell } as never;
const focused = (tagName: string, more: { inCell?: object; field?: boolean; editor?: "empty" | "written"; isCell?: boolean }) =>
  ({
    tagName,
    matches: (selectors: string) => (selectors === "[data-cell]" ? more.isCell === true : more.field === true),
    closest: (selectors: string) =>
      selectors === "[data-cell]" ? (more.inCell ?? null) : more.editor ? { querySelector: () => (more.editor === "empty" ? {} : null) } : null,
  }) as never;

describe("a field that comes by itself", () => {
  it("takes the focus from what is not written in", () => {
    expect(mayTakeFocus(null, field)).toBe(true);
    expect(mayTakeFocus(focused("BODY", {}), field)).toBe(true);
    expect(mayTakeFocus(focused("SECTION", { isCell: true }), field)).toBe(true);
    expect(mayTakeFocus(focused("BUTTON", { inCell: cell }), field)).toBe(true);
    expect(mayTakeFocus(focused("DIV", { inCell: {}, editor: "empty" }), field)).toBe(true);
  });

  it("leaves it with those who write, and with what is elsewhere", () => {
    expect(mayTakeFocus(focused("DIV", { inCell: {}, editor: "written" }), field)).toBe(false);
    expect(mayTakeFocus(focused("DIV", { inCell: cell, editor: "written" }), field)).toBe(false);
    expect(mayTakeFocus(focused("INPUT", { inCell: cell, field: true }), field)).toBe(false);
    expect(mayTakeFocus(focused("BUTTON", {}), field)).toBe(false);
  });
});

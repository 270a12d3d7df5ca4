import { expect, it } from "vitest";
import { SearchText } from "./search-text";

it("tells what was typed from what another way gave", () => {
  const text = new SearchText("");
  expect(text.rested("a")).toBe(true);
  expect(text.rested("a")).toBe(false);
  // The address follows what was typed: the box has it already.
  expect(text.given("a")).toBe(false);
  expect(text.rested("ab")).toBe(true);
  expect(text.given("ab")).toBe(false);
  // A link leads to all of them: the box is to say so, and that is no search of its own.
  expect(text.given("")).toBe(true);
  expect(text.rested("")).toBe(false);
});

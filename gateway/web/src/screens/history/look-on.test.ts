import { expect, test } from "vitest";
import { looksOn } from "./look-on";

test("empty pages are gone through until something is found, there is no more, or one fails", () => {
  const pages = { hasNextPage: true, isFetchingNextPage: false, isPlaceholderData: false, error: null };
  expect(looksOn(0, pages)).toBe(true);
  expect(looksOn(1, pages)).toBe(false);
  expect(looksOn(0, { ...pages, isFetchingNextPage: true })).toBe(false);
  expect(looksOn(0, { ...pages, isPlaceholderData: true })).toBe(false);
  expect(looksOn(0, { ...pages, hasNextPage: false })).toBe(false);
  expect(looksOn(0, { ...pages, error: new Error("no") })).toBe(false);
});

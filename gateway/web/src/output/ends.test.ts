import { expect, it } from "vitest";
import { ENDS, endsOf } from "./ends";

const numbers = (count: number) => Array.from({ length: count }, (_, at) => at);

it("draws all outputs, or the first and the last of very many", () => {
  expect(endsOf(numbers(2 * ENDS + 1))).toEqual({ first: numbers(2 * ENDS + 1), last: [], between: 0 });
  const { first, last, between } = endsOf(numbers(10_000));
  expect([first, last, between]).toEqual([numbers(ENDS), numbers(10_000).slice(-ENDS), 9_900]);
});

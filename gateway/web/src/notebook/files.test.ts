import { expect, test } from "vitest";
import { FileCut, gather, within } from "./files";

async function* pieces(size: number, ...lengths: number[]) {
  yield { sizeBytes: BigInt(size), data: new Uint8Array() };
  let at = 0;
  for (const length of lengths) {
    yield { sizeBytes: 0n, data: Uint8Array.from({ length }, (_, index) => (at + index) % 251) };
    at += length;
  }
}

test("a file comes whole and in order, however large", async () => {
  const told: number[] = [];
  const sizes = [20 << 20, 20 << 20, 3];
  const blob = await gather(pieces((40 << 20) + 3, ...sizes), (bytes) => told.push(bytes));
  expect([blob.size, told.at(-1)]).toEqual([(40 << 20) + 3, (40 << 20) + 3]);
  const [end, middle] = [blob.slice(-3), blob.slice((20 << 20) - 2, (20 << 20) + 2)];
  const expected = (from: number, length: number) => Array.from({ length }, (_, index) => (from + index) % 251);
  expect([...new Uint8Array(await end.arrayBuffer())]).toEqual(expected(40 << 20, 3));
  expect([...new Uint8Array(await middle.arrayBuffer())]).toEqual(expected((20 << 20) - 2, 4));
});

test("a file that was cut meanwhile is not taken for the whole, one that grew is", async () => {
  await expect(gather(pieces(10, 4, 4), () => {})).rejects.toBeInstanceOf(FileCut);
  expect((await gather(pieces(4, 4, 4), () => {})).size).toBe(8);
  expect((await gather(pieces(0), () => {})).size).toBe(0);
});

test("paths lead down from the kernel's folder", () => {
  expect([within("", "a"), within("a/b", "c d")]).toEqual(["a", "a/b/c d"]);
});

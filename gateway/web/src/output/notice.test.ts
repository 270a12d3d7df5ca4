import { expect, test } from "vitest";
import { NoticeKind } from "../gen/fenxi/analysis/v1/output_pb";
import { noticeOf } from "./notice";

test("every kind of notice has words of its own", () => {
  const kinds = Object.values(NoticeKind).filter((kind): kind is NoticeKind => typeof kind === "number");
  const other = kinds.filter((kind) => noticeOf(kind).key === "notices.other");
  expect(other).toEqual([NoticeKind.UNSPECIFIED]);
});

test("stacks, files and what is not known say what the service says", () => {
  expect(noticeOf(NoticeKind.STACKS).own).toBe("listing");
  for (const kind of [NoticeKind.DISK_HIGH, NoticeKind.MEMORY_HIGH, 99 as NoticeKind]) expect(noticeOf(kind).own).toBe("text");
});

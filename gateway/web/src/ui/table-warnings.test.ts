import { create } from "@bufbuild/protobuf";
import { createElement } from "react";
import { prerender } from "react-dom/static";
import { expect, test, vi } from "vitest";

vi.hoisted(() => {
  vi.stubGlobal("localStorage", { getItem: () => "zh-CN" });
});
// Drawn without a browser, nothing is drawn again.
vi.mock("../execution/store", async (original) => ({ ...(await original<object>()), useNotifier: () => 0 }));

import { TableWarningKind, TableWarningSchema } from "../gen/fenxi/analysis/v1/table_warning_pb";
import { TableWarnings } from "./table-warnings";

const warnings = [
  create(TableWarningSchema, { kind: TableWarningKind.PADDED, text: "kept as text", columns: [{ name: "a" }] }),
  create(TableWarningSchema, { kind: TableWarningKind.OTHER, text: "an old sentence" }),
];

async function drawn(list: typeof warnings): Promise<string> {
  const { prelude } = await prerender(createElement(TableWarnings, { warnings: list, className: "warnings" }));
  return new Response(prelude).text();
}

test("warnings are drawn in the page's language once their words are there", async () => {
  expect(await drawn([])).toBe("");
  const page = await drawn(warnings);
  expect(page).toContain("<li>保留为文本，因为有以 0 开头的数字：「a」</li><li>an old sentence</li>");
});

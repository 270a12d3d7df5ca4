import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { OutputModel } from "../../execution/model";
import { OutputEventSchema, StreamName, type MimePart } from "../../gen/fenxi/analysis/v1/output_pb";
import type { Content } from "../../output/content";
import { ipynbOf } from "./ipynb";

const kernel = { name: "python3", displayName: "Python 3", language: "python" };
const text = (mimeType: string, value: string) => ({ mimeType, content: { case: "text", value } });
const data = (mimeType: string, ...value: number[]) => ({ mimeType, content: { case: "data", value: new Uint8Array(value) } });
const kept = (mimeType: string, sizeBytes: number, head = "") =>
  ({ mimeType, content: { case: "reference", value: { sha256: "s", sizeBytes: BigInt(sizeBytes), head } } });
const result = (...parts: object[]) => ({ case: "result", value: { executionCount: 7, bundle: { parts, metadataJson: "" } } });
const display = (metadataJson: string, ...parts: object[]) => ({ case: "display", value: { bundle: { parts, metadataJson } } });
const out = (value: string, name = StreamName.STDOUT) => ({ case: "stream", value: { name, text: value } });

function cell(code: string, ...said: object[]) {
  const model = new OutputModel();
  said.forEach((event, at) => model.apply(create(OutputEventSchema, { sequence: BigInt(at + 1), event: event as never })));
  return { id: `id-${code.length}`, code, executionId: "e", model };
}

/** Contents that the service keeps. */
const bytes = (found: string) => async (_: string, { content }: MimePart): Promise<Content> => {
  if (content.case === "text") return { text: content.value, bytes: null };
  if (content.case === "data") return { text: null, bytes: content.value as Uint8Array<ArrayBuffer> };
  return { text: null, bytes: new TextEncoder().encode(found) };
};

async function made(cells: Parameters<typeof ipynbOf>[0], found = "", maxBytes = 1_000) {
  const { text: file, leftOut } = await ipynbOf(cells, kernel, bytes(found), maxBytes);
  return { notebook: JSON.parse(file), outputs: JSON.parse(file).cells[0].outputs, leftOut };
}

test("a notebook has what the format asks for, and no more", async () => {
  const { notebook, leftOut } = await made([
    cell("x = 1\nx", { case: "started", value: { executionCount: 7 } }, result(text("text/plain", "1"))),
    { id: "never-run", code: "", executionId: null, model: null },
  ]);
  expect(notebook).toEqual({
    cells: [
      {
        cell_type: "code", execution_count: 7, id: "id-7", metadata: {}, source: ["x = 1\n", "x"],
        outputs: [{ output_type: "execute_result", execution_count: 7, data: { "text/plain": ["1"] }, metadata: {} }],
      },
      { cell_type: "code", execution_count: null, id: "never-run", metadata: {}, source: [], outputs: [] },
    ],
    metadata: { kernelspec: { name: "python3", display_name: "Python 3", language: "python" }, language_info: { name: "python" } },
    nbformat: 4,
    nbformat_minor: 5,
  });
  expect(leftOut).toBe(0);
});

test("every form of an output is kept as Jupyter keeps it", async () => {
  const metadata = '{"image/png": {"width": 20}}';
  const { outputs } = await made([
    cell("y",
      display(metadata, data("image/png", 0, 255, 1), text("application/json", '{"a": [1]}'), text("image/svg+xml", "<svg>\n</svg>")),
      display("[1]", text("application/vnd.plotly.v1+json", "not JSON"), text("text/html", "")),
      { case: "error", value: { name: "ValueError", value: "no", traceback: ["\u001b[31mone", "two"] } },
      { case: "notice", value: { kind: 1, text: "of the service" } }),
  ]);
  expect(outputs).toEqual([
    {
      output_type: "display_data", metadata: JSON.parse(metadata),
      data: { "image/png": "AP8B", "application/json": { a: [1] }, "image/svg+xml": ["<svg>\n", "</svg>"] },
    },
    { output_type: "display_data", metadata: {}, data: { "application/vnd.plotly.v1+json": "not JSON", "text/html": [] } },
    { output_type: "error", ename: "ValueError", evalue: "no", traceback: ["\u001b[31mone", "two"] },
  ]);
});

test("streams say what stands on the terminal in the end, in its colours, and what was answered", async () => {
  const { outputs } = await made([
    cell("z", out("10%\r100%\n"), out("\u001b[1;31mred\u001b[0m\n\u001b[38;5;196;107mhalf", StreamName.STDERR),
      { case: "inputRequest", value: { inputId: "1", prompt: "name: " } }, { case: "inputReply", value: { inputId: "1", value: "Ada" } },
      { case: "inputRequest", value: { inputId: "2", prompt: "word: ", password: true } }, { case: "inputReply", value: { inputId: "2", value: "secret" } }),
  ]);
  expect(outputs.map((each: { name: string; text: string[] }) => [each.name, each.text.join("")])).toEqual([
    ["stdout", "100%\n"],
    ["stderr", "\u001b[0;1;31mred\n\u001b[0;38;2;255;0;0;107mhalf\u001b[0m"],
    ["stdout", "name: Ada\n"],
    ["stdout", "word: ········\n"],
  ]);
});

test("contents that only the service has are fetched, as text or as bytes", async () => {
  const { outputs, leftOut } = await made([cell("r", result(kept("image/png", 3), kept("text/html", 3, "abc"), kept("application/json", 3, "[1]")))], "[1]");
  expect([outputs[0].data, leftOut]).toEqual([{ "image/png": "WzFd", "text/html": ["[1]"], "application/json": [1] }, 0]);
});

test("what there is no room for, and what is gone, is said to be left out", async () => {
  const large = [cell("l", display("", kept("image/png", 2_000)), display("", kept("text/html", 2_000, "x"), text("text/plain", "short")), out("y".repeat(2_000)))];
  const { outputs, leftOut } = await made(large);
  expect(leftOut).toBe(3);
  expect(outputs[0].data).toEqual({ "text/plain": "Not in this file: image/png (2 KB)" });
  expect(outputs[1].data).toEqual({ "text/plain": ["short"] });
  expect([outputs[2].name, outputs[2].text]).toEqual(["stderr", ["Not in this file: stdout (2 KB)\n"]]);
  const fails = (code: Code) => ipynbOf([cell("g", display("", kept("image/png", 3)))], kernel, () => Promise.reject(new ConnectError("", code)));
  expect((await fails(Code.NotFound)).leftOut).toBe(1);
  await expect(fails(Code.Unavailable)).rejects.toThrow();
});

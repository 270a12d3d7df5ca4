import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { setLanguage } from "../i18n/i18n";
import { errorText, reasonText } from "./errors";
import { ownText } from "./own-text";

// As the services say them.
const SAID = [
  "the password must have at least 10 and at most 256 characters", "the password must not be one character repeated, a simple sequence, or made of the user name",
  "username must be 3 to 64 characters of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit", "user.display_name must have at most 100 characters, none of them a control character",
  "display_name is longer than 200 characters or has control characters", "kernel.display_name is longer than 200 characters or has control characters", "name has 300 characters; give at most 200", "name is empty; give at least one visible character",
  "you have 5 kernels, which is the limit; end one first", "the service runs 100 kernels, which is its limit; try again later", "the memory of your kernels is 4096 of 4096 MiB; delete one first",
  "the memory of all kernels of this service is 9000 of 8000 MiB; delete one of yours, or try again later", "the files of your kernels, ended ones too, take 11 of 10 MiB; delete one first",
  "this kernel's files are above their limit (12 of 10 MiB), and it added some each time that it was started; remove some", "there is no kernel spec `x`; there are: python3, ir", "the value cannot be shown: ValueError: no",
  "the kernel's answer cannot be read; restart it if code has changed what it is made of", "50 ApiTokens are in force; revoke one first", "8 uploads are open; complete or cancel one of them",
  "the file has 2048 bytes; one file may have 1024", "the file has 2048 bytes, and 10 of your 1024 bytes are used; delete datasets or cancel uploads",
  "the file was to be read as JSON, but its content is Parquet; choose that format or leave the choice to us", "the file is a PNG picture. We read CSV", "the file is a gzip archive; unpack it first. We read CSV",
  "the file is a ZIP archive without a workbook; unpack it and upload the table inside", "the file is an XML document; open it", "the file is a web page (HTML); open it", "the file is an SQLite database; export a table as CSV. We read CSV",
  "the file holds binary data and no table that we know. We read", "the workbook is damaged (x). Save it again", "the workbook is cut off or damaged: its table of contents is missing. Save", "the file is damaged in a way that its format does not allow. Open",
  "the workbook is protected by a password; save it without one", "the Parquet file is encrypted; write it without encryption", "line 3: the byte 0xFF is not valid UTF-8. Save", "line 1200: 3 fields found where the first row has 2; a field", "line 2: a field begins with a quote (\") that is never closed. Close it",
  "line 9: the JSON ends too early (EOF); the file", "line 1: column 7: NaN is no JSON, though some", "line 1: column 7: this is not the JSON of a table (x). We", 'column "a b" has the type Map, which we cannot read. Turn', 'record 3 has the key "k" twice; remove',
  "rows: 11 is over the limit of 10 (rows_max)", "columns: 30000 is over the limit of 20000 (columns_max)", "bytes of one cell (line 3, column 2; shorten or split its text, or leave its column out): 2048 is over the limit of 1024 (cell_max_bytes)",
  "bytes of the workbook once unpacked: 2048 is over the limit of 1024 (expanded_max_bytes)", 'options.sheet the workbook has no sheet "x"; it has "a" and "b"', 'options.encoding "x" is no encoding we know; try utf-8', 'sheet "Q1": the sheet is damaged (x). Save', 'sheet "Q1", cell B7: rows: 2 is over the limit of 1 (rows_max)',
];

beforeAll(() => {
  vi.stubGlobal("localStorage", { setItem: () => {} });
  vi.stubGlobal("document", { documentElement: {} });
});
afterAll(() => vi.unstubAllGlobals());

describe("what a service says", () => {
  it("is said in the page's language where the page knows it", () => {
    setLanguage("zh-CN");
    for (const own of SAID) {
      const shown = ownText(own);
      expect(shown, own).not.toMatch(/服务的说明|\{\w+\}/);
      // Only what was raised in Python is not ours to translate.
      if (!own.includes("ValueError")) expect(shown, own).toMatch(/[\u4e00-\u9fff]/);
    }
    expect(ownText("line 1200: 3 fields found where the first row has 2; a field")).toBe("第 1,200 行：此行有 3 个字段，而首行有 2 个。含分隔符或换行的字段要放在引号内。");
    setLanguage("en");
    for (const own of SAID) expect(ownText(own), own).toMatch(/^[A-Z“0-9].*\.$|^ValueError: no$/s);
    expect(ownText("the memory of your kernels is 4096 of 8192 MiB; delete one first")).toBe("The memory of your kernels is 4 GB of 8 GB.");
    expect(ownText('sheet "Q1", cell B7: the byte 0xFF is not valid gb18030. Save')).toContain("Sheet “Q1”, cell B7: The byte 0xFF is not valid gb18030. Save");
  });

  it("is a sentence in any case", () => {
    setLanguage("en");
    expect(["something new; do this", "update_mask is required", "items[0].id is wrong!"].map(ownText)).toEqual(
      ["Something new; do this.", "update_mask is required.", "items[0].id is wrong!"],
    );
    setLanguage("zh-CN");
    expect(ownText("something new")).toBe("服务的说明：Something new.");
  });

  it("follows what its reason means, in two sentences", () => {
    const error = new ConnectError("you have 5 kernels, which is the limit; end one first", Code.ResourceExhausted);
    error.details = [{ type: "google.rpc.ErrorInfo", value: new BinaryWriter().tag(1, WireType.LengthDelimited).string("KERNEL_LIMIT").finish() }];
    expect(errorText(error)).toBe("内核数量已达上限，请先结束一个。你最多可以有 5 个。");
    expect(reasonText("FILE_EMPTY", "the file is empty (0 bytes)")).toBe("文件是空的。");
    setLanguage("en");
    expect(errorText(error)).toBe("No more kernels may run. End one first. You may have 5.");
    expect(errorText(new ConnectError("the frame is too large", Code.OutOfRange))).toBe("The frame is too large.");
  });
});

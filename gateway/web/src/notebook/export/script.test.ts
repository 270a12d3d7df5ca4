import { expect, test } from "vitest";
import { fileName } from "./file-name";
import { scriptOf } from "./script";

const script = (...codes: string[]) => scriptOf(codes.map((code) => ({ code })));

test("each cell begins with its mark", () => {
  expect(script("x = 1\r\nx", "y = 2\n\n")).toBe("# %%\nx = 1\nx\n\n# %%\ny = 2\n");
});

test("what only IPython understands becomes comments", () => {
  expect(script("%matplotlib inline\n!ls \\\n  -l\nfiles = !ls\nprint(files)\ndf.head?\n??df")).toBe(
    "# %%\n# %matplotlib inline\n# !ls \\\n#   -l\n# files = !ls\nprint(files)\n# df.head?\n# ??df\n",
  );
  expect(script("if x:\n    !ls\nelse:\n    %cd /")).toBe("# %%\nif x:\n    pass  # !ls\nelse:\n    pass  # %cd /\n");
  expect(script("\n%%time\nx = 1")).toBe("# %%\n\n# %%time\nx = 1\n");
  expect(script("%%bash\nfor x in a; do\n  echo\n\ndone")).toBe("# %%\n# %%bash\n# for x in a; do\n#   echo\n#\n# done\n");
});

test("what only looks so stays as it is", () => {
  const code = [
    'text = """it\'s', "%d of # this", '!not a command \\"""', '"""', "y = (7", "% 3)", "z = 7 \\", "% 3", "a = b != c  # (", "'''", "?one", "''' % 1", "x = '\\'(' # why?",
  ].join("\n");
  expect(script(code)).toBe(`# %%\n${code}\n`);
  expect(script(`${code}\n%who`)).toBe(`# %%\n${code}\n# %who\n`);
});

test("the file is called as the analysis is, without what names may not have", () => {
  expect(["销售 / 2024: a?", "", "..", "con.", "x".repeat(200)].map((title) => fileName(title, "py"))).toEqual(
    ["销售 _ 2024_ a_.py", "notebook.py", "notebook.py", "con.py", `${"x".repeat(100)}.py`],
  );
});

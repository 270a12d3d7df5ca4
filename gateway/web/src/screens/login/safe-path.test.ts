import { describe, expect, it } from "vitest";
import { safePath } from "./safe-path";

describe("where a login leads", () => {
  it.each(["/", "/k/0192", "/history?q=销售", "/d/1#cells"])("may be %s", (path) => {
    expect(decodeURI(safePath(path))).toBe(path);
  });

  it.each([
    null, "", "history", "//evil.example", "/\\evil.example", "\\\\evil.example", "https:evil.example",
    "https://evil.example/", "javascript:alert(1)", "/\t/evil.example", "/\n//evil.example", "/..//evil.example",
    "/login?return_to=/login", `/${"a".repeat(3000)}`,
  ])("is the front page instead of %j", (path) => {
    expect(safePath(path)).toBe("/");
  });
});

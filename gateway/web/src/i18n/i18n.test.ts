import { describe, expect, it } from "vitest";
import { ErrorReason } from "../gen/fenxi/errors/v1/errors_pb";
import { en } from "./en";
import { fill, isolated } from "./i18n";
import { zh } from "./zh";

type Tree = { [key: string]: string | Tree };

function flat(tree: Tree, prefix = ""): [string, string][] {
  return Object.entries(tree).flatMap(([key, value]) =>
    typeof value === "string" ? [[prefix + key, value] as [string, string]] : flat(value, `${prefix}${key}.`),
  );
}

const english = new Map(flat(en as unknown as Tree));
const chinese = new Map(flat(zh as unknown as Tree));
const places = (text: string) => [...new Set(text.match(/\{\w+\}/g))].toSorted();

describe("the catalogues", () => {
  it("say the same things", () => {
    expect([...chinese.keys()].toSorted()).toEqual([...english.keys()].toSorted());
  });

  it("leave no message empty and no place unfilled", () => {
    for (const [key, text] of english) {
      const other = chinese.get(key) ?? "";
      expect(other.trim(), key).not.toBe("");
      // "Last day" names no number; the other form does.
      expect(places(other), key).toEqual(places(text));
    }
  });

  it("have words for every reason of the contract", () => {
    const reasons = Object.keys(ErrorReason).filter((name) => Number.isNaN(Number(name)) && name !== "UNSPECIFIED");
    for (const reason of reasons) expect(english.has(`reasons.${reason}`), reason).toBe(true);
  });
});

describe("a message", () => {
  it("takes its parameters and the form that fits the number", () => {
    expect(fill("{n} row|{n} rows", { n: 1 })).toBe("1 row");
    expect(fill("{n} row|{n} rows", { n: 2n })).toBe("2 rows");
    expect(fill("Hello, {name}", { name: "a|b" })).toBe("Hello, a|b");
    expect(fill("{missing}", {})).toBe("{missing}");
  });

  it("keeps what is written from right to left to itself", () => {
    expect(fill("{name}: {n}", { name: "מכירות 2024", n: 3 })).toBe("\u2068מכירות 2024\u2069: 3");
    expect(["مبيعات", "a\u202eb"].map(isolated)).toEqual(["\u2068مبيعات\u2069", "\u2068a\u202eb\u2069"]);
    expect(["sales", "销售", "…"].map(isolated)).toEqual(["sales", "销售", "…"]);
  });
});

import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { KernelSchema } from "../gen/fenxi/analysis/v1/kernel_pb";
import { KernelSpecSchema } from "../gen/fenxi/analysis/v1/kernel_spec_pb";
import { formerLanguage, languageName, languageOf, specOf } from "./language";

const specs = [
  create(KernelSpecSchema, { name: "python3", language: "python", inspectable: true }),
  create(KernelSpecSchema, { name: "ir", language: "r" }),
];
const kernel = (kernelSpec: string) => create(KernelSchema, { kernelSpec });

test("a kernel speaks what its kind says", () => {
  expect(languageOf(kernel("ir"), specOf(kernel("ir"), specs))).toBe("r");
  expect(languageOf(kernel(""), specOf(kernel(""), specs))).toBe("python");
  expect(specOf(kernel("gone"), specs)).toBeUndefined();
});

test("before the list is there, only the built-in kind is taken for Python", () => {
  expect(languageOf(kernel("python3"), undefined)).toBe("python");
  expect(languageOf(kernel("ir"), undefined)).toBe("");
  expect(languageOf(null, undefined)).toBe("");
});

test("what ran in a kernel that is not known any more is taken for Python, what ran in another kind is not", () => {
  expect(formerLanguage(null, specs)).toBe("python");
  expect(formerLanguage(kernel("python3"), [])).toBe("python");
  expect(formerLanguage(kernel("ir"), specs)).toBe("r");
  expect(formerLanguage(kernel("removed"), specs)).toBe("");
});

test("languages are called as people call them", () => {
  expect(["r", "python", "scala", "constructor", ""].map(languageName)).toEqual(["R", "Python", "Scala", "Constructor", ""]);
});

import { expect, test } from "vitest";
import { pictureSize } from "./picture-size";

const size = (own: unknown) => pictureSize(JSON.stringify({ "image/png": own }), "image/png");

test("a picture is drawn as large as its metadata says", () => {
  expect(size({ width: 200 })).toEqual({ width: "200px" });
  expect(size({ width: 400, height: 300 })).toEqual({ width: "400px", aspectRatio: "400 / 300" });
  expect(size({ height: "30px" })).toEqual({ height: "30px" });
  expect(pictureSize('{"image/svg+xml": {"width": 9}}', "image/svg+xml")).toEqual({ width: "9px" });
});

test("what is no size is none", () => {
  for (const own of [null, 3, "x", [], {}, { width: -1, height: 1e9 }, { width: "100%" }, { width: "1;position:fixed" }, { width: {} }]) expect(size(own)).toEqual({});
  for (const json of ["", "null", "[]", "{", "7"]) expect(pictureSize(json, "image/png")).toEqual({});
  expect(pictureSize('{"image/png": {"width": 9}}', "image/jpeg")).toEqual({});
});

import { expect, test } from "vitest";
import { initialsOf } from "./avatar";

test("a name's initials are those that its script goes by", () => {
  const initials: Record<string, string> = {
    // The given name, as Chinese names are shortened.
    王小明: "小明", 李明: "李明", 欧阳娜娜: "娜娜", "王 小明": "小明", 李: "李",
    "张三（销售部）": "张三", "买买提·艾力": "艾力",
    // Of mixed names the Chinese part is the name, wherever it stands.
    "李 Bob": "李", "Bob 李": "李", "Ada 王小明": "小明", "王小明 (Tom)": "小明", "Tom王小明": "小明",
    "Ada Lovelace": "AL", ada: "A", "ada.lovelace": "AL", "ada-maria von lovelace": "AM", "(Bob) Smith": "BS", "élodie": "É", "🙂 Bob": "B",
    "": "?", "  ": "?", "...": "?", "1024": "1",
  };
  for (const [name, expected] of Object.entries(initials)) expect(initialsOf(name), name).toBe(expected);
});

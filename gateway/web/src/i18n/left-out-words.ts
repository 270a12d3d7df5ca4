// The words for output that a run did not keep. Loaded apart, as only who looks at an output meets them; with nothing but
// types imported, since what both loads need would be split off from the first.
import type { Language } from "./i18n";

export interface Words {
  /** Above a limit. It is kept nowhere, so that nobody looks for it. */
  leftOut: string;
  /** For another reason than a limit: a full disk, a kernel that ended in the middle of it. */
  lost: string;
}

const en: Words = {
  leftOut: "{dropped} of output were left out here and are kept nowhere. Of this run, {kept} before this place are kept; the limit is {limit}.",
  lost: "{dropped} of output are lost here: they could not be kept.",
};

const zh: Words = {
  leftOut: "此处省略了 {dropped} 的输出，未在任何地方保存。本次运行在此之前已保留 {kept}，上限为 {limit}。",
  lost: "此处有 {dropped} 的输出未能保存，已经丢失。",
};

export const WORDS: Record<Language, Words> = { en, "zh-CN": zh };

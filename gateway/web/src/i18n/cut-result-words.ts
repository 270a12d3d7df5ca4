// The words for a result that the history has cut. Loaded apart, as only who opens such an entry meets them; with nothing
// but types imported, since what both loads need would be split off from the first.
import type { Language } from "./i18n";

export interface Words {
  /** Of the whole entry. */
  cut: string;
  /** Where something was left out. */
  leftOut: string;
  /** After both: where all of it is. */
  inLog: string;
  /** In its place, once the log has been asked for and is not there. */
  logGone: string;
  between: string;
}

const en: Words = {
  cut: "This result is too long for the history, which keeps its beginning and its end.",
  leftOut: "{dropped} of output were left out here: the history keeps {limit} of a result.",
  inLog: "All of it is in the log of the run, for as long as that is kept.",
  logGone: "The log of the run, which had all of it, is not kept any more.",
  between: " ",
};

const zh: Words = {
  cut: "结果过长，历史记录只保留了开头和结尾。",
  leftOut: "此处省略了 {dropped} 的输出：历史记录最多保留 {limit} 的结果。",
  inLog: "完整结果在该次运行的日志中，日志保留期内可查看。",
  logGone: "含有完整结果的运行日志已不再保留。",
  between: "",
};

export const WORDS: Record<Language, Words> = { en, "zh-CN": zh };

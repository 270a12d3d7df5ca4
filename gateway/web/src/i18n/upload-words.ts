// The words for uploads that were left. Loaded with the dialog of uploads.
import type { Language } from "./i18n";

interface Words {
  title: string;
  hint: string;
  /** How far it came, and when the service drops it. */
  state: string;
  whole: string;
  takeUp: string;
  removeAll: string;
}

const en: Words = {
  title: "Not finished",
  hint: "These were begun elsewhere, or before the page was closed. They count towards your space. To go on with one that is not all there, choose its file again where it was begun.",
  state: "{received} of {size} · removed on {time}",
  whole: "{size} · all there, and no dataset yet · removed on {time}",
  takeUp: "Go on",
  removeAll: "Remove all",
};

const zh: Words = {
  title: "未完成的上传",
  hint: "它们是在别处、或在页面关闭之前开始的，占用您的空间。要继续没有传完的文件，请在开始上传的浏览器中重新选择该文件。",
  state: "已传 {received} / {size} · {time} 清除",
  whole: "{size} · 已传完，尚未创建数据集 · {time} 清除",
  takeUp: "继续",
  removeAll: "全部移除",
};

export const WORDS: Record<Language, Words> = { en, "zh-CN": zh };

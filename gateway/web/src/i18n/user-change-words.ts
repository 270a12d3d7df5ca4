// The words that ask before a user is changed. Loaded apart, as only administrators meet them; with nothing but types
// imported, since what both loads need would be split off from the first.
import type { Language } from "./i18n";

export interface Words {
  demoteSelfText: string;
  demoteSelfTitle: string;
  demoteText: string;
  demoteTitle: string;
  disableText: string;
  disableTitle: string;
  promoteText: string;
  promoteTitle: string;
}

const en: Words = {
  demoteSelfText: "You will see and change no users any more, and cannot take this back: only another administrator can.",
  demoteSelfTitle: "Give up being an administrator?",
  demoteText: "They see and change no users any more.",
  demoteTitle: "Make {name} a member?",
  disableText: "Every device and token of theirs is signed out at once, and what they run is ended.",
  disableTitle: "Disable {name}?",
  promoteText: "They will add, disable and change users, you among them.",
  promoteTitle: "Make {name} an administrator?",
};

const zh: Words = {
  demoteSelfText: "你将无法再查看和管理用户，且不能自行撤回，只有其他管理员可以恢复。",
  demoteSelfTitle: "放弃管理员身份？",
  demoteText: "对方将无法再查看和管理用户。",
  demoteTitle: "将 {name} 设为成员？",
  disableText: "其所有设备和令牌会立即失效，正在运行的分析会被终止。",
  disableTitle: "停用 {name}？",
  promoteText: "对方将可以添加、停用和修改用户，包括你。",
  promoteTitle: "将 {name} 设为管理员？",
};

export const WORDS: Record<Language, Words> = { en, "zh-CN": zh };

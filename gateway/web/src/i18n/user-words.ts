// What the page of users says at length, and what it asks before one is changed. Loaded apart, as only administrators
// meet it; with nothing but types imported, since what both loads need would be split off from the first.
import type { Language } from "./i18n";

export interface Words {
  createText: string;
  demoteSelfText: string;
  demoteSelfTitle: string;
  demoteText: string;
  demoteTitle: string;
  disableText: string;
  disableTitle: string;
  forAdministrators: string;
  forAdministratorsText: string;
  promoteText: string;
  promoteTitle: string;
  setPasswordText: string;
}

const en: Words = {
  createText: "Makes a local account with a password that you hand over.",
  demoteSelfText: "You will see and change no users any more, and cannot take this back: only another administrator can.",
  demoteSelfTitle: "Give up being an administrator?",
  demoteText: "They see and change no users any more.",
  demoteTitle: "Make {name} a member?",
  disableText: "Every device and token of theirs is signed out at once, and what they run is ended.",
  disableTitle: "Disable {name}?",
  forAdministrators: "For administrators",
  forAdministratorsText: "Only they see and change the users of this installation.",
  promoteText: "They will add, disable and change users, you among them.",
  promoteTitle: "Make {name} an administrator?",
  setPasswordText: "{name} is signed out everywhere, every API token of theirs ends, and they sign in with the new password.",
};

const zh: Words = {
  createText: "创建一个本地账号，并将密码转交给对方。",
  demoteSelfText: "你将无法再查看和管理用户，且不能自行撤回，只有其他管理员可以恢复。",
  demoteSelfTitle: "放弃管理员身份？",
  demoteText: "对方将无法再查看和管理用户。",
  demoteTitle: "将 {name} 设为成员？",
  disableText: "其所有设备和令牌会立即失效，正在运行的分析会被终止。",
  disableTitle: "停用 {name}？",
  forAdministrators: "仅限管理员",
  forAdministratorsText: "只有管理员可以查看和管理本服务的用户。",
  promoteText: "对方将可以添加、停用和修改用户，包括你。",
  promoteTitle: "将 {name} 设为管理员？",
  setPasswordText: "{name} 会在所有设备上退出，其所有 API 令牌随即失效，并使用新密码登录。",
};

export const WORDS: Record<Language, Words> = { en, "zh-CN": zh };

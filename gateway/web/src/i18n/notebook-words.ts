// What a notebook alone says. Loaded with it; with nothing but types imported, since what both loads need would be split
// off from the first.
import type { Language } from "./i18n";

type DeathName = "deleted" | "exit" | "idle" | "limit" | "lost" | "memory" | "restarted" | "shutdown" | "signal" | "startFailed" | "unresponsive" | "userDisabled";

export interface Words {
  /** Of the button for tables that there is no room for. */
  allTables: string;
  /** How long a text is. */
  characters: string;
  /** Why a kernel ended. */
  death: Record<DeathName, string>;
  /** How a run ended whose kernel died. */
  died: string;
  /** How many elements something has. */
  items: string;
  /** How a run ended whose kernel was restarted. */
  restarted: string;
  /** Of a run that is not heard of as nobody is signed in. */
  signedOut: string;
  /** On that button where there is room for none. */
  tables: string;
}

const en: Words = {
  allTables: "The table|All {n} tables",
  characters: "{n} character|{n} characters",
  death: {
    deleted: "It was ended by hand.", exit: "Its process ended by itself (exit code {code}).", idle: "Nothing had run in it for long.", limit: "It went over a limit: {detail}.",
    lost: "Nobody saw how it ended.", memory: "It needed more memory than it may have.", restarted: "It was restarted.", shutdown: "The service was stopped.",
    signal: "It was ended by signal {signal}.", startFailed: "It could not be started.", unresponsive: "It did not react to being stopped.", userDisabled: "The account was disabled.",
  },
  died: "Kernel died",
  items: "{n} item|{n} items",
  restarted: "Kernel restarted",
  signedOut: "You are signed out. What it does is shown once you sign in again.",
  tables: "{n} table|{n} tables",
};

const zh: Words = {
  allTables: "全部 {n} 个表格",
  characters: "{n} 个字符",
  death: {
    deleted: "已被手动结束。", exit: "进程自行退出（退出码 {code}）。", idle: "长时间没有运行代码。", limit: "超出限制：{detail}。",
    lost: "不清楚它是如何结束的。", memory: "内存超出上限。", restarted: "已被重启。", shutdown: "服务已停止。",
    signal: "被信号 {signal} 终止。", startFailed: "未能启动。", unresponsive: "未响应停止请求。", userDisabled: "账号已被停用。",
  },
  died: "内核异常终止",
  items: "{n} 项",
  restarted: "内核已重启",
  signedOut: "登录已失效，重新登录后会显示运行情况。",
  tables: "{n} 个表格",
};

export const WORDS: Record<Language, Words> = { en, "zh-CN": zh };

// The words for what the machine gives to kernels. Loaded apart, as only administrators meet them; with nothing but types
// imported, since what both loads need would be split off from the first.
import type { IsolationLevel, KernelStart } from "../gen/fenxi/analysis/v1/kernel_pb";
import type { Language } from "./i18n";

export interface Words {
  tab: string;
  text: string;
  start: string;
  /** By the way in force; what it is, and what it costs. */
  starts: Record<keyof typeof KernelStart, { name: string; text: string }>;
  /** In place of a better way. */
  degraded: string;
  failed: string;
  apart: string;
  inForce: string;
  layers: string;
  levels: Record<keyof typeof IsolationLevel, { name: string; text: string }>;
  complete: string;
  missing: string;
  untried: string;
  obstacles: string;
}

const en: Words = {
  tab: "Kernels", text: "How kernels are started on this machine, and what keeps them apart.",
  start: "Start",
  starts: {
    UNSPECIFIED: { name: "Being found out", text: "Which way works here is being tried." },
    FORKED: { name: "Forked (deep)", text: "From a process with libraries and application: at once, and with shared memory." },
    FORKED_WARM: { name: "Forked (warm)", text: "From a process with the libraries." },
    PLAIN: { name: "Program of its own", text: "Each loads its libraries by itself: in seconds, and with memory of its own for all of them." },
  },
  degraded: "Wanted was “{wanted}”, which does not work here. Analyses start more slowly and take more memory.",
  failed: "Why “{way}” was given up",
  apart: "Isolation", inForce: "In force", layers: "Layers",
  levels: {
    UNSPECIFIED: { name: "Not known yet", text: "" },
    NONE: { name: "none", text: "For a person at their own machine." },
    STANDARD: { name: "standard", text: "For one's own users and their mistakes." },
    STRICT: { name: "strict", text: "For users who distrust each other." },
  },
  complete: "Can be had", missing: "Missing", untried: "Nothing is tried without isolation.",
  obstacles: "Steps that this machine refused",
};

const zh: Words = {
  tab: "内核", text: "内核在这台机器上如何启动，以及如何相互隔离。",
  start: "启动方式",
  starts: {
    UNSPECIFIED: { name: "正在确定", text: "正在试验这里可用的方式。" },
    FORKED: { name: "完全派生", text: "从已加载库和应用的进程派生：立即可用，共享内存。" },
    FORKED_WARM: { name: "部分派生", text: "从已加载库的进程派生。" },
    PLAIN: { name: "独立程序", text: "每个内核自行加载库：需要数秒，且各占内存。" },
  },
  degraded: "应为“{wanted}”，但在这里不可用。分析启动更慢，占用内存更多。",
  failed: "放弃“{way}”的原因",
  apart: "隔离", inForce: "当前", layers: "隔离层",
  levels: {
    UNSPECIFIED: { name: "尚未确定", text: "" },
    NONE: { name: "none", text: "适合在自己的机器上单人使用。" },
    STANDARD: { name: "standard", text: "防范自己用户的失误。" },
    STRICT: { name: "strict", text: "适合互不信任的用户。" },
  },
  complete: "可用", missing: "缺少", untried: "未启用隔离，不作试验。",
  obstacles: "这台机器拒绝的步骤",
};

export const WORDS: Record<Language, Words> = { en, "zh-CN": zh };

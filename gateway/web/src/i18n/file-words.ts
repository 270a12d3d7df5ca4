// The words for the files of a kernel. Loaded with them.
import type { Language } from "./i18n";

interface Words {
  title: string;
  hint: string;
  own: string;
  empty: string;
  more: string;
  download: string;
  makeDataset: string;
  cut: string;
  other: string;
  refresh: string;
  stop: string;
}

const en: Words = {
  title: "Files",
  hint: "What code writes into its working folder, such as df.to_csv(\"result.csv\"). The folder goes with the kernel.",
  own: "Working folder",
  empty: "Nothing is in this folder.",
  more: "There are more files than are shown.",
  download: "Download {name}",
  makeDataset: "Make a dataset of {name}",
  cut: "The file was changed while it was read. Try again.",
  other: "link or device",
  refresh: "Refresh",
  stop: "Stop",
};

const zh: Words = {
  title: "文件",
  hint: "代码写入其工作目录的文件，例如 df.to_csv(\"result.csv\")。该目录随内核一起删除。",
  own: "工作目录",
  empty: "此目录为空。",
  more: "文件过多，未全部显示。",
  download: "下载 {name}",
  makeDataset: "将 {name} 创建为数据集",
  cut: "读取期间文件被修改，请重试。",
  other: "链接或设备",
  refresh: "刷新",
  stop: "停止",
};

export const WORDS: Record<Language, Words> = { en, "zh-CN": zh };

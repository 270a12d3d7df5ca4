// A browser and a system out of a User-Agent, as far as a person needs them to know their own devices.

const BROWSERS: [RegExp, string][] = [
  [/Lark\//, "Lark"], [/Feishu/i, "Feishu"], [/Edg\//, "Edge"], [/OPR\//, "Opera"], [/Firefox\//, "Firefox"],
  [/HeadlessChrome\//, "Chrome"], [/Chrome\//, "Chrome"], [/Version\/[\d.]+.*Safari\//, "Safari"],
];
const SYSTEMS: [RegExp, string][] = [
  [/Windows/, "Windows"], [/iPhone|iPad/, "iOS"], [/Android/, "Android"], [/Mac OS X|Macintosh/, "macOS"], [/CrOS/, "ChromeOS"], [/Linux/, "Linux"],
];

export function deviceName(userAgent: string): string {
  const find = (list: [RegExp, string][]) => list.find(([pattern]) => pattern.test(userAgent))?.[1];
  const browser = find(BROWSERS);
  if (!browser) return userAgent.slice(0, 60);
  return [browser, find(SYSTEMS)].filter(Boolean).join(" · ");
}

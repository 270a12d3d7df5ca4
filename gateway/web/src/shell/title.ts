// What stands on the tab: where one is, and whether something runs there.
import { useEffect } from "react";
import { isolated, useT } from "../i18n/i18n";

/** `waiting` for a person's answer, `ending` for want of work. */
export type Mark = "" | "running" | "waiting" | "failed" | "ending";

/** The tab's text. A mark comes first, so that it is seen when tabs are narrow. */
export function titleOf(app: string, name: string, mark: Mark = ""): string {
  const sign = { "": "", running: "● ", waiting: "? ", failed: "✕ ", ending: "! " }[mark];
  return sign + (name === "" ? app : `${isolated(name)} · ${app}`);
}

export function useTitle(name: string, mark?: Mark): void {
  const t = useT();
  const title = titleOf(t("app.name"), name, mark);
  useEffect(() => {
    document.title = title;
  }, [title]);
}

// Light, dark, or as the system has it; kept in this browser.
import { useSyncExternalStore } from "react";
import { Notifier, useNotifier } from "../execution/store";
import { keep, kept } from "../ui/kept";

export type Theme = "system" | "light" | "dark";

const STORED_AS = "fenxi.theme";
const notifier = new Notifier();
const dark = window.matchMedia("(prefers-color-scheme: dark)");
let theme: Theme = read();

function read(): Theme {
  const stored = kept(STORED_AS);
  return stored === "light" || stored === "dark" ? stored : "system";
}

function apply(): void {
  if (theme === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
}

apply();

export function setTheme(next: Theme): void {
  theme = next;
  apply();
  keep(STORED_AS, next);
  notifier.flush();
}

export function useTheme(): Theme {
  useNotifier(notifier);
  return theme;
}

/** What is really shown. */
export function useResolvedTheme(): "light" | "dark" {
  const chosen = useTheme();
  const system = useSyncExternalStore(
    (listener) => {
      dark.addEventListener("change", listener);
      return () => dark.removeEventListener("change", listener);
    },
    () => dark.matches,
  );
  return chosen === "system" ? (system ? "dark" : "light") : chosen;
}

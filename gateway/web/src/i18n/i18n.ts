// The page's language: a typed catalogue a language, numbers and times as that language writes them.
import { useNotifier, Notifier } from "../execution/store";
import { keep, kept } from "../ui/kept";
import { en } from "./en";
import { zh } from "./zh";

type Translated<T> = { [K in keyof T]: T[K] extends string ? string : Translated<T[K]> };
export type Messages = Translated<typeof en>;
export type Language = "zh-CN" | "en";

type Paths<T, P extends string = ""> = {
  [K in keyof T & string]: T[K] extends string ? `${P}${K}` : Paths<T[K], `${P}${K}.`>;
}[keyof T & string];
export type MessageKey = Paths<typeof en>;

export type Params = Record<string, string | number | bigint>;

const STORED_AS = "fenxi.language";
const notifier = new Notifier();
let language: Language = initial();

function initial(): Language {
  const stored = kept(STORED_AS);
  if (stored === "en" || stored === "zh-CN") return stored;
  const wanted = typeof navigator === "undefined" ? ["en"] : (navigator.languages ?? [navigator.language]);
  return wanted[0]?.toLowerCase().startsWith("zh") ? "zh-CN" : "en";
}

export function currentLanguage(): Language {
  return language;
}

export function setLanguage(next: Language): void {
  language = next;
  document.documentElement.lang = next;
  keep(STORED_AS, next);
  notifier.flush();
}

export function currentMessages(): Messages {
  return language === "en" ? en : zh;
}

/** What is written from right to left, or turns the direction of what is. */
const TURNS = /[\u0590-\u08ff\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/** Text of a person's to stand among other text: written from right to left, it would take numbers and signs beside it along. */
export function isolated(text: string): string {
  return TURNS.test(text) ? `\u2068${text}\u2069` : text;
}

/** Fills `{name}` places; of `one|many` the part that fits `n`. */
export function fill(message: string, params: Params = {}): string {
  const forms = message.split("|");
  const form = forms.length === 2 && Number(params["n"]) !== 1 ? forms[1] : forms[0];
  return (form ?? "").replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = params[name];
    if (value === undefined) return whole;
    return typeof value === "string" ? isolated(value) : value.toLocaleString(language);
  });
}

export function translate(key: MessageKey, params?: Params): string {
  let at: unknown = currentMessages();
  for (const part of key.split(".")) at = (at as Record<string, unknown>)[part];
  return fill(at as string, params);
}

/** The words of the page; draws again when the language changes. */
export function useT(): typeof translate {
  useNotifier(notifier);
  return translate;
}

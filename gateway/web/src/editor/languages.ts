// The languages that are coloured. Python comes with the editor; others are fetched when there is such a kernel; what is
// not known is plain text.
import { python, pythonLanguage } from "@codemirror/lang-python";
import { LanguageSupport, type Language } from "@codemirror/language";
import type { Extension } from "@codemirror/state";

const support = new Map<string, LanguageSupport>([["python", python()]]);
const others = new Map<string, () => Promise<Language>>([["r", async () => (await import("./r")).r]]);

/** Fetches what a language needs, once. Without it the text stays plain. */
export async function loadLanguage(name: string): Promise<void> {
  if (support.has(name)) return;
  const language = await others.get(name)?.().catch(() => null);
  if (language) support.set(name, new LanguageSupport(language));
}

export function languageNow(name: string): Extension {
  return support.get(name) ?? [];
}

/** Null where it stays plain text. */
export function parserNow(name: string): Language["parser"] | null {
  return name === "python" ? pythonLanguage.parser : (support.get(name)?.language.parser ?? null);
}

// Completion from the kernel, with the words of the cell where the kernel does not answer. The contract counts cursors in
// Unicode code points, the browser in UTF-16 units.
import { completeAnyWord, type CompletionContext, type CompletionResult, type CompletionSource } from "@codemirror/autocomplete";
import { syntaxTree } from "@codemirror/language";

export interface KernelCompletions {
  completions: { text: string; type: string }[];
  replaceStart: number;
  replaceEnd: number;
  more: boolean;
}

/** Asks for what may stand at the cursor; null where there is no kernel that answers. */
export type Complete = (code: string, cursor: number, signal: AbortSignal) => Promise<KernelCompletions | null>;

/** After so long, words are shown, if there are any that fit: a person types on. */
const KERNEL_WAIT_MS = 1_500;
/** After so long, the kernel is not waited for any more. */
const KERNEL_MAX_MS = 10_000;

/** Code points before a place in UTF-16 units. */
export function toCodePoints(text: string, units: number): number {
  return Array.from(text.slice(0, units)).length;
}

/** The place in UTF-16 units that has so many code points before it; the text's end if it has fewer. */
export function toUnits(text: string, codePoints: number): number {
  let at = 0;
  for (let left = codePoints; left > 0 && at < text.length; left--) at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
  return at;
}

export function kernelSource(complete: Complete): CompletionSource {
  return async (context) => {
    if (!context.explicit && !isWanted(context)) return null;
    const code = context.state.doc.toString();
    const given = new AbortController();
    context.addEventListener("abort", () => given.abort());
    const signal = AbortSignal.any([given.signal, AbortSignal.timeout(KERNEL_MAX_MS)]);
    const answer = complete(code, toCodePoints(code, context.pos), signal).catch(() => null);
    const late = new Promise<"late">((resolve) => setTimeout(resolve, KERNEL_WAIT_MS, "late"));
    const words = await completeAnyWord(context);
    let found = await Promise.race([answer, late]);
    // Nothing instead would close the list that is shown meanwhile. Whoever types on wants something else.
    if (found === "late" && !fits(words, context) && !hasTypedOn(context)) {
      context.addEventListener("abort", () => given.abort(), { onDocChange: true });
      found = await answer;
    }
    given.abort();
    if (context.aborted) return null;
    if (found && found !== "late" && found.completions.length > 0) return resultOf(code, found, context.pos);
    // Without `validFor`, it is asked again for what is written by then; without a result it would not be.
    if (found === "late" || hasTypedOn(context)) return { from: words?.from ?? context.pos, options: words?.options ?? [] };
    return words;
  };
}

/** Whether a word begins with what is written. */
function fits(words: CompletionResult | null, { state, pos }: CompletionContext): boolean {
  const written = words ? state.sliceDoc(words.from, pos) : "";
  return words?.options.some(({ label }) => label !== written && label.startsWith(written)) ?? false;
}

/** Whether the text is another by now; in an editor, no other question is asked before this one has its answer. */
function hasTypedOn({ state, view }: CompletionContext): boolean {
  return view !== undefined && view.state.doc !== state.doc;
}

/** Whether completions are to come by themselves: behind a name or a dot, in code. */
function isWanted(context: CompletionContext): boolean {
  if (!context.matchBefore(/[\p{L}_][\p{L}\p{N}_]*\.?$|[)\]]\.$/u)) return false;
  return !/string|comment/i.test(syntaxTree(context.state).resolveInner(context.pos, -1).name);
}

function resultOf(code: string, found: KernelCompletions, pos: number): CompletionResult {
  const options = found.completions.map(({ text, type }, index) => ({
    label: text,
    type,
    ...(type ? { detail: type } : {}),
    // The kernel's order, among those that fit as well.
    boost: -Math.min(99, index / 4),
  }));
  const to = toUnits(code, found.replaceEnd);
  return {
    from: toUnits(code, found.replaceStart),
    ...(to === pos ? {} : { to }),
    options,
    ...(found.more ? {} : { validFor: /^[\p{L}\p{N}_]*$/u }),
  };
}

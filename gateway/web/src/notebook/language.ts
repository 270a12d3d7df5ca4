// What the cells of a kernel are written in.
import type { Kernel } from "../gen/fenxi/analysis/v1/kernel_pb";
import type { KernelSpec } from "../gen/fenxi/analysis/v1/kernel_spec_pb";

/** As the built-in kind is called, which needs no list to be known. */
const BUILT_IN = "python3";

const NAMES: Record<string, string> = { python: "Python", r: "R", julia: "Julia", javascript: "JavaScript", bash: "Bash", sql: "SQL" };

/** The kind of a kernel, if the list has it. */
export function specOf(kernel: Kernel | null, specs: KernelSpec[]): KernelSpec | undefined {
  return kernel ? specs.find((each) => each.name === (kernel.kernelSpec || BUILT_IN)) : undefined;
}

/** In lower case; empty where it is not known. */
export function languageOf(kernel: Kernel | null, spec: KernelSpec | undefined): string {
  return spec?.language ?? (kernel && (kernel.kernelSpec || BUILT_IN) === BUILT_IN ? "python" : "");
}

/** What was run in a kernel was written in, as far as it is known yet or still: Python, unless it is known to be otherwise. */
export function formerLanguage(kernel: Kernel | null, specs: KernelSpec[]): string {
  return kernel ? languageOf(kernel, specOf(kernel, specs)) : "python";
}

/** As a person calls it; empty where it is not known. */
export function languageName(language: string): string {
  if (language === "") return "";
  return Object.hasOwn(NAMES, language) ? (NAMES[language] as string) : language.charAt(0).toUpperCase() + language.slice(1);
}

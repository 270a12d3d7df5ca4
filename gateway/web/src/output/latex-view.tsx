// LaTeX with its formulas drawn, and all else as it is written.
import { useEffect, useMemo, useRef } from "react";
import { partsOf, type Maths } from "./maths";
import { MATHS_CLASS, typeset } from "./typeset";

export function LatexView({ text }: { text: string }) {
  const host = useRef<HTMLDivElement>(null);
  const parts = useMemo(() => partsOf(text), [text]);
  useEffect(() => {
    const { current } = host;
    if (!current) return;
    current.replaceChildren(...parts.map((part) => (typeof part === "string" ? part : elementOf(part))));
    // Without the library the formulas stay as they are written.
    typeset(current).catch(() => {});
  }, [parts]);
  return <div ref={host} className="rich-html rich-latex" data-testid="output-latex" />;
}

function elementOf({ raw, display }: Maths): HTMLElement {
  const element = document.createElement(display ? "div" : "span");
  element.className = MATHS_CLASS;
  element.textContent = raw;
  return element;
}

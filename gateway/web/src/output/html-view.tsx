// HTML that only shows: cleaned to tables, text and inline pictures, and put in the page as nodes, never as a string.
import DOMPurify from "dompurify";
import { useEffect, useRef } from "react";
import { MATHS_CLASS } from "./typeset";

/** `table` classes that pandas gives and our style sheet knows, and our own of formulas; others could borrow the app's looks. */
const CLASSES = new Set(["dataframe", MATHS_CLASS]);

const purifier = DOMPurify(window);
purifier.addHook("afterSanitizeAttributes", (node) => {
  const kept = (node.getAttribute("class") ?? "").split(/\s+/).filter((name) => CLASSES.has(name));
  if (kept.length > 0) node.setAttribute("class", kept.join(" "));
  else node.removeAttribute("class");
  // A file beside the notebook is the kernel's: the address would be one of ours, where it is not.
  if (!/^(https?|mailto):/i.test(node.getAttribute("href") ?? "")) node.removeAttribute("href");
  if (node.hasAttribute("href")) {
    node.setAttribute("target", "_blank");
    node.setAttribute("rel", "noopener noreferrer nofollow");
  }
  const source = node.getAttribute("src");
  if (source !== null && !/^data:image\/(png|jpeg|gif|webp);/i.test(source)) node.removeAttribute("src");
});

const RULES = {
  USE_PROFILES: { html: true },
  FORBID_TAGS: ["style", "form", "input", "button", "select", "textarea", "dialog", "video", "audio", "picture", "source"],
  FORBID_ATTR: ["border", "bgcolor", "srcset", "action", "formaction", "background", "autofocus", "tabindex", "popover"],
  ALLOW_DATA_ATTR: false,
  SANITIZE_NAMED_PROPS: true,
  RETURN_DOM_FRAGMENT: true,
} as const;

export function clean(html: string): DocumentFragment {
  return purifier.sanitize(html, { ...RULES, FORBID_TAGS: [...RULES.FORBID_TAGS], FORBID_ATTR: [...RULES.FORBID_ATTR] });
}

/** `onDrawn` is told each time that other HTML stands in the page; it is the same function always. */
export function HtmlView({ html, onDrawn }: { html: string; onDrawn?: (host: HTMLElement) => void }) {
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const { current } = host;
    if (!current) return;
    current.replaceChildren(clean(html));
    onDrawn?.(current);
  }, [html, onDrawn]);
  return <div ref={host} className="rich-html" data-testid="output-html" />;
}

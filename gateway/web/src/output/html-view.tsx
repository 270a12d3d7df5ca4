// HTML that only shows: cleaned to tables, text and inline pictures, and put in the page as nodes, never as a string.
import DOMPurify from "dompurify";
import { useEffect, useRef } from "react";

/** `table` classes that pandas gives and our style sheet knows; others could borrow the app's looks. */
const CLASSES = new Set(["dataframe"]);

const purifier = DOMPurify(window);
purifier.addHook("afterSanitizeAttributes", (node) => {
  const kept = (node.getAttribute("class") ?? "").split(/\s+/).filter((name) => CLASSES.has(name));
  if (kept.length > 0) node.setAttribute("class", kept.join(" "));
  else node.removeAttribute("class");
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

export function HtmlView({ html }: { html: string }) {
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    host.current?.replaceChildren(clean(html));
  }, [html]);
  return <div ref={host} className="rich-html" data-testid="output-html" />;
}

// Where to go after signing in: a path of this app and nothing else.

const PATH_MAX_CHARS = 2_000;

export function safePath(wanted: string | null | undefined): string {
  if (!wanted || wanted.length > PATH_MAX_CHARS || !wanted.startsWith("/")) return "/";
  // Browsers read a backslash as a slash and skip tabs and line ends: both turn a path into another host.
  // eslint-disable-next-line no-control-regex
  if (/[\\\x00-\x20\x7f]/.test(wanted)) return "/";
  const url = new URL(wanted, "http://fenxi.invalid");
  if (url.host !== "fenxi.invalid" || url.pathname.startsWith("//")) return "/";
  if (/^\/(login|setup)(\/|$)/.test(url.pathname)) return "/";
  return url.pathname + url.search + url.hash;
}

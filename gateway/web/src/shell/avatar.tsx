// A person as initials on a colour of their own. Pictures of other hosts are never loaded: that would tell those hosts
// who looks at this page.
import type { User } from "../gen/fenxi/auth/v1/user_pb";

const HUES = [222, 262, 190, 152, 28, 340, 205, 95];

/**
 * Of a Chinese name, alone or among other words, the last two characters, which are the given name; of any other the
 * first letters of its first two words.
 */
export function initialsOf(name: string): string {
  // Behind a name, brackets hold what is none: a department, a nickname.
  const bare = name.replace(/(?<=\S)\s*[(（].*$/u, "");
  const chinese = bare.match(/\p{Script=Han}+/gu);
  if (chinese) return Array.from(chinese.at(-1) ?? "").slice(-2).join("");
  const words = bare.match(/[\p{L}\p{N}][\p{L}\p{N}\p{M}']*/gu) ?? ["?"];
  return words.slice(0, 2).map((word) => Array.from(word)[0]?.toUpperCase()).join("");
}

export function Avatar({ user }: { user: User }) {
  const name = user.displayName || user.username;
  const sum = Array.from(user.userId).reduce((total, char) => total + char.charCodeAt(0), 0);
  return (
    <span className="avatar" aria-hidden style={{ backgroundColor: `hsl(${HUES[sum % HUES.length]} 55% 38%)` }}>
      {initialsOf(name)}
    </span>
  );
}

// A person as initials on a colour of their own. Pictures of other hosts are never loaded: that would tell those hosts
// who looks at this page.
import type { User } from "../gen/fenxi/auth/v1/user_pb";

const HUES = [222, 262, 190, 152, 28, 340, 205, 95];

export function initialsOf(name: string): string {
  const trimmed = name.trim();
  if (trimmed === "") return "?";
  if (/\p{Script=Han}/u.test(trimmed)) return Array.from(trimmed).slice(-2).join("");
  const words = trimmed.split(/[\s._-]+/).filter(Boolean);
  return words.slice(0, 2).map((word) => Array.from(word)[0]?.toUpperCase() ?? "").join("");
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

// Who is signed in. Screens behind the login stand inside RequireUser and may ask useUser.
import { Code } from "@connectrpc/connect";
import { useQuery } from "@connectrpc/connect-query";
import { createContext, useContext, useEffect, useState, type ReactNode } from "react";
import { Redirect, useLocation } from "wouter";
import { codeOf } from "../api/errors";
import { AuthService } from "../gen/fenxi/auth/v1/auth_pb";
import { UserRole, type User } from "../gen/fenxi/auth/v1/user_pb";
import { Failed, Spinner } from "../ui/states";
import { signedIn, watchLogin } from "./login-watch";

const UserContext = createContext<User | null>(null);

export function useUser(): User {
  const user = useContext(UserContext);
  if (!user) throw new Error("useUser stands outside RequireUser");
  return user;
}

export function isAdministrator(user: User): boolean {
  return user.role === UserRole.ADMINISTRATOR;
}

export function RequireUser({ children }: { children: ReactNode }) {
  const [path] = useLocation();
  const { data, error, refetch } = useQuery(AuthService.method.getCurrentUser, {});
  // Someone who was signed in stays on the page when the login runs out: a banner asks, and the work is kept.
  if (data?.user) return <Owned user={data.user}>{children}</Owned>;
  if (error && codeOf(error) === Code.Unauthenticated) {
    const wanted = path + window.location.search;
    return <Redirect to={wanted === "/" ? "/login" : `/login?return_to=${encodeURIComponent(wanted)}`} replace />;
  }
  if (error) return <Failed error={error} onRetry={() => void refetch()} />;
  return <Spinner />;
}

/** A page is one person's as long as it is open, whatever the answer to who is signed in becomes. */
function Owned({ user, children }: { user: User; children: ReactNode }) {
  const [userId] = useState(user.userId);
  useEffect(() => {
    const gone = new AbortController();
    watchLogin(userId, gone.signal);
    return () => gone.abort();
  }, [userId]);
  const another = user.userId !== userId;
  useEffect(() => {
    if (another) signedIn(user, userId);
  }, [another, user, userId]);
  return another ? <Spinner /> : <UserContext value={user}>{children}</UserContext>;
}

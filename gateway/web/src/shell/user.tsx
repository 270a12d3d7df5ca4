// Who is signed in. Screens behind the login stand inside RequireUser and may ask useUser.
import { Code } from "@connectrpc/connect";
import { useQuery } from "@connectrpc/connect-query";
import { createContext, useContext, type ReactNode } from "react";
import { Redirect, useLocation } from "wouter";
import { codeOf } from "../api/errors";
import { AuthService } from "../gen/fenxi/auth/v1/auth_pb";
import { UserRole, type User } from "../gen/fenxi/auth/v1/user_pb";
import { Failed, Spinner } from "../ui/states";

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
  if (data?.user) return <UserContext value={data.user}>{children}</UserContext>;
  if (error && codeOf(error) === Code.Unauthenticated) {
    const wanted = path + window.location.search;
    return <Redirect to={wanted === "/" ? "/login" : `/login?return_to=${encodeURIComponent(wanted)}`} replace />;
  }
  if (error) return <Failed error={error} onRetry={() => void refetch()} />;
  return <Spinner />;
}

import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { loginState } from "../api/login-state";
import { UserSchema } from "../gen/fenxi/auth/v1/user_pb";
import { announceLogin, signedIn, watchLogin } from "./login-watch";

const service = vi.hoisted(() => ({ asked: 0, answer: async (): Promise<unknown> => ({}) }));
vi.mock("../api/transport", () => ({ auth: { getCurrentUser: () => (service.asked++, service.answer()) } }));

type Told = (event: { key?: string | null }) => void;
const user = (userId: string) => create(UserSchema, { userId });
const settle = () => new Promise<void>((resolve) => setTimeout(resolve));
let listeners: Map<string, Told>;
let left: string[];
let resumed: boolean;
let stop: AbortController;

beforeEach(() => {
  [listeners, left, resumed, stop, service.asked] = [new Map(), [], false, new AbortController(), 0];
  const addEventListener = (name: string, told: Told) => listeners.set(name, told);
  vi.stubGlobal("window", { addEventListener, location: { assign: (path: string) => left.push(path) } });
  vi.stubGlobal("document", { addEventListener, visibilityState: "visible" });
  // Other tabs hear of a change.
  vi.stubGlobal("localStorage", { setItem: (key: string) => listeners.get("storage")?.({ key }) });
  loginState.expire();
  void loginState.renewed(new AbortController().signal).then(() => (resumed = true));
  watchLogin("u", stop.signal);
});

afterEach(() => {
  stop.abort();
  loginState.renew();
  vi.unstubAllGlobals();
});

test("a login made in another tab is found by its word, and when the page is looked at", async () => {
  service.answer = async () => Promise.reject(new ConnectError("no", Code.Unauthenticated));
  listeners.get("visibilitychange")?.({});
  await settle();
  listeners.get("storage")?.({ key: "fenxi.theme" });
  Object.assign(document, { visibilityState: "hidden" });
  listeners.get("visibilitychange")?.({});
  await settle();
  expect([service.asked, loginState.expired, resumed]).toEqual([1, true, false]);
  service.answer = async () => ({ user: user("u") });
  announceLogin();
  await settle();
  expect([service.asked, loginState.expired, resumed, left]).toEqual([2, false, true, []]);
  listeners.get("focus")?.({});
  expect(service.asked).toBe(2);
});

test("another person's login is not overlooked by a page whose own login holds", async () => {
  loginState.renew();
  service.answer = async () => ({ user: user("u") });
  announceLogin();
  await settle();
  expect([service.asked, left]).toEqual([1, []]);
  service.answer = async () => ({ user: user("other") });
  announceLogin();
  await settle();
  expect([service.asked, left]).toEqual([2, ["/"]]);
});

test("another person's login resumes nothing of this page", async () => {
  service.answer = async () => ({ user: user("other") });
  listeners.get("visibilitychange")?.({});
  await settle();
  expect([loginState.expired, resumed, left]).toEqual([true, false, ["/"]]);
  signedIn(user("other"), "u");
  await settle();
  expect([loginState.expired, resumed]).toEqual([true, false]);
});

// The two calls a notebook begins with: the executions of a kernel, and one more of them.
import { Code, ConnectError } from "@connectrpc/connect";
import { detailsOf } from "../api/error-details";
import { codeOf, mayReopen } from "../api/errors";
import { loginState } from "../api/login-state";
import { executions } from "../api/transport";
import { backoffMs } from "../execution/follow";
import { pause } from "../execution/patience";
import { DependencyCondition, ExecutionState, type Execution } from "../gen/fenxi/analysis/v1/execution_pb";

const PAGE_SIZE = 100;
/** The newest executions of a kernel that a page shows. */
const PAGES_MAX = 5;

/** What is sent to be run. */
export interface Order {
  kernelId: string;
  code: string;
  requestId: string;
  /** Begins only if this one has not failed; empty: in any case. */
  dependsOnExecutionId: string;
}

/** The newest executions of a kernel, oldest first. */
export async function listAll(kernelId: string, signal: AbortSignal): Promise<Execution[]> {
  const list: Execution[] = [];
  let pageToken = "";
  for (let page = 0; page < PAGES_MAX; page++) {
    const answer = await executions.listExecutions({ kernelId, pageSize: PAGE_SIZE, pageToken }, { signal });
    list.push(...answer.executions);
    pageToken = answer.nextPageToken;
    if (pageToken === "") break;
  }
  return list.toReversed();
}

/**
 * Sends code and gives the execution as soon as it is taken; its events are watched apart. Sent again after a drop
 * with the same request_id, so that it runs once, for as long as it is `wanted`.
 */
export async function sendExecute(order: Order, signal: AbortSignal, wanted: () => boolean): Promise<Execution> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await firstExecution(order, signal);
    } catch (error) {
      if (signal.aborted || !worthRepeating(error) || !wanted()) throw error;
      await pause(backoffMs(attempt), signal);
      await loginState.renewed(signal);
      if (!wanted()) throw error;
    }
  }
}

/** Only what the way broke or the service had no time for: a full queue or a dead kernel is for the person to know. */
export function worthRepeating(error: unknown): boolean {
  const code = codeOf(error);
  if (code === Code.Unauthenticated) return mayReopen(error);
  const { reason } = detailsOf(error);
  if (code === Code.Unavailable || code === Code.DeadlineExceeded || reason === "OVERLOADED") return true;
  return reason === "" && code === Code.Unknown;
}

/** The executions of a kernel that wait or run, as soon as the service can be asked. */
export async function listAlive(kernelId: string, signal: AbortSignal): Promise<Execution[]> {
  const states = [ExecutionState.QUEUED, ExecutionState.RUNNING];
  for (let attempt = 0; ; attempt++) {
    try {
      return (await executions.listExecutions({ kernelId, pageSize: PAGE_SIZE, states }, { signal })).executions;
    } catch (error) {
      if (signal.aborted || !mayReopen(error)) throw error;
      await pause(backoffMs(attempt), signal);
      await loginState.renewed(signal);
    }
  }
}

async function firstExecution(order: Order, signal: AbortSignal): Promise<Execution> {
  const leave = new AbortController();
  // What a person stops leaves the others alone.
  const dependencyCondition = order.dependsOnExecutionId ? DependencyCondition.NOT_FAILED : DependencyCondition.UNSPECIFIED;
  const either = AbortSignal.any([signal, leave.signal]);
  try {
    for await (const message of executions.execute({ ...order, dependencyCondition }, { signal: either })) {
      if (message.execution) return message.execution;
    }
  } finally {
    leave.abort();
  }
  throw new ConnectError("the stream ended before it began", Code.Unavailable);
}

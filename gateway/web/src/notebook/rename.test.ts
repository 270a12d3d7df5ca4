import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { KernelState, type Kernel } from "../gen/fenxi/analysis/v1/kernel_pb";
import { house, kernel, service, settle } from "./test-house";

type Asked = { kernel: { kernelId: string; displayName: string }; updateMask: { paths: string[] }; requestId: string };

test("another name shows when it is answered, of a kernel that has ended too", async () => {
  const asked: Asked[] = [];
  service.kernels["updateKernel"] = async (request: Asked) => {
    asked.push(request);
    return { kernel: kernel({ state: KernelState.DEAD, revision: 2n, displayName: request.kernel.displayName }) };
  };
  await settle();
  // The stream of a dead kernel says no more.
  house.streams[0]!.say({ kernel: kernel({ state: KernelState.DEAD, revision: 1n, displayName: "before" }) });
  house.streams[0]!.end();
  await settle();
  await house.session.link.rename("after");
  expect(house.session.kernel?.displayName).toBe("after");
  expect(asked.map(({ kernel: of, updateMask }) => [of, updateMask.paths])).toEqual([[{ kernelId: "k", displayName: "after" }, ["display_name"]]]);
  expect(asked[0]!.requestId).not.toBe("");
});

test("a name that was refused is not shown, and an answer that comes late is not either", async () => {
  await settle();
  house.streams[0]!.say({ kernel: kernel({ revision: 1n, displayName: "before" }) });
  await settle();
  service.kernels["updateKernel"] = () => Promise.reject(new ConnectError("no", Code.InvalidArgument));
  await expect(house.session.link.rename("refused")).rejects.toThrow("no");
  expect(house.session.kernel?.displayName).toBe("before");

  let answer: (given: { kernel: Kernel }) => void = () => {};
  service.kernels["updateKernel"] = () => new Promise((resolve) => (answer = resolve));
  const renaming = house.session.link.rename("mine");
  house.streams[0]!.say({ kernel: kernel({ revision: 3n, displayName: "theirs" }) });
  await settle();
  answer({ kernel: kernel({ revision: 2n, displayName: "mine" }) });
  await renaming;
  expect(house.session.kernel?.displayName).toBe("theirs");
});

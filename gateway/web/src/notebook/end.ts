// Ends a kernel for good.
import { newRequestId, queryClient } from "../api/query";
import { kernels } from "../api/transport";

export async function endKernel(kernelId: string): Promise<void> {
  await kernels.deleteKernel({ kernelId, requestId: newRequestId() });
  void queryClient.invalidateQueries();
}

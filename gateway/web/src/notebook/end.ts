// Ends a kernel for good.
import { changed, newRequestId } from "../api/query";
import { KernelService } from "../gen/fenxi/analysis/v1/kernel_pb";
import { kernels } from "../api/transport";

export async function endKernel(kernelId: string): Promise<void> {
  await kernels.deleteKernel({ kernelId, requestId: newRequestId() });
  void changed(KernelService);
}

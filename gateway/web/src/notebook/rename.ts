// Another name for a kernel, which is what a notebook is called.
import { newRequestId } from "../api/query";
import { kernels } from "../api/transport";

export function renameKernel(kernelId: string, displayName: string) {
  return kernels.updateKernel({ kernel: { kernelId, displayName }, updateMask: { paths: ["display_name"] }, requestId: newRequestId() });
}

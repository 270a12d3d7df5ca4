// The kinds of kernels there are. They change with the service's settings, and so hardly ever.
import { useQuery } from "@connectrpc/connect-query";
import { KernelService } from "../../gen/fenxi/analysis/v1/kernel_pb";

const FRESH_MS = 300_000;

export function useKernelSpecs(enabled = true) {
  const { data, error, isPending: pending, refetch } = useQuery(KernelService.method.listKernelSpecs, {}, { enabled, staleTime: FRESH_MS });
  return { specs: data?.kernelSpecs ?? [], error, pending, refetch };
}

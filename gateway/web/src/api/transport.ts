// The one way to the gateway: gRPC-web on the page's own origin, with the cookie that only the gateway reads.
import { createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { DatasetService } from "../gen/fenxi/analysis/v1/dataset_pb";
import { ExecutionService } from "../gen/fenxi/analysis/v1/execution_pb";
import { InspectionService } from "../gen/fenxi/analysis/v1/inspection_pb";
import { KernelFileService } from "../gen/fenxi/analysis/v1/kernel_file_pb";
import { KernelService } from "../gen/fenxi/analysis/v1/kernel_pb";
import { AuthService } from "../gen/fenxi/auth/v1/auth_pb";
import { heardDate } from "./clock";
import { saysLoginExpired } from "./error-details";
import { loginState } from "./login-state";

const noticeExpiry: Interceptor = (next) => async (request) => {
  try {
    return await next(request);
  } catch (error) {
    if (saysLoginExpired(error)) loginState.expire();
    throw error;
  }
};

const noticeDate: Interceptor = (next) => async (request) => {
  const response = await next(request);
  heardDate(response.header.get("date"));
  return response;
};

export const transport = createGrpcWebTransport({
  baseUrl: window.location.origin,
  useBinaryFormat: true,
  interceptors: [noticeExpiry, noticeDate],
  fetch: (input, init) => fetch(input, { ...init, credentials: "include" }),
});

export const datasets = createClient(DatasetService, transport);
export const executions = createClient(ExecutionService, transport);
export const inspections = createClient(InspectionService, transport);
export const kernels = createClient(KernelService, transport);
export const kernelFiles = createClient(KernelFileService, transport);
export const auth = createClient(AuthService, transport);

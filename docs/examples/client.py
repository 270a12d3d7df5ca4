"""Uploads a table, analyses it in a live kernel, and finds the analysis in the history: python client.py TABLE CODE.

Generate the stubs first (pip install grpcio grpcio-tools):
  python -m grpc_tools.protoc -I proto --python_out=stubs --grpc_python_out=stubs $(find proto -name '*.proto')
Then give the address of the gateway (FENXI_ADDRESS) and an ApiToken from the settings page (FENXI_SECRET).
"""

import os
import sys
import time
import uuid
from pathlib import Path

import grpc
from fenxi.analysis.v1 import dataset_pb2, dataset_pb2_grpc, execution_pb2, execution_pb2_grpc, kernel_pb2, kernel_pb2_grpc
from fenxi.analysis.v1.output_pb2 import OUTCOME_OK
from fenxi.history.v1 import history_pb2, history_pb2_grpc

PIECE_BYTES = 512 * 1024
channel = grpc.insecure_channel(os.environ["FENXI_ADDRESS"])
signed_in = [("authorization", f"Bearer {os.environ['FENXI_SECRET']}")]


def upload(path: Path):
    """Sends the file and gives the dataset that became of it."""
    datasets = dataset_pb2_grpc.DatasetServiceStub(channel)
    data = path.read_bytes()
    request = dataset_pb2.CreateUploadRequest(file_name=path.name, size_bytes=len(data), request_id=str(uuid.uuid4()))
    upload_id = datasets.CreateUpload(request, metadata=signed_in).upload.upload_id

    def pieces():
        yield dataset_pb2.WriteUploadRequest(upload_id=upload_id)
        for at in range(0, len(data), PIECE_BYTES):
            yield dataset_pb2.WriteUploadRequest(data=data[at : at + PIECE_BYTES])

    datasets.WriteUpload(pieces(), metadata=signed_in)
    request = dataset_pb2.CompleteUploadRequest(upload_id=upload_id, request_id=str(uuid.uuid4()))
    return datasets.CompleteUpload(request, metadata=signed_in).dataset


def run(dataset_id: str, code: str) -> tuple[str, bool]:
    """Runs the code in a kernel that holds the dataset as `df` and prints what it says: the execution's id, and whether it
    went well."""
    kernels = kernel_pb2_grpc.KernelServiceStub(channel)
    table = kernel_pb2.KernelDataset(dataset_id=dataset_id, variable_name="df")
    request = kernel_pb2.CreateKernelRequest(datasets=[table], request_id=str(uuid.uuid4()))
    kernel_id = kernels.CreateKernel(request, metadata=signed_in).kernel.kernel_id

    executions, outcome = execution_pb2_grpc.ExecutionServiceStub(channel), None
    request = execution_pb2.ExecuteRequest(kernel_id=kernel_id, code=code, request_id=str(uuid.uuid4()))
    for response in executions.Execute(request, metadata=signed_in):
        if response.HasField("execution"):
            execution_id = response.execution.execution_id
        kind = response.event.WhichOneof("event")
        if kind == "stream":
            print(response.event.stream.text, end="")
        elif kind == "result":
            print(next(part.text for part in response.event.result.bundle.parts if part.mime_type == "text/plain"))
        elif kind == "error":
            print("\n".join(response.event.error.traceback), file=sys.stderr)
        elif kind == "finished":
            outcome = response.event.finished.outcome
    kernels.DeleteKernel(kernel_pb2.DeleteKernelRequest(kernel_id=kernel_id), metadata=signed_in)
    return execution_id, outcome == OUTCOME_OK


def recorded(execution_id: str):
    """Gives the entry of the history, which is there a moment after the execution's end."""
    history = history_pb2_grpc.HistoryServiceStub(channel)
    for _ in range(100):
        for entry in history.ListHistory(history_pb2.ListHistoryRequest(page_size=20), metadata=signed_in).entries:
            if entry.execution_id == execution_id:
                return entry
        time.sleep(0.1)
    sys.exit("the history does not have it yet; it will once auth-service is back")


dataset = upload(Path(sys.argv[1]))
print(f"{dataset.name}: {dataset.row_count} rows, {dataset.column_count} columns")
execution_id, went_well = run(dataset.dataset_id, sys.argv[2])
entry = recorded(execution_id)
print("in the history:", entry.title, "->", entry.result_preview)
sys.exit(0 if went_well else 1)

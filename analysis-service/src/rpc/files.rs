//! `fenxi.analysis.v1.KernelFileService` on top of the room `kernels`.

use std::time::Duration;

use fenxi_chassis::caller;
use fenxi_proto::{
    analysis::v1::{
        KernelFile, KernelFileKind, ListKernelFilesRequest, ListKernelFilesResponse, ReadKernelFileRequest,
        ReadKernelFileResponse, kernel_file_service_server::KernelFileService,
    },
    error::{ErrorReason, Failure},
    id,
    time::timestamp,
};
use futures_util::{
    future::{BoxFuture, FutureExt as _},
    stream::{self, BoxStream, StreamExt as _},
};
use tokio_util::{io::ReaderStream, sync::CancellationToken};
use tonic::{Request, Response, Status};

use super::{kernels::failure::status, stopped};
use crate::{
    kernels::{
        files::{Entry, FilePath, Kind},
        registry::Registry,
    },
    places::Place,
};

/// The longest piece of a file.
const PIECE_BYTES: usize = 256 << 10;
/// When the next service may be asked.
const RETRY_AFTER: Duration = Duration::from_secs(2);

type Answer<T> = Result<Response<T>, Status>;

/// Serves the contract.
pub(super) struct KernelFileRpc {
    kernels: Registry,
    stopping: CancellationToken,
}

impl KernelFileRpc {
    /// Streams end soon after `stopping`.
    pub(super) fn new(kernels: Registry, stopping: CancellationToken) -> Self {
        Self { kernels, stopping }
    }
}

#[tonic::async_trait]
impl KernelFileService for KernelFileRpc {
    type ReadKernelFileStream = BoxStream<'static, Result<ReadKernelFileResponse, Status>>;

    async fn list_kernel_files(&self, request: Request<ListKernelFilesRequest>) -> Answer<ListKernelFilesResponse> {
        let user_id = caller::user(&request)?.user_id;
        let asked = request.into_inner();
        let kernel_id = id::parse_resource("kernel_id", &asked.kernel_id)?;
        let path = path_of(&asked.path)?;
        let listing = self.kernels.list_files(user_id, kernel_id, path).await.map_err(status)?;
        let files = listing.entries.into_iter().map(file).collect();
        Ok(Response::new(ListKernelFilesResponse { files, more: listing.more }))
    }

    async fn read_kernel_file(&self, request: Request<ReadKernelFileRequest>) -> Answer<Self::ReadKernelFileStream> {
        let user_id = caller::user(&request)?.user_id;
        let asked = request.into_inner();
        let kernel_id = id::parse_resource("kernel_id", &asked.kernel_id)?;
        let path = path_of(&asked.path)?;
        let offset = u64::try_from(asked.offset).map_err(|_| Failure::invalid("offset", "is negative"))?;
        let reading = self.kernels.read_file(user_id, kernel_id, path, offset).await.map_err(status)?;
        let size_bytes = i64::try_from(reading.size_bytes).unwrap_or(i64::MAX);
        let first = ReadKernelFileResponse { size_bytes, ..Default::default() };
        let stopping = self.stopping.clone();
        let rest = Rest {
            pieces: ReaderStream::with_capacity(tokio::fs::File::from_std(reading.file), PIECE_BYTES),
            _place: reading.place,
            stopped: async move { stopped(&stopping).await }.boxed(),
        };
        let rest = stream::unfold(Some(rest), |rest| async { rest?.next().await });
        Ok(Response::new(stream::once(async { Ok(first) }).chain(rest).boxed()))
    }
}

/// What is still to be read of a file; its user's place is taken as long.
struct Rest {
    pieces: ReaderStream<tokio::fs::File>,
    _place: Place,
    stopped: BoxFuture<'static, ()>,
}

impl Rest {
    /// The next piece; `None` after the end. Cut short it ends with an error, so that a part is never taken for the whole.
    async fn next(mut self) -> Option<(Result<ReadKernelFileResponse, Status>, Option<Self>)> {
        let piece = tokio::select! {
            biased;
            () = &mut self.stopped => {
                let text = "the service is stopping; read the file again from the byte you have";
                let failure = Failure::new(ErrorReason::Unavailable, text).retry_after(RETRY_AFTER);
                return Some((Err(failure.into()), None));
            }
            piece = self.pieces.next() => piece?,
        };
        Some(match piece {
            Ok(data) => (Ok(ReadKernelFileResponse { size_bytes: 0, data }), Some(self)),
            Err(error) => {
                let text = format!("the file cannot be read on: {error}");
                (Err(Failure::new(ErrorReason::FileUnreadable, text).into()), None)
            }
        })
    }
}

fn path_of(text: &str) -> Result<FilePath, Failure> {
    FilePath::parse(text).map_err(|problem| Failure::invalid("path", problem))
}

fn file(entry: Entry) -> KernelFile {
    let kind = match entry.kind {
        Kind::File => KernelFileKind::File,
        Kind::Folder => KernelFileKind::Folder,
        Kind::Other => KernelFileKind::Other,
    };
    KernelFile {
        name: entry.name,
        kind: kind.into(),
        size_bytes: i64::try_from(entry.size_bytes).unwrap_or(i64::MAX),
        modify_time: Some(timestamp(entry.modify_micros)),
    }
}

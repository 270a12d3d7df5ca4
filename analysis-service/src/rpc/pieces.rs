//! Something stored, streamed in pieces at the pace of whoever takes them.

use bytes::Bytes;
use fenxi_proto::error::Failure;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use tonic::Status;

/// The longest piece.
const PIECE_BYTES: u64 = 256 << 10;

/// What `read` gives from the byte at `offset` on, until it gives nothing; it is asked for a place and a number of bytes.
pub(super) fn pieces<R, F>(
    offset: u64,
    read: impl Fn(u64, u64) -> F + Send + 'static,
    response: fn(Bytes) -> R,
) -> BoxStream<'static, Result<R, Status>>
where
    R: Send + 'static,
    F: Future<Output = Result<Bytes, Failure>> + Send + 'static,
{
    stream::unfold(Some((read, offset)), move |state| async move {
        let (read, offset) = state?;
        let asked = read(offset, PIECE_BYTES);
        match asked.await {
            Ok(data) if data.is_empty() => None,
            Ok(data) => {
                let next = offset + data.len() as u64;
                Some((Ok(response(data)), Some((read, next))))
            }
            Err(failure) => Some((Err(Status::from(failure)), None)),
        }
    })
    .boxed()
}

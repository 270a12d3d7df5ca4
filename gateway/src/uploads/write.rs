//! The bytes of a piece, as messages. They are read as fast as analysis-service takes them and no faster; when the
//! client breaks off, the row of messages ends in order, so that what arrived counts.

use bytes::Bytes;
use fenxi_proto::{analysis::v1::WriteUploadRequest, error::Failure};
use futures_util::{Stream, stream};
use tokio::sync::oneshot;

use super::piece::Piece;
use crate::caller::or_never;

/// Bytes of one message.
const MESSAGE_MAX_BYTES: usize = 1 << 20;

struct Reading {
    upload_id: String,
    offset: i64,
    first: bool,
    piece: Piece,
    rest: Bytes,
    cut: Option<oneshot::Receiver<Failure>>,
}

/// The messages that carry this body to `upload_id` from `offset` on.
pub(super) fn messages(
    upload_id: String,
    offset: i64,
    piece: Piece,
    cut: oneshot::Receiver<Failure>,
) -> impl Stream<Item = WriteUploadRequest> + Send + use<> {
    let reading = Reading { upload_id, offset, first: true, piece, rest: Bytes::new(), cut: Some(cut) };
    stream::unfold(reading, |mut reading| async move {
        let message = reading.next().await?;
        Some((message, reading))
    })
}

impl Reading {
    async fn next(&mut self) -> Option<WriteUploadRequest> {
        if self.rest.is_empty() {
            // The place goes first and alone: a piece without bytes names it too.
            if self.first {
                self.first = false;
                let upload_id = std::mem::take(&mut self.upload_id);
                return Some(WriteUploadRequest { upload_id, offset: self.offset, data: Bytes::new() });
            }
            self.rest = self.read().await?;
        }
        let data = self.rest.split_to(self.rest.len().min(MESSAGE_MAX_BYTES));
        Some(WriteUploadRequest { data, ..Default::default() })
    }

    /// More bytes; `None` at the end, however it came about.
    async fn read(&mut self) -> Option<Bytes> {
        tokio::select! {
            _ = or_never(self.cut.as_mut()) => None,
            bytes = self.piece.bytes() => bytes,
        }
    }
}

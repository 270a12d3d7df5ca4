//! Which protocol a connection speaks, by its first bytes: HTTP/2 begins with a preface that is no HTTP/1.1 request.

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// RFC 9113, section 3.4.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// HTTP/1.1, or nothing that can be understood.
    Http1,
    /// HTTP/2 with prior knowledge.
    Http2,
}

/// Reads as far as the two differ; gives the bytes that were read too.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<(Protocol, Bytes)> {
    let mut buffer = [0; PREFACE.len()];
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        let count = stream.read(rest).await?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        filled += count;
        let read = buffer.get(..filled).unwrap_or_default();
        if !PREFACE.starts_with(read) {
            return Ok((Protocol::Http1, Bytes::copy_from_slice(read)));
        }
    }
    Ok((Protocol::Http2, Bytes::copy_from_slice(&buffer)))
}

//! What a process itself writes, beside all that its kernel says: the last of it, for when it dies.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{net::unix::pipe, sync::watch};

/// What is kept.
const LOG_TAIL_BYTES: usize = 32 * 1024;
/// What is read at once.
const READ_BYTES: usize = 4 * 1024;
/// How the line begins in which Python lists every library that was loaded: thousands of characters that hide where it
/// crashed.
const LIBRARIES_LINE: &str = "Extension modules: ";

/// The last lines that a process itself wrote: what a crash leaves behind.
#[derive(Clone, Debug)]
pub(crate) struct LogTail {
    tail: Arc<Mutex<Vec<u8>>>,
    ended: watch::Receiver<bool>,
}

impl LogTail {
    /// Reads until every writing end is closed.
    pub(crate) fn follow(output: pipe::Receiver) -> Self {
        let tail = Arc::new(Mutex::new(Vec::new()));
        let (end, ended) = watch::channel(false);
        let kept = Arc::clone(&tail);
        tokio::spawn(async move {
            while output.readable().await.is_ok() {
                // Not kept while nothing comes: there is one of these for each kernel.
                let read = {
                    let mut buffer = [0; READ_BYTES];
                    output.try_read(&mut buffer).inspect(|count| keep(&kept, &buffer[..*count]))
                };
                match read {
                    // Whoever never stops writing must not hold the one thread.
                    Ok(1..) => tokio::task::yield_now().await,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    _ => break,
                }
            }
            let _ = end.send(true);
        });
        Self { tail, ended }
    }

    /// Waits until nothing more can come.
    pub(crate) async fn ended(&mut self) {
        let _ = self.ended.wait_for(|ended| *ended).await;
    }

    /// The tail as text.
    pub(crate) fn text(&self) -> String {
        let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&tail);
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with(LIBRARIES_LINE)).collect();
        lines.join("\n").trim().to_owned()
    }
}

fn keep(kept: &Mutex<Vec<u8>>, bytes: &[u8]) {
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    kept.extend_from_slice(bytes);
    let over = kept.len().saturating_sub(LOG_TAIL_BYTES);
    kept.drain(..over);
}

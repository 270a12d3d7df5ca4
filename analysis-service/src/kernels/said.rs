//! What a kernel began and printed last, as it keeps it in a file for the case of a sudden end. Its side, and the form of
//! the file, is `kernel/fenxi_kernel/said.py`. Whatever runs in the kernel can write to that file: nothing in it is believed
//! but what it says that the kernel's own code has printed.

use std::{
    fs::OpenOptions,
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use fenxi_proto::analysis::v1::StreamName;

const MAGIC: &[u8; 8] = b"FENXI\0\0\x01";
const ID_BYTES: usize = 36;
const RING_BYTES: usize = 64 * 1024;
const RINGS_AT: usize = 4096;
const FILE_BYTES: usize = RINGS_AT + 2 * RING_BYTES;
/// More is not believed to be lost: code can write anything there.
const LOST_MAX_BYTES: u64 = 1 << 40;

/// The streams, in the file's order.
pub(crate) const STREAMS: [StreamName; 2] = [StreamName::Stdout, StreamName::Stderr];

/// What the file says.
pub(crate) struct Said {
    /// The execution whose code began last.
    pub(crate) execution_id: String,
    /// Its number in the kernel.
    pub(crate) execution_count: i32,
    totals: [u64; 2],
    bytes: Vec<u8>,
}

/// What was printed to a stream and not heard.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unheard {
    /// The end of it.
    pub(crate) text: String,
    /// Bytes before that are kept nowhere.
    pub(crate) lost_bytes: u64,
}

impl Said {
    /// Reads the file of the kernel whose sockets have this prefix; `None` where there is none, or something else. Blocks.
    pub(crate) fn read(prefix: &Path) -> Option<Self> {
        let mut path = prefix.as_os_str().to_owned();
        path.push("-said");
        Self::parse(contents(Path::new(&path)).ok()?)
    }

    fn parse(bytes: Vec<u8>) -> Option<Self> {
        if bytes.len() != FILE_BYTES || !bytes.starts_with(MAGIC) {
            return None;
        }
        let id = bytes.get(MAGIC.len()..MAGIC.len() + ID_BYTES)?;
        let execution_id = std::str::from_utf8(id).ok()?.trim_end().to_owned();
        let count = u32::from_le_bytes(bytes.get(44..48)?.try_into().ok()?);
        let total = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        let totals = [total(48)?, total(56)?];
        Some(Self { execution_id, execution_count: i32::try_from(count).unwrap_or_default(), totals, bytes })
    }

    /// What the stream of this number has been given beyond so many bytes.
    pub(crate) fn beyond(&self, stream: usize, heard_bytes: u64) -> Option<Unheard> {
        let total = *self.totals.get(stream)?;
        let unheard = total.checked_sub(heard_bytes).filter(|unheard| *unheard > 0)?;
        let kept = usize::try_from(unheard).unwrap_or(usize::MAX).min(RING_BYTES);
        let start = RINGS_AT + stream * RING_BYTES;
        let ring = self.bytes.get(start..start + RING_BYTES)?;
        let from = usize::try_from((total - kept as u64) % RING_BYTES as u64).ok()?;
        let mut newest = [ring.get(from..)?, ring.get(..from)?].concat();
        newest.truncate(kept);
        let begun = if kept as u64 == unheard { 0 } else { within_character(&newest) };
        let text = String::from_utf8_lossy(newest.get(begun..)?).into_owned();
        let lost_bytes = (unheard - kept as u64 + begun as u64).min(LOST_MAX_BYTES);
        Some(Unheard { text, lost_bytes })
    }
}

/// How many bytes at the beginning belong to a character that began before.
fn within_character(bytes: &[u8]) -> usize {
    bytes.iter().take(3).take_while(|byte| **byte & 0xC0 == 0x80).count()
}

/// A file that may be anything: no link is followed, nothing is waited for, and no more is read than a good one has.
fn contents(path: &Path) -> io::Result<Vec<u8>> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

    /// A file as a kernel leaves it that has printed these texts to its streams.
    fn file(texts: [&str; 2]) -> Vec<u8> {
        let mut bytes = vec![0; FILE_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..44].copy_from_slice(ID.as_bytes());
        bytes[44..48].copy_from_slice(&7_u32.to_le_bytes());
        for (stream, text) in texts.into_iter().enumerate() {
            bytes[48 + stream * 8..56 + stream * 8].copy_from_slice(&(text.len() as u64).to_le_bytes());
            for (number, byte) in text.bytes().enumerate() {
                bytes[RINGS_AT + stream * RING_BYTES + number % RING_BYTES] = byte;
            }
        }
        bytes
    }

    #[test]
    fn what_was_not_heard_is_found() {
        let said = Said::parse(file(["one\ntwo\n", "哎"])).expect("a file");
        assert_eq!((said.execution_id.as_str(), said.execution_count), (ID, 7));
        let text = |stream, heard| said.beyond(stream, heard).map(|unheard| (unheard.text, unheard.lost_bytes));
        assert_eq!(text(0, 0), Some(("one\ntwo\n".into(), 0)));
        assert_eq!(text(0, 4), Some(("two\n".into(), 0)));
        assert_eq!(text(0, 8), None);
        assert_eq!(text(0, 9), None, "more was heard than was printed");
        assert_eq!(text(1, 0), Some(("哎".into(), 0)));
        assert_eq!(text(2, 0), None);
    }

    #[test]
    fn of_more_than_is_kept_the_end_is_found() {
        let long = "哎".repeat(RING_BYTES / 3 + 100);
        let said = Said::parse(file([&long, ""])).expect("a file");
        let unheard = said.beyond(0, 30).expect("text");
        assert!(unheard.text.chars().all(|character| character == '哎'), "a character was cut");
        assert_eq!(unheard.text.len() as u64 + unheard.lost_bytes + 30, long.len() as u64);
        assert!(unheard.text.len() + 3 > RING_BYTES);
        let mut odd = file(["x", ""]);
        odd[48..56].fill(0xFF);
        let unheard = Said::parse(odd).expect("a file").beyond(0, 0).expect("text");
        assert_eq!(unheard.lost_bytes, LOST_MAX_BYTES);
    }

    #[test]
    fn what_is_no_such_file_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let prefix = folder.path().join("s");
        let path = folder.path().join("s-said");
        assert!(Said::read(&prefix).is_none(), "there is no file");
        std::fs::write(&path, file(["", ""])).expect("written");
        assert!(Said::read(&prefix).is_some());
        std::fs::write(&path, &file(["", ""])[..FILE_BYTES - 1]).expect("written");
        assert!(Said::read(&prefix).is_none(), "it is cut");
        std::fs::remove_file(&path).expect("removed");
        std::os::unix::fs::symlink("/dev/zero", &path).expect("a link");
        assert!(Said::read(&prefix).is_none(), "a link was followed");
        std::fs::remove_file(&path).expect("removed");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
        assert!(Said::read(&prefix).is_none(), "somebody was waited for");
    }
}

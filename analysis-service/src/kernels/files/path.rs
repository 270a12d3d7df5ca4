//! A path below a kernel's folder, as a client gives it.

use std::ffi::CString;

use nix::errno::Errno;

use super::FileError;

/// The longest path in bytes, and the most parts of one.
const BYTES_MAX: usize = 4_096;
const PARTS_MAX: usize = 64;

/// A path below a kernel's folder; without parts it is the folder itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilePath {
    text: String,
    parts: Vec<CString>,
}

impl FilePath {
    /// Reads a path.
    ///
    /// # Errors
    /// What is wrong with it, to complete a sentence that begins with the field's name.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() > BYTES_MAX {
            return Err("is longer than 4,096 bytes");
        }
        if text.is_empty() {
            return Ok(Self::default());
        }
        let mut parts = Vec::new();
        for part in text.split('/') {
            if matches!(part, "" | "." | "..") {
                return Err(
                    "has a part that is empty, `.` or `..`; give it from the kernel's own folder, without a `/` at its ends",
                );
            }
            parts.push(CString::new(part).map_err(|_| "has a NUL character")?);
        }
        if parts.len() > PARTS_MAX {
            return Err("has more than 64 parts");
        }
        Ok(Self { text: text.to_owned(), parts })
    }

    pub(super) fn parts(&self) -> &[CString] {
        &self.parts
    }

    pub(super) fn not_found(&self, problem: &'static str) -> FileError {
        FileError::NotFound { path: self.text.clone(), problem }
    }

    /// An error of the system in the words of the room.
    pub(super) fn refused(&self, errno: Errno) -> FileError {
        match errno {
            Errno::ENOENT => self.not_found("is not in the kernel's folder"),
            Errno::ENOTDIR => self.not_found("is no folder, or leads through something that is none"),
            Errno::ELOOP => self.not_found("is a link or leads through one, and links are not followed"),
            Errno::EXDEV => self.not_found("lies on another file system"),
            // A socket, or a device that nobody serves.
            Errno::ENXIO | Errno::ENODEV => self.not_found("is no ordinary file"),
            Errno::ENAMETOOLONG => self.not_found("has a part that is longer than a file's name can be"),
            errno => FileError::Unreadable { path: self.text.clone(), errno },
        }
    }
}

//! Text files as UTF-8: mapped as they are where they are UTF-8 already, else turned into a temporary file beside the
//! result that nobody else sees.

use std::fs::File;
use std::io::{BufWriter, Read};
use std::path::Path;

use bytes::Bytes;

use crate::encoding::{self, Found};
use crate::out_file::OutFile;
use crate::{Cancel, ParseOptions, TableError, map};

/// Bytes of a file that a preview reads.
pub(crate) const PREVIEW_BYTES: u64 = 1 << 20;

/// A text in UTF-8, without its byte order mark, and the encoding it came in.
pub(crate) struct Text {
    pub(crate) bytes: Bytes,
    pub(crate) encoding: Found,
    /// Keeps the temporary file until the text is read.
    _temporary: Option<OutFile>,
}

/// Its rows.
impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        trim_end(&self.bytes)
    }
}

impl Text {
    /// The whole file in the encoding that `options` or its beginning tell.
    pub(crate) fn whole(data: &Bytes, options: &ParseOptions, out: &Path, cancel: &Cancel) -> Result<Self, TableError> {
        let found = match &options.encoding {
            Some(label) => encoding::by_label(label, data)?,
            None => encoding::by_beginning(data),
        };
        Self::decode(data, found, out, cancel)
    }

    /// The whole file in another encoding, because it was not UTF-8 at `wrong_at` of [`Text::bytes`].
    pub(crate) fn guess(
        &self,
        data: &Bytes,
        wrong_at: usize,
        options: &ParseOptions,
        out: &Path,
        cancel: &Cancel,
    ) -> Result<Self, TableError> {
        let wrong_at = wrong_at + self.encoding.mark_bytes;
        if options.encoding.is_some() || self.encoding.mark_bytes > 0 || !self.encoding.is_utf8() {
            return Err(encoding::wrong_bytes(data, wrong_at, self.encoding.encoding));
        }
        Self::decode(data, encoding::by_guess(data, wrong_at)?, out, cancel)
    }

    fn decode(data: &Bytes, found: Found, out: &Path, cancel: &Cancel) -> Result<Self, TableError> {
        if found.is_utf8() {
            return Ok(Self { bytes: data.slice(found.mark_bytes..), encoding: found, _temporary: None });
        }
        let temporary = OutFile::create(out)?;
        let mut writer = BufWriter::new(temporary.file());
        encoding::to_utf8(data, found, false, &mut writer, cancel)?;
        writer.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        let bytes = map::map(temporary.file())?;
        Ok(Self { bytes, encoding: found, _temporary: Some(temporary) })
    }

    /// The beginning of a file, and whether there is more of it.
    pub(crate) fn beginning(path: &Path, options: &ParseOptions) -> Result<(Self, bool), TableError> {
        let mut data = Vec::new();
        let file = File::open(path)?;
        let more = file.metadata()?.len() > PREVIEW_BYTES;
        file.take(PREVIEW_BYTES).read_to_end(&mut data)?;
        let mut found = match &options.encoding {
            Some(label) => encoding::by_label(label, &data)?,
            None => encoding::by_beginning(&data),
        };
        if found.is_utf8() {
            let text = &data[found.mark_bytes..];
            match std::str::from_utf8(text) {
                Ok(_) => {}
                Err(cut) if cut.error_len().is_none() => data.truncate(found.mark_bytes + cut.valid_up_to()),
                Err(wrong) => {
                    let wrong_at = found.mark_bytes + wrong.valid_up_to();
                    if options.encoding.is_some() || found.mark_bytes > 0 {
                        return Err(encoding::wrong_bytes(&data, wrong_at, found.encoding));
                    }
                    found = encoding::by_guess(&data, wrong_at)?;
                }
            }
        }
        let mut text = Vec::new();
        encoding::to_utf8(&data, found, true, &mut text, &Cancel::default())?;
        Ok((Self { bytes: text.into(), encoding: found, _temporary: None }, more))
    }
}

/// The end of a file as DOS and what came after it wrote it.
const END_OF_FILE: u8 = 0x1a;

/// Without the line breaks at the end, and the mark of it.
pub(crate) fn trim_end(data: &[u8]) -> &[u8] {
    let trimmed = trim_line_breaks(data);
    trimmed.strip_suffix(&[END_OF_FILE]).map_or(trimmed, trim_line_breaks)
}

fn trim_line_breaks(data: &[u8]) -> &[u8] {
    let end = data.iter().rposition(|b| !matches!(b, b'\n' | b'\r')).map_or(0, |at| at + 1);
    &data[..end]
}

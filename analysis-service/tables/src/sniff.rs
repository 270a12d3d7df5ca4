//! What a file is, by its content. The name is a hint only where the content leaves a choice, and a file that is
//! plainly something else is refused by its right name.

use std::path::Path;

use crate::{FileFormat, TableError, encoding};

/// Bytes looked at.
const SAMPLE_BYTES: usize = 64 << 10;
/// Bytes at the beginning of a binary file among which there is a control character.
const BINARY_HEAD_BYTES: usize = 512;
/// One control character in this many bytes is too many for a text.
const CONTROL_SHARE: usize = 100;

/// Beginnings of files that people upload by mistake, and what to do instead.
const FOREIGN: [(&[u8], &str); 19] = [
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"%PDF", "a PDF document"),
    (b"\x1f\x8b", "a gzip archive; unpack it first"),
    (b"BZh", "a bzip2 archive; unpack it first"),
    (b"\xfd7zXZ\0", "an xz archive; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive; unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive; unpack it first"),
    (b"Rar!", "a RAR archive; unpack it first"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a Windows program"),
    (b"SQLite format 3\0", "an SQLite database; export a table as CSV"),
    (b"\x89HDF", "an HDF5 file; export a table as Parquet or CSV"),
    (b"FEA1", "a Feather file of the first version; write it again as Feather V2 (Arrow)"),
    (b"ORC", "an ORC file; export it as Parquet"),
    (b"Obj\x01", "an Avro file; export it as Parquet"),
    (b"{\\rtf", "an RTF document; save the table as CSV"),
    (b"\x80\x04\x95", "a Python pickle; write it as Parquet or CSV"),
];

/// The format of the file that begins with `data`; `whole` tells whether that is all of it. `wanted` is what the
/// caller asked for.
pub(crate) fn sniff(
    data: &[u8],
    file_name: &str,
    wanted: Option<FileFormat>,
    encoding: Option<&str>,
) -> Result<FileFormat, TableError> {
    if data.is_empty() {
        return Err(TableError::Empty("the file is empty (0 bytes); upload a file with data".to_owned()));
    }
    let found = match binary(data)? {
        Some(format) => format,
        None => text(data, file_name, wanted.is_some(), encoding)?,
    };
    match wanted {
        None => Ok(found),
        Some(wanted) if wanted == found || (wanted.is_text() && found.is_text()) => Ok(wanted),
        Some(wanted) => Err(TableError::Format(format!(
            "the file was to be read as {}, but its content is {}; choose that format or leave the choice to us",
            wanted.label(),
            found.label()
        ))),
    }
}

fn binary(data: &[u8]) -> Result<Option<FileFormat>, TableError> {
    if data.starts_with(b"PK\x03\x04") || data.starts_with(b"PK\x05\x06") {
        return Ok(Some(FileFormat::Xlsx));
    }
    if data.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
        return Ok(Some(FileFormat::Xls));
    }
    // A header such as `PARENT_ID,NAME` begins like that too.
    let head_is_binary = data[..data.len().min(BINARY_HEAD_BYTES)].iter().any(is_control);
    let parquet = [b"PAR1", b"PARE"].into_iter().find(|magic| data.starts_with(*magic));
    if parquet.is_some_and(|magic| head_is_binary || (data.len() >= 12 && data.ends_with(magic))) {
        return Ok(Some(FileFormat::Parquet));
    }
    if data.starts_with(b"ARROW1") && head_is_binary {
        return Ok(Some(FileFormat::Arrow));
    }
    if data.starts_with(b"\xff\xff\xff\xff") {
        let problem = "this looks like an Arrow stream; write it as an Arrow file (Feather V2)";
        return Err(TableError::Format(problem.to_owned()));
    }
    refuse_markup(data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(data))?;
    let foreign = |beginning: &[u8]| {
        data.starts_with(beginning) && (head_is_binary || !beginning.iter().all(u8::is_ascii_alphanumeric))
    };
    match FOREIGN.iter().find(|(beginning, _)| foreign(beginning)) {
        Some((_, what)) => Err(refuse(what)),
        None => Ok(None),
    }
}

/// Refuses a web page that calls itself a table, which is what some old systems export and what a login in between sends, and
/// other documents of tags.
fn refuse_markup(text: &[u8]) -> Result<(), TableError> {
    let beginning = text[..text.len().min(SAMPLE_BYTES)].trim_ascii_start();
    if beginning.starts_with(b"<?xml") {
        return Err(refuse("an XML document; open it in a spreadsheet and save it as .xlsx or CSV"));
    }
    if is_page(beginning) {
        return Err(refuse(
            "a web page (HTML): if it shows the table, open it in a spreadsheet and save it as .xlsx or CSV; if it asks you \
             to log in or tells an error, download the table anew",
        ));
    }
    Ok(())
}

/// Whether a text begins with a tag that a page begins with. Names of columns may stand in such brackets too, but then a
/// delimiter stands behind them.
fn is_page(mut text: &[u8]) -> bool {
    const TAGS: [&str; 10] = ["!doctype", "html", "head", "body", "meta", "title", "link", "script", "style", "table"];
    while let Some(comment) = text.strip_prefix(b"<!--") {
        let Some(end) = memchr::memmem::find(comment, b"-->") else { return true };
        text = comment[end + 3..].trim_ascii_start();
    }
    let Some(tag) = text.strip_prefix(b"<") else { return false };
    let name = tag.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'!').count();
    let (name, rest) = tag.split_at(name);
    let known = TAGS.iter().any(|tag| name.eq_ignore_ascii_case(tag.as_bytes()));
    let ended = rest.first().is_none_or(|byte| matches!(byte, b'>' | b'/') || byte.is_ascii_whitespace());
    let behind = memchr::memchr(b'>', rest).and_then(|end| rest.get(end + 1));
    known && ended && !behind.is_some_and(|byte| b",;\t|".contains(byte))
}

/// A control character that texts do not have; no byte of a character in GB18030 or UTF-8 is one.
fn is_control(byte: &u8) -> bool {
    matches!(byte, 0..=8 | 0x0e..=0x19 | 0x1c..=0x1f | 0x7f)
}

fn refuse(what: &str) -> TableError {
    TableError::Format(format!(
        "the file is {what}. We read CSV, TSV, Excel (.xlsx, .xls), JSON, JSON lines, Parquet and Arrow/Feather"
    ))
}

/// JSON by how it begins, delimited text otherwise, and an error for what is no text; UTF-8 that was `asked` to be read
/// as a text is one, whatever control characters it has.
fn text(data: &[u8], file_name: &str, asked: bool, label: Option<&str>) -> Result<FileFormat, TableError> {
    if label.is_none() && encoding::is_utf32(data) {
        let problem = "the text is in UTF-32, which hardly any program reads; save it as UTF-8 and upload it again";
        return Err(TableError::Format(problem.to_owned()));
    }
    let found = match label {
        Some(label) => encoding::by_label(label, data)?,
        None => encoding::by_beginning(data),
    };
    let sample = &data[..data.len().min(SAMPLE_BYTES)];
    if !found.encoding.is_ascii_compatible() {
        let (text, _) = found.encoding.decode_without_bom_handling(&sample[found.mark_bytes..]);
        if text.chars().take(1_000).filter(|c| *c == '\u{fffd}').count() > 2 {
            return Err(no_text(file_name));
        }
        refuse_markup(text.as_bytes())?;
        return Ok(by_first_character(text.as_bytes(), file_name));
    }
    let controls = sample.iter().filter(|byte| is_control(byte)).count();
    let utf8 = match std::str::from_utf8(sample) {
        Ok(_) => true,
        Err(broken) => broken.error_len().is_none(),
    };
    let share = if utf8 { CONTROL_SHARE / 10 } else { CONTROL_SHARE };
    if !(asked && utf8) && controls * share > sample.len().max(share * 2) {
        return Err(no_text(file_name));
    }
    Ok(by_first_character(&sample[found.mark_bytes..], file_name))
}

fn no_text(file_name: &str) -> TableError {
    let ending = Path::new(file_name).extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let but = if ending.is_empty() { String::new() } else { format!(", whatever its name (.{ending}) says") };
    TableError::Format(format!(
        "the file holds binary data and no table that we know{but}. We read CSV, TSV, Excel (.xlsx, .xls), JSON, JSON \
         lines, Parquet and Arrow/Feather"
    ))
}

fn by_first_character(text: &[u8], file_name: &str) -> FileFormat {
    let ending = file_name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let is_json_name = matches!(ending.as_str(), "json" | "jsonl" | "ndjson");
    let text = text.trim_ascii_start();
    let rest = |skip: usize| text.get(skip..).unwrap_or_default().trim_ascii_start().first().copied();
    match text.first() {
        Some(b'{') if matches!(rest(1), Some(b'"' | b'}')) => {
            if ending == "json" && !another_record_follows(text) {
                FileFormat::Json
            } else {
                FileFormat::JsonLines
            }
        }
        Some(b'[') if matches!(rest(1), Some(b'{' | b']' | b'[')) && ending != "csv" && ending != "tsv" => {
            FileFormat::Json
        }
        Some(b'[') if rest(1) == Some(b'{') => FileFormat::Json,
        // Its name says JSON, and it begins so: what is wrong with it as a table, the reader of JSON tells.
        Some(b'[' | b'{') if is_json_name => FileFormat::Json,
        Some(b'"') if is_json_name && is_one_text(text) => FileFormat::Json,
        _ => FileFormat::Delimited,
    }
}

/// Whether the first line is one JSON text and nothing more.
fn is_one_text(text: &[u8]) -> bool {
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    serde_json::from_slice::<String>(line.trim_ascii()).is_ok()
}

/// Whether the first line is a record of its own and another begins after it.
fn another_record_follows(text: &[u8]) -> bool {
    let Some(end) = memchr::memchr(b'\n', text) else { return false };
    let next = text[end..].trim_ascii_start();
    text[..end].trim_ascii_end().ends_with(b"}") && next.first() == Some(&b'{')
}

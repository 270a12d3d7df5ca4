//! Names as people gave them, made harmless to show. A name is for display: nothing here or elsewhere opens a path
//! made from one.

use super::error::DatasetError;

/// Characters of a file name, at most.
pub(super) const FILE_NAME_MAX_CHARS: usize = 255;
/// Characters of a dataset's name, at most.
pub(super) const DATASET_NAME_MAX_CHARS: usize = 200;

/// What stands where a character was that must not be shown.
const REPLACEMENT: char = '\u{fffd}';

/// A file's name as it is shown: control characters and those that turn the direction of writing are replaced, and
/// path separators become `_`.
///
/// # Errors
/// [`DatasetError::Field`] when it is empty or longer than [`FILE_NAME_MAX_CHARS`].
pub(super) fn file_name(given: &str) -> Result<String, DatasetError> {
    check_length("file_name", given, FILE_NAME_MAX_CHARS)?;
    let shown: String = harmless(given).chars().map(|c| if matches!(c, '/' | '\\') { '_' } else { c }).collect();
    not_blank("file_name", &shown)
}

/// A dataset's name as it is shown.
///
/// # Errors
/// [`DatasetError::Field`] when it is blank or longer than [`DATASET_NAME_MAX_CHARS`].
pub(super) fn dataset_name(given: &str) -> Result<String, DatasetError> {
    check_length("name", given, DATASET_NAME_MAX_CHARS)?;
    not_blank("name", &harmless(given))
}

/// The name of a dataset that was given none: its file's name without the ending.
#[must_use]
pub(super) fn from_file_name(file_name: &str) -> String {
    let stem = match file_name.rsplit_once('.') {
        Some((stem, ending)) if !stem.trim().is_empty() && !ending.contains(' ') => stem,
        _ => file_name,
    };
    stem.trim().chars().take(DATASET_NAME_MAX_CHARS).collect()
}

/// The ending of a file's name, lower-case and without the dot; empty if it has none. A hint for the parser.
#[must_use]
pub(super) fn ending(file_name: &str) -> String {
    file_name.rsplit_once('.').map(|(_, ending)| ending.to_lowercase()).unwrap_or_default()
}

/// The text that a list is searched for, folded as names are stored.
///
/// # Errors
/// [`DatasetError::Field`] when it is longer than [`DATASET_NAME_MAX_CHARS`].
pub(super) fn query(given: &str) -> Result<String, DatasetError> {
    check_length("query", given, DATASET_NAME_MAX_CHARS)?;
    let query: String = given.chars().map(|c| if must_not_show(c) { REPLACEMENT } else { c }).collect();
    Ok(query.to_lowercase())
}

fn harmless(given: &str) -> String {
    given.chars().map(|c| if must_not_show(c) { REPLACEMENT } else { c }).collect::<String>().trim().to_owned()
}

fn must_not_show(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' // marks of direction, zero-width space
            | '\u{2028}'..='\u{202e}' // line and paragraph separators, embeddings, overrides
            | '\u{2060}'..='\u{2069}' // invisible operators, isolates
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn check_length(field: &'static str, given: &str, max_chars: usize) -> Result<(), DatasetError> {
    let chars = given.chars().count();
    if chars > max_chars {
        return Err(DatasetError::field(field, format!("has {chars} characters; give at most {max_chars}")));
    }
    Ok(())
}

fn not_blank(field: &'static str, shown: &str) -> Result<String, DatasetError> {
    if shown.chars().all(|c| c.is_whitespace() || c == REPLACEMENT) {
        return Err(DatasetError::field(field, "is empty; give at least one visible character"));
    }
    Ok(shown.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_is_shown_without_harm() {
        for (given, shown) in [
            ("movies.csv", "movies.csv"),
            ("../../etc/passwd", ".._.._etc_passwd"),
            ("..\\x.csv", ".._x.csv"),
            ("C:\\data\\CON", "C:_data_CON"),
            ("a\0b.csv", "a\u{fffd}b.csv"),
            ("line\nbreak\x1b[31m.csv", "line\u{fffd}break\u{fffd}[31m.csv"),
            ("invoice\u{202e}vsc.exe", "invoice\u{fffd}vsc.exe"),
            ("  销售.xlsx ", "销售.xlsx"),
        ] {
            assert_eq!(file_name(given).expect(given), shown);
        }
        assert!(file_name("").is_err() && file_name(" \u{202e}\n").is_err());
        assert!(file_name(&"长".repeat(256)).is_err());
        assert!(file_name(&"长".repeat(255)).is_ok(), "the limit counts characters, not bytes");
    }

    #[test]
    fn a_dataset_is_called_after_its_file() {
        for (file, name) in [
            ("movies.csv", "movies"),
            ("a.b.csv", "a.b"),
            (".csv", ".csv"),
            ("no ending", "no ending"),
            ("v1. notes", "v1. notes"),
        ] {
            assert_eq!(from_file_name(file), name);
        }
        assert_eq!(from_file_name(&format!("{}.csv", "x".repeat(250))).chars().count(), DATASET_NAME_MAX_CHARS);
        assert_eq!((ending("A.CSV").as_str(), ending("none").as_str()), ("csv", ""));
    }
}

//! Files that mean harm or none at all: whatever the bytes, there is a table or an error, and never a panic that leaves
//! the crate, a hang or a flood of memory.

use arrow_ipc::CompressionType;
use fenxi_tables::{Limits, ParseOptions};
use proptest::prelude::*;

use crate::support::convert_with;
use crate::{others, workbooks};

/// Small enough that a flood is refused quickly.
fn limits() -> Limits {
    Limits { memory_max_bytes: 64 << 20, expanded_max_bytes: 64 << 20, rows_max: 1_000_000, ..Limits::default() }
}

fn survives(name: &str, bytes: &[u8]) {
    // An error or a table: `convert_with` also checks that nothing is left behind.
    if let Ok(made) = convert_with(name, bytes, &ParseOptions::default(), &limits()) {
        made.file.slice(0, 100, 0, 100).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("upload");
    std::fs::write(&path, bytes).unwrap();
    let _ = fenxi_tables::preview(&path, name, &ParseOptions::default(), 20, true, &limits());
}

fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let batch = others::batch();
    let rows: &[&[&str]] = &[&["a", "b", "c"], &["=1", "@1 45000", "x"], &["=2", "@2 45000.5", "?1"]];
    vec![
        ("t.csv", "id,名,day\n1,\"a,\"\"b\n\",2024-01-02\n2,张,\n".as_bytes().to_vec()),
        ("t.json", r#"[{"a":1,"b":[1,{"c":"x"}]},{"a":2.5,"d":"2024-01-02"}]"#.as_bytes().to_vec()),
        ("t.xlsx", workbooks::xlsx(&[("s", &workbooks::sheet(rows))])),
        ("t.xls", workbooks::XLS.to_vec()),
        ("t.parquet", others::parquet(&batch)),
        ("t.arrow", others::arrow(std::slice::from_ref(&batch), None)),
        ("t.arrow", others::arrow(&[batch], Some(CompressionType::LZ4_FRAME))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 50, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_under_any_beginning(
        beginning in prop::sample::select(vec!["", "PK\x03\x04", "PAR1", "ARROW1\0\0", "[{", "{\"", "a,b\n", "\u{feff}"]),
        bytes in prop::collection::vec(any::<u8>(), 0..2_000),
        end in prop::sample::select(vec!["", "PAR1", "ARROW1"]),
    ) {
        survives("t.csv", &[beginning.as_bytes(), &bytes, end.as_bytes()].concat());
    }

    #[test]
    fn any_text(text in "[a-z0-9,;\t|\"'\r\n 年/:.\u{0}{}\\[\\]-]{0,300}") {
        survives("t.csv", text.as_bytes());
        survives("t.json", format!("[{text}").as_bytes());
    }

    #[test]
    fn any_cut_and_any_wrong_bytes(
        which in 0usize..7,
        cut in any::<prop::sample::Index>(),
        whole in any::<bool>(),
        wrong in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
    ) {
        let (name, mut bytes) = samples().swap_remove(which);
        if !whole {
            bytes.truncate(cut.index(bytes.len()));
        }
        if !bytes.is_empty() {
            for (at, byte) in wrong {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
        }
        survives(name, &bytes);
    }
}

#[test]
fn deep_json_does_not_exhaust_the_stack() {
    for text in [format!("[{}", "[".repeat(1_000_000)), format!("[{{\"a\":{}", "{\"a\":".repeat(1_000_000))] {
        survives("t.json", text.as_bytes());
    }
    let deep = format!("[{{\"a\":{}1{}}}]", "[".repeat(100_000), "]".repeat(100_000));
    survives("t.json", deep.as_bytes());
}

#[test]
fn a_million_commas_are_too_many_columns() {
    let error =
        convert_with("t.csv", ",".repeat(1_000_000).as_bytes(), &ParseOptions::default(), &limits()).unwrap_err();
    assert_eq!(error.reason(), Some("FILE_TOO_LARGE"));
}

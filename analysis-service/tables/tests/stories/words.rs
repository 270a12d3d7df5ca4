//! Errors name what is wrong with a file, and what to do.

use fenxi_tables::TableError;

use crate::support::{convert, refused, said};

#[test]
fn web_pages_are_told_by_any_beginning() {
    for page in [
        "\u{feff}<!DOCTYPE html>\n<html><body>x</body></html>",
        "<!-- saved from url -->\n<html>\n<body>\n",
        "<meta charset=\"utf-8\"><table><tr><td>a</td><td>b</td></tr></table>",
        "<table border=1>\n<tr><td>1</td></tr>\n</table>",
        "<head><title>Log in</title></head>",
        "<script>location.href='/login'</script>",
        &format!("{}<html>", "\r\n".repeat(400)),
    ] {
        let error = refused("t.csv", page);
        assert_eq!(error.reason(), Some("FILE_FORMAT"), "{page}");
        assert!(error.to_string().starts_with("the file is a web page (HTML): if it shows the table, open"), "{error}");
    }
    let utf16: Vec<u8> = "\u{feff}<html><body>x</body></html>\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(refused("t.csv", utf16).to_string().starts_with("the file is a web page"));
    for table in
        ["<TICKER>,<PER>,<DATE>\nA,1,20240102\n", "<title>,<table>\nx,1\n", "<tablet>\n5\n6\n", "a,b\n<html>,1\n"]
    {
        assert_eq!(convert("t.csv", table).table.warnings, [], "{table}");
    }
}

#[test]
fn utf_32_is_called_so() {
    for mark in ["", "\u{feff}"] {
        for order in [u32::to_le_bytes as fn(u32) -> [u8; 4], u32::to_be_bytes] {
            let text: Vec<u8> = format!("{mark}name,n\n张三,1\n").chars().flat_map(|c| order(u32::from(c))).collect();
            let error = refused("t.csv", text).to_string();
            assert!(error.starts_with("the text is in UTF-32") && error.contains("save it as UTF-8"), "{error}");
        }
    }
}

#[test]
fn one_wrong_byte_late_in_a_text_is_told_with_its_own_line() {
    let mut text = encoding_rs::GBK.encode(&"张三,北京,数据分析\n".repeat(5_000)).0.into_owned();
    text.extend(b"\xc4\xff,x,y\n");
    let error = refused("t.csv", &text).to_string();
    let words = "line 5001: the byte 0xC4 is not valid gb18030, which the text was taken for because it is not UTF-8 (line 1: \
                 the byte 0xD5). If it is gb18030, mend this line; ";
    assert!(error.starts_with(words), "{error}");
}

#[test]
fn an_old_workbook_that_is_cut_off_is_no_other_document() {
    let whole = include_bytes!("../files/sales.xls");
    for share in [2, 3, 10] {
        let error = refused("t.xls", &whole[..whole.len() / share * (share - 1)]);
        assert!(matches!(error, TableError::Unreadable { .. }), "{error}");
        assert!(error.to_string().starts_with("the file is cut off: it has "), "{error}");
    }
    assert!(refused("t.xls", &whole[..300]).to_string().starts_with("the file is cut off: it has 300 bytes"));
    convert("t.xls", whole);
}

#[test]
fn numbers_that_are_too_large_are_told_by_how_large_they_may_be() {
    assert_eq!(convert("t.csv", "id\n9223372036854775807\n1\n").table.warnings, []);
    let words = "kept as text, because it has whole numbers beyond 9223372036854775807, the largest that a number column holds: \
                 \"id\"";
    assert_eq!(said(&convert("t.csv", "id\n9223372036854775808\n1\n").table.warnings), [words]);
}

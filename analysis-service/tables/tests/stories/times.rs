//! Dates and times as people and programs write them beside ISO: read where they say one thing alone.

use crate::support::{convert, said, values};

fn read(cells: &[&str]) -> (String, Vec<String>) {
    let text = format!("when\n{}\n", cells.iter().map(|cell| format!("\"{cell}\"\n")).collect::<String>());
    let made = convert("t.csv", text.trim_end());
    assert_eq!(said(&made.table.warnings), Vec::<String>::new(), "{cells:?}");
    (made.table.columns[0].arrow_type.clone(), values(&made.file, 0))
}

#[test]
fn dates_of_mails_and_programs_name_their_day_of_the_week() {
    for (cells, arrow_type, expected) in [
        (["Fri, 27 Nov 2026 22:28:42 +0000", "Sat, 28 Nov 2026 01:02:03 GMT"], "timestamp[us, tz=UTC]", "2026-11-27"),
        (["Friday, November 27, 2026", "Sat, 28 Nov 2026"], "date32[day]", "2026-11-27"),
        (["Fri Nov 27 22:28:42 2026", "Tue Dec  1 00:00:00 2026"], "timestamp[us]", "2026-11-27"),
        (
            ["Wed Oct 10 20:19:24 +0800 2018", "Thu Oct 11 20:19:24 +0800 2018"],
            "timestamp[us, tz=+08:00]",
            "2018-10-10",
        ),
    ] {
        let (found, values) = read(&cells);
        assert_eq!(found, arrow_type, "{cells:?}");
        assert!(values[0].starts_with(expected), "{values:?}");
    }
    // 2026-11-27 is a Friday.
    for odd in ["Thu, 27 Nov 2026 22:28:42 +0000", "Fri, 11/27/2026", "Fri Nov 27 22:28:42 +00 UTC 2026", "Fri, x"] {
        assert_eq!(read(&[odd, "Sun, 30 Feb 2026"]).0, "string", "{odd}");
    }
}

#[test]
fn halves_of_the_day_are_read_in_both_languages() {
    let (found, told) = read(&["上午9:03", "下午1:05", "上午12:30", "下午12:30:15"]);
    assert_eq!((found.as_str(), told.join(" ").as_str()), ("time64[us]", "09:03:00 13:05:00 00:30:00 12:30:15"));
    let (found, told) = read(&["1:05 PM", "9:03am", "12:00 AM", "13:05"]);
    assert_eq!((found.as_str(), told.join(" ").as_str()), ("time64[us]", "13:05:00 09:03:00 00:00:00 13:05:00"));
    let (found, told) = read(&["9时3分", "下午3时5分6秒"]);
    assert_eq!((found.as_str(), told.join(" ").as_str()), ("time64[us]", "09:03:00 15:05:06"));
    let (found, told) = read(&["2024/1/2 下午3:05:00", "2024年1月3日 上午9:03"]);
    assert_eq!((found.as_str(), told.join(" ").as_str()), ("timestamp[us]", "2024-01-02T15:05:00 2024-01-03T09:03:00"));
    for odd in ["下午13:05", "0:30 AM", "上午", "上午9", "1:05 XM"] {
        assert_eq!(read(&[odd, "x"]).0, "string", "{odd}");
    }
}

#[test]
fn what_is_like_dates_and_numbers_and_stays_text_is_told() {
    let told = |text: &str| {
        let made = convert("t.csv", text);
        let types: Vec<_> = made.table.columns.iter().map(|column| column.arrow_type.clone()).collect();
        (types.join(" "), said(&made.table.warnings).join("\n"))
    };
    for first in ["03/15/24", "15.03.24", "24-03-15", "15-Mar-24", "3/15/24 9:05"] {
        let (types, words) = told(&format!("day,n\n{first},1\n1/2/25,2\n"));
        assert_eq!(types, "string int64", "{first}");
        assert!(words.starts_with("kept as text, because years of two digits do not tell the century; "), "{words}");
        assert!(words.ends_with(&format!(": \"day\" (line 2: \"{first}\")")), "{words}");
    }
    let (types, words) = told("day,n\n1066-10-14,1\n1815-06-18,2\n");
    assert_eq!(types, "string int64");
    assert!(words.contains("days before 1500 or after 2300 may be codes") && words.contains("line 2"), "{words}");
    let (types, words) = told("change,code\n+3,+86\n-2,+1\n0,+44\n");
    assert_eq!(types, "int64 string");
    assert!(words.starts_with("kept as text, because whole numbers with plus signs may be codes; "), "{words}");
    assert!(words.ends_with(": \"code\""), "{words}");
    assert_eq!(told("change\n+1.5\n-2\n"), ("double".to_owned(), String::new()));
    // Nobody takes these for more than text.
    for text in [
        "phone\n+8613800000000\n+8613900000000\n",
        "phone\n+86 138 0000 0000\n010-12345678\n",
        "phone\n+8613800000000\n+8613900000000\n010-12345678\n",
        "note\n1/2/24\nsee above\nnone of it\n",
        "version\n1.2.10\n1.2.11\n",
    ] {
        assert_eq!(told(text), ("string".to_owned(), String::new()), "{text}");
    }
}

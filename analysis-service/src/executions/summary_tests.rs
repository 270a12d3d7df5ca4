//! What an entry of the history says.

use fenxi_proto::analysis::v1::{ErrorEvent, FinishedEvent};
use proptest::prelude::*;

use super::*;
use crate::executions::test_events::{finished, result, stdout};

fn summed(events: &[Event], whole: bool) -> Summary {
    let mut summary = Summary::default();
    for (sequence, event) in (1..).zip(events) {
        summary.see(OutputEvent { sequence, time: None, event: Some(event.clone()) }, whole);
    }
    summary
}

fn preview(events: &[Event]) -> String {
    summed(events, true).preview()
}

fn failed(name: &str, value: &str) -> Event {
    Event::Error(ErrorEvent { name: name.into(), value: value.into(), traceback: vec!["line".into()] })
}

#[test]
fn a_title_is_the_first_line_that_says_something() {
    for (code, expected) in [
        ("1+1", "1+1"),
        ("\n\n  x = 1\n", "x = 1"),
        ("# Mean price by origin\ndf.groupby('origin')", "# Mean price by origin"),
        ("import pandas as pd\nfrom x import y\n%matplotlib inline\n\ndf.plot()", "df.plot()"),
        ("# -*- coding: utf-8 -*-\n# %%\n# ----\nprint(1)", "print(1)"),
        ("import pandas", "import pandas"),
        ("   ", ""),
    ] {
        assert_eq!(title(code), expected, "{code}");
    }
    assert_eq!(title(&"\u{5206}".repeat(300)).chars().count(), 120);
}

#[test]
fn a_preview_is_the_error_the_result_or_the_last_line() {
    assert_eq!(preview(&[]), "");
    assert_eq!(preview(&[stdout("a\nb\n"), stdout("\n  \n")]), "b");
    assert_eq!(preview(&[stdout("first\nsec"), stdout("ond"), stdout(" part")]), "second part");
    assert_eq!(preview(&[stdout("done\n"), stdout("next")]), "next");
    assert_eq!(preview(&[result("1"), stdout("later"), result("2")]), "2");
    assert_eq!(preview(&[result("1"), failed("ValueError", "no \u{1b}[31mred\u{1b}[0m")]), "ValueError: no red");
    assert_eq!(preview(&[failed("KeyboardInterrupt", "")]), "KeyboardInterrupt");
    assert_eq!(preview(&[result(&"\u{5206}".repeat(500))]).chars().count(), 200);
    assert_eq!(preview(&[stdout(&"x".repeat(100_000))]).len(), 200);
}

#[test]
fn a_log_that_fits_is_whole() {
    let said = [stdout("a"), stdout("b"), result("c"), Event::Finished(finished())];
    let events = summed(&said, true).into_events();
    assert_eq!(events.iter().filter_map(|event| event.event.clone()).collect::<Vec<_>>(), said);
}

#[test]
fn a_long_log_keeps_its_error_through_a_flood() {
    let traceback = vec!["y".repeat(1_000); 300];
    let error = Event::Error(ErrorEvent { name: "E".into(), value: "v".into(), traceback });
    let flood = || (0..4_000).map(|line| stdout(&format!("{line:099}\n")));
    let said: Vec<_> = flood().chain([error]).chain(flood()).chain([Event::Finished(finished())]).collect();
    let events = summed(&said, false).into_events();
    assert!(events.iter().any(|event| matches!(event.event, Some(Event::Error(_)))));
    assert!(matches!(events.last().expect("an end").event, Some(Event::Finished(FinishedEvent { .. }))));
    assert!(events.iter().map(entry_bytes).sum::<usize>() <= ENTRY_INLINE_MAX_BYTES);
}

#[test]
fn of_a_long_text_as_much_is_kept_as_there_is_room_for() {
    let text: String = (0..6_000).map(|line| format!("{line:049}\n")).collect();
    let pieces: Vec<_> =
        text.as_bytes().chunks(64 << 10).map(|piece| stdout(&String::from_utf8_lossy(piece))).collect();
    let events = summed(&pieces, false).into_events();
    let text_of = |event: &OutputEvent| match &event.event {
        Some(Event::Stream(stream)) => stream.text.clone(),
        _ => String::new(),
    };
    let texts: Vec<_> = events.iter().map(text_of).collect();
    let at = events.iter().position(|event| matches!(event.event, Some(Event::Truncated(_)))).expect("a marker");
    let (head, tail) = (texts[..at].concat(), texts[at..].concat());
    assert!(text.starts_with(&head) && text.ends_with(&tail));
    assert!(head.len() + tail.len() > HEAD_MAX_BYTES + TAIL_MAX_BYTES - 1024, "{} {}", head.len(), tail.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn an_entry_is_bounded_dense_and_accounts_for_what_it_leaves_out(
        lines in prop::collection::vec((0..4_000usize, 0..20u8), 0..400)
    ) {
        let said: Vec<_> = lines.iter().map(|(bytes, kind)| match kind {
            0 => result(&"r".repeat(*bytes)),
            1 => failed("E", &"e".repeat(*bytes)),
            _ => stdout(&"t".repeat(*bytes)),
        }).chain([Event::Finished(finished())]).collect();
        let events = summed(&said, false).into_events();
        for (expected, event) in (1..).zip(&events) {
            prop_assert_eq!(event.sequence, expected);
        }
        prop_assert!(events.iter().map(entry_bytes).sum::<usize>() <= ENTRY_INLINE_MAX_BYTES);
        let all: u64 = said.iter().map(payload_bytes).sum();
        let kept: u64 = events.iter().filter_map(|event| event.event.as_ref()).map(payload_bytes).sum();
        let cut: i64 = events.iter().map(|event| match &event.event {
            Some(Event::Truncated(cut)) => cut.dropped_bytes,
            _ => 0,
        }).sum();
        prop_assert_eq!(kept + u64::try_from(cut).expect("positive"), all);
        prop_assert!(matches!(events.last().expect("an end").event, Some(Event::Finished(_))));
    }
}

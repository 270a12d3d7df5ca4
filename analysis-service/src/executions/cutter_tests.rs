//! What is kept above the limit: the head, the tail, and an honest account of the rest.

use fenxi_proto::analysis::v1::{
    DisplayEvent, ErrorEvent, InputReplyEvent, InputRequestEvent, MimeBundle, MimePart, OutputEvent, ResultEvent,
    mime_part::Content,
};
use proptest::prelude::*;

use super::*;
use crate::executions::test_events::{queued, result, stdout};

const LIMIT: OutputLimit = OutputLimit { max_bytes: 10_000, tail_bytes: 4_000 };

fn run(cutter: &mut Cutter, events: impl IntoIterator<Item = Event>) -> Vec<Event> {
    let mut kept: Vec<_> = events.into_iter().flat_map(|event| cutter.take(event)).collect();
    kept.extend(cutter.flush());
    kept
}

fn text(event: &Event) -> &str {
    if let Event::Stream(stream) = event { &stream.text } else { "" }
}

fn dropped(events: &[Event]) -> i64 {
    events.iter().map(|event| if let Event::Truncated(cut) = event { cut.dropped_bytes } else { 0 }).sum()
}

#[test]
fn below_the_limit_nothing_changes() {
    let mut cutter = Cutter::new(LIMIT);
    let said = vec![queued(), stdout("a"), stdout("b"), result("c")];
    assert_eq!(run(&mut cutter, said.clone()), said);
    assert_eq!((cutter.kept_bytes(), cutter.dropped_bytes()), (3, 0));
}

#[test]
fn a_flood_keeps_its_head_its_tail_and_its_error() {
    let mut cutter = Cutter::new(LIMIT);
    let error = Event::Error(ErrorEvent { name: "KeyboardInterrupt".into(), ..ErrorEvent::default() });
    let flood = (0..1_000).map(|line| stdout(&format!("{line:099}\n"))).chain([error.clone()]);
    let kept = run(&mut cutter, flood);
    assert_eq!(text(&kept[0]).trim_start_matches('0').trim(), "");
    assert_eq!(kept.last(), Some(&error));
    let last_text = &kept[kept.len() - 2];
    assert!(text(last_text).ends_with("999\n"), "the tail is not the last that was said");
    let cut = kept.iter().position(|event| matches!(event, Event::Truncated(_))).expect("a marker");
    assert!(matches!(kept[cut - 1], Event::Notice(_)), "the cut was not told when it began");
    let Event::Truncated(marker) = &kept[cut] else { panic!("no marker") };
    let head: usize = kept[..cut].iter().map(|event| text(event).len()).sum();
    assert_eq!((marker.kept_bytes, marker.limit_bytes), (i64::try_from(head).expect("small"), 10_000));
    let all: usize = kept.iter().map(|event| text(event).len()).sum();
    assert_eq!(marker.dropped_bytes, 100_000 - i64::try_from(all).expect("small"));
}

#[test]
fn one_thing_that_is_too_large_is_left_out_alone() {
    let mut cutter = Cutter::new(LIMIT);
    let kept = run(&mut cutter, [stdout("before"), stdout(&"x".repeat(50_000)), stdout("after")]);
    assert!(matches!(kept.as_slice(), [_, Event::Truncated(cut), _] if cut.dropped_bytes == 50_000));
    assert_eq!((text(&kept[0]), text(&kept[2])), ("before", "after"));
}

/// A display, or a result, of a large page with its plain text.
fn page(is_result: bool, html_bytes: usize, plain: &str) -> Event {
    let part = |name: &str, text: &str| MimePart { mime_type: name.into(), content: Some(Content::Text(text.into())) };
    let parts = vec![part("text/html", &"x".repeat(html_bytes)), part("text/plain", plain)];
    let bundle = Some(MimeBundle { parts, ..MimeBundle::default() });
    if is_result {
        return Event::Result(ResultEvent { bundle, ..ResultEvent::default() });
    }
    Event::Display(DisplayEvent { bundle, ..DisplayEvent::default() })
}

#[test]
fn of_one_thing_that_is_too_large_the_forms_that_fit_are_kept() {
    let large = usize::try_from(PINNED_MAX_BYTES).expect("fits");
    for is_result in [false, true] {
        let mut cutter = Cutter::new(LIMIT);
        let kept = run(&mut cutter, [stdout("before"), page(is_result, large, "a table"), stdout("after")]);
        let [_, form, Event::Truncated(cut), after] = kept.as_slice() else { panic!("{} events", kept.len()) };
        assert_eq!(payload_bytes(form), 7, "its text is left out as well");
        assert_eq!((cut.kept_bytes, cut.dropped_bytes), (13, signed(PINNED_MAX_BYTES)));
        assert_eq!(text(after), "after", "what follows is held to be too much");
        assert!(length(&kept) <= cutter.used);
    }
}

#[test]
fn above_the_limit_the_forms_that_fit_are_kept_too() {
    for is_result in [false, true] {
        let mut cutter = Cutter::new(LIMIT);
        let said = [stdout(&"x".repeat(5_900)), stdout(&"y".repeat(1_000)), page(is_result, 20 << 20, "a table")];
        let kept = run(&mut cutter, said);
        assert_eq!(kept.last().map(payload_bytes), Some(7));
        assert_eq!(cutter.dropped_bytes(), 20 << 20);
    }
}

#[test]
fn a_marker_of_another_tells_what_is_kept() {
    let mut cutter = Cutter::new(LIMIT);
    let left_out = Event::Truncated(TruncatedEvent { kept_bytes: 0, dropped_bytes: 7, limit_bytes: 1 });
    let kept = run(&mut cutter, [stdout("before"), left_out]);
    assert!(matches!(kept.as_slice(), [_, Event::Truncated(cut)] if cut.kept_bytes == 6 && cut.limit_bytes == 1));
}

#[test]
fn messages_that_nobody_takes_take_of_the_limit() {
    let mut cutter = Cutter::new(LIMIT);
    let left_out = Event::Truncated(TruncatedEvent { kept_bytes: 0, dropped_bytes: 7, limit_bytes: 1 });
    let kept = run(&mut cutter, std::iter::repeat_n(left_out, 100_000));
    assert!(length(&kept) <= LIMIT.max_bytes, "{} bytes", length(&kept));
    assert_eq!((dropped(&kept), cutter.dropped_bytes()), (700_000, 700_000));
    assert_eq!(notices(&kept), 1);
}

/// What a later process finds in a log of these events.
fn held(events: &[Event]) -> Held {
    let mut held = Held::default();
    for event in events {
        held.see(&OutputEvent { event: Some(event.clone()), ..OutputEvent::default() });
        held.kept_bytes += payload_bytes(event);
        held.cost_bytes += cost_bytes(event);
    }
    held
}

fn flood() -> impl Iterator<Item = Event> {
    (0..1_000).map(|line| stdout(&format!("{line:099}\n")))
}

fn notices(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event, Event::Notice(_))).count()
}

#[test]
fn a_log_that_was_left_above_the_limit_goes_on_with_its_whole_account() {
    let mut cutter = Cutter::new(LIMIT);
    let mut log = run(&mut cutter, flood());
    for again in 1..3 {
        let mut next = Cutter::new(LIMIT);
        assert_eq!(next.resume(&held(&log)), None, "nothing is missing");
        assert_eq!(next.dropped_bytes(), cutter.dropped_bytes());
        let more = run(&mut next, flood());
        assert_eq!(notices(&more), 1, "what is held back now is not told");
        log.extend(more);
        assert_eq!(next.kept_bytes() + next.dropped_bytes(), 100_000 * (again + 1));
        cutter = next;
    }
}

#[test]
fn a_log_whose_process_was_killed_above_the_limit_says_that_a_part_may_be_missing() {
    let mut cutter = Cutter::new(LIMIT);
    let mut log: Vec<_> = flood().flat_map(|event| cutter.take(event)).collect();
    for _ in 0..2 {
        let mut next = Cutter::new(LIMIT);
        let missing = next.resume(&held(&log)).expect("something is missing");
        log.push(missing);
        // Killed again, before anything more is written.
        assert!(flood().all(|event| next.take(event).is_empty()));
    }
    let mut asked = Cutter::new(LIMIT);
    let mut log = run(&mut asked, flood());
    log.extend(asked.take(Event::InputRequest(InputRequestEvent::default())));
    assert!(Cutter::new(LIMIT).resume(&held(&log)).is_some(), "what was said after the question may be missing");
}

#[test]
fn a_log_below_the_limit_goes_on_as_it_was() {
    let mut cutter = Cutter::new(LIMIT);
    assert_eq!(cutter.resume(&held(&[queued(), stdout("a")])), None);
    assert_eq!(run(&mut cutter, [stdout("b")]), [stdout("b")]);
    assert_eq!((cutter.kept_bytes(), cutter.dropped_bytes()), (2, 0));
}

#[test]
fn what_was_said_before_a_question_can_be_read() {
    let mut cutter = Cutter::new(LIMIT);
    for line in 0..1_000 {
        cutter.take(stdout(&format!("{line:099}\n")));
    }
    cutter.take(stdout("What now? "));
    let shown = cutter.take(Event::InputRequest(InputRequestEvent::default()));
    assert!(matches!(shown.last(), Some(Event::InputRequest(_))));
    assert_eq!(text(&shown[shown.len() - 2]), "What now? ");
}

/// A display without any output, but with names.
fn names(parts: usize) -> Event {
    let part = |n| MimePart { mime_type: format!("x/{n:0198}"), content: Some(Content::Text(String::new())) };
    let bundle = MimeBundle { parts: (0..parts).map(part).collect(), metadata_json: String::new() };
    Event::Display(DisplayEvent { bundle: Some(bundle), display_id: "d".repeat(200) })
}

fn question(bytes: usize) -> Event {
    let (input_id, prompt) = ("i".repeat(100), "?".repeat(bytes));
    Event::InputRequest(InputRequestEvent { input_id, prompt, password: false })
}

/// What these events take on the disk.
fn length(events: &[Event]) -> u64 {
    events.iter().map(|event| event.encoded_len() as u64).sum()
}

#[test]
fn names_take_of_the_limit_as_well() {
    let mut cutter = Cutter::new(LIMIT);
    let kept = run(&mut cutter, (0..100).map(|_| names(32)));
    assert!(length(&kept) <= LIMIT.max_bytes, "{} bytes", length(&kept));
}

#[test]
fn code_that_asks_without_end_does_not_fill_the_disk() {
    let mut cutter = Cutter::new(LIMIT);
    let mut kept = run(&mut cutter, (0..3_000).map(|_| question(3_000)));
    assert!(length(&kept) <= LIMIT.max_bytes + PROMPTS_MAX_EVENTS as u64 * 1_300, "{} bytes", length(&kept));
    assert_eq!(notices(&kept), 2, "it is told that the limit is reached, and that questions are left out");
    kept.retain(|event| matches!(event, Event::InputRequest(_)));
    assert!(kept.len() > PROMPTS_MAX_EVENTS, "questions are left out too early");
    let mut cutter = Cutter::new(LIMIT);
    let reply = InputReplyEvent { input_id: String::new(), value: "v".repeat(6_000) };
    let kept = run(&mut cutter, [Event::InputReply(reply), stdout("o"), question(1)]);
    assert!(kept.iter().any(|event| matches!(event, Event::Notice(_))), "answers take nothing of the limit");
}

#[derive(Clone, Debug)]
enum Say {
    Text(usize),
    Result(usize),
    Names(usize),
    Question(usize),
}

fn anything() -> impl Strategy<Value = Vec<Say>> {
    let say = prop_oneof![
        20 => (0..3_000usize).prop_map(Say::Text),
        1 => (0..300usize).prop_map(Say::Result),
        5 => (0..=32usize).prop_map(Say::Names),
        1 => (0..3_000usize).prop_map(Say::Question),
    ];
    prop::collection::vec(say, 0..120)
}

proptest! {
    #[test]
    fn whatever_is_said_is_kept_or_accounted_for(said in anything()) {
        let mut cutter = Cutter::new(LIMIT);
        let mut total = 0;
        let events = said.iter().map(|say| match say {
            Say::Text(bytes) => stdout(&"t".repeat(*bytes)),
            Say::Result(bytes) => result(&"r".repeat(*bytes)),
            Say::Names(parts) => names(*parts),
            Say::Question(bytes) => question(*bytes),
        }).inspect(|event| total += payload_bytes(event)).collect::<Vec<_>>();
        let results = events.iter().filter(|event| matches!(event, Event::Result(_))).count();
        let kept = run(&mut cutter, events);
        let kept_bytes: u64 = kept.iter().map(payload_bytes).sum();
        prop_assert_eq!(kept_bytes, cutter.kept_bytes());
        prop_assert_eq!(kept_bytes + cutter.dropped_bytes(), total);
        prop_assert_eq!(u64::try_from(dropped(&kept)).expect("positive"), cutter.dropped_bytes());
        let output: Vec<_> = kept.iter().filter(|event| kind(event) == Kind::Output).cloned().collect();
        prop_assert!(length(&output) <= LIMIT.max_bytes);
        let kept_results = kept.iter().filter(|event| matches!(event, Event::Result(_))).count();
        prop_assert!(kept_results >= results.min(PINNED_MAX_EVENTS));
    }
}

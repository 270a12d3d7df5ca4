//! What a kernel says on iopub, as the events of the log. Pure: bytes in, an event out. A message that cannot be read
//! becomes nothing; no message, whatever it holds, becomes a panic.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use fenxi_proto::analysis::v1::{
    ClearOutputEvent, DisplayEvent, ErrorEvent, InputRequestEvent, MimeBundle, MimePart, ResultEvent, StreamEvent,
    StreamName, UpdateDisplayEvent, mime_part::Content, output_event::Event,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::connection::Message;

/// Forms of one output that are kept.
const PARTS_MAX: usize = 32;
/// The longest name of a form, display or request.
const NAME_MAX_BYTES: usize = 200;
/// Lines of a traceback that are kept, the last ones.
const TRACEBACK_LINES_MAX: usize = 200;

/// What a message on iopub means.
#[derive(Debug, PartialEq)]
pub(crate) enum Said {
    /// Output.
    Event(Event),
    /// Code began to run, with this count.
    Began { execution_count: i32 },
    /// The kernel has finished with the request.
    Idle,
    /// Nothing that concerns anyone.
    Nothing,
}

/// The answer to a request to run code.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Reply {
    /// Whether it ran to its end.
    pub ok: bool,
    /// The kernel's count.
    pub execution_count: Option<i32>,
    /// The exception's class.
    pub error_name: String,
    /// Its text.
    pub error_value: String,
    /// What `name?` shows, as a display.
    pub page: Option<MimeBundle>,
    /// The kernel was told to end, by `exit()`, and does so now.
    pub leaves: bool,
}

#[derive(Deserialize)]
struct Stream {
    name: String,
    text: String,
}

#[derive(Deserialize)]
struct Display {
    data: BTreeMap<String, Box<RawValue>>,
    #[serde(default)]
    metadata: Option<Box<RawValue>>,
    #[serde(default)]
    transient: Option<Transient>,
    #[serde(default)]
    execution_count: Option<i32>,
}

#[derive(Deserialize)]
struct Transient {
    #[serde(default)]
    display_id: Option<String>,
}

#[derive(Deserialize)]
struct Failed {
    ename: String,
    #[serde(default)]
    evalue: String,
    #[serde(default)]
    traceback: Vec<String>,
}

#[derive(Deserialize)]
struct Status {
    execution_state: String,
}

#[derive(Deserialize)]
struct Input {
    execution_count: i32,
}

#[derive(Deserialize)]
struct Clear {
    #[serde(default)]
    wait: bool,
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    prompt: String,
    #[serde(default)]
    password: bool,
}

/// How it went is in its status; what else it says may be of any form, and counts as unsaid where it is of another.
#[derive(Deserialize)]
struct Replied {
    status: String,
    execution_count: Option<Box<RawValue>>,
    ename: Option<Box<RawValue>>,
    evalue: Option<Box<RawValue>>,
    payload: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Payload {
    #[serde(default)]
    source: String,
    data: Option<BTreeMap<String, Box<RawValue>>>,
    #[serde(default)]
    keepkernel: Option<bool>,
}

/// Reads a message of iopub.
pub(crate) fn said(message: &Message) -> Said {
    match message.kind.as_str() {
        "stream" => parse(message).map(stream),
        "display_data" => parse(message).map(|display: Display| {
            let (bundle, display_id, _) = shown(display);
            Event::Display(DisplayEvent { bundle: Some(bundle), display_id })
        }),
        "update_display_data" => parse(message).map(|display: Display| {
            let (bundle, display_id, _) = shown(display);
            Event::UpdateDisplay(UpdateDisplayEvent { bundle: Some(bundle), display_id })
        }),
        "execute_result" => parse(message).map(|display: Display| {
            let (bundle, display_id, execution_count) = shown(display);
            Event::Result(ResultEvent { bundle: Some(bundle), execution_count, display_id })
        }),
        "error" => parse(message).map(failed),
        "clear_output" => parse(message).map(|clear: Clear| Event::ClearOutput(ClearOutputEvent { wait: clear.wait })),
        "execute_input" => {
            return parse(message)
                .map_or(Said::Nothing, |input: Input| Said::Began { execution_count: input.execution_count });
        }
        "status" => {
            let idle = parse(message).is_some_and(|status: Status| status.execution_state == "idle");
            return if idle { Said::Idle } else { Said::Nothing };
        }
        _ => None,
    }
    .map_or(Said::Nothing, Said::Event)
}

/// Reads a question on stdin; its id is the message's.
pub(crate) fn input_request(message: &Message) -> Option<InputRequestEvent> {
    // With a shortened id it could not be answered.
    if message.kind != "input_request" || message.id.len() > NAME_MAX_BYTES {
        return None;
    }
    let asked: Asked = parse(message)?;
    Some(InputRequestEvent { input_id: message.id.clone(), prompt: asked.prompt, password: asked.password })
}

/// Whether it is an answer to a request to run code, readable or not.
pub(crate) fn is_reply(message: &Message) -> bool {
    message.kind == "execute_reply"
}

/// Reads the answer to a request to run code.
pub(crate) fn reply(message: &Message) -> Option<Reply> {
    if !is_reply(message) {
        return None;
    }
    let replied: Replied = parse(message)?;
    let payload: Vec<Box<RawValue>> = read(replied.payload.as_deref()).unwrap_or_default();
    let payload: Vec<Payload> = payload.iter().filter_map(|payload| read(Some(payload))).collect();
    let leaves = payload.iter().any(|payload| payload.source == "ask_exit" && payload.keepkernel != Some(true));
    let page = payload.into_iter().find(|payload| payload.source == "page").and_then(|payload| payload.data);
    Some(Reply {
        ok: replied.status == "ok",
        execution_count: read(replied.execution_count.as_deref()),
        error_name: read(replied.ename.as_deref()).unwrap_or_default(),
        error_value: read(replied.evalue.as_deref()).unwrap_or_default(),
        page: page.map(|data| MimeBundle { parts: parts(data), metadata_json: String::new() }),
        leaves,
    })
}

/// A field of a message, if it is there and is of this form.
fn read<T: DeserializeOwned>(field: Option<&RawValue>) -> Option<T> {
    serde_json::from_str(field?.get()).ok()
}

/// A content that is not quite UTF-8, from names of files or broken text, is read with its wrong bytes replaced.
fn parse<T: DeserializeOwned>(message: &Message) -> Option<T> {
    if !message.content.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    serde_json::from_slice(&message.content)
        .or_else(|_| serde_json::from_str(&String::from_utf8_lossy(&message.content)))
        .inspect_err(|error| tracing::debug!(kind = message.kind, %error, "a kernel's message cannot be read"))
        .ok()
}

fn stream(stream: Stream) -> Event {
    let name = if stream.name == "stderr" { StreamName::Stderr } else { StreamName::Stdout };
    Event::Stream(StreamEvent { name: name.into(), text: stream.text })
}

fn failed(mut failed: Failed) -> Event {
    let over = failed.traceback.len().saturating_sub(TRACEBACK_LINES_MAX);
    failed.traceback.drain(..over);
    // Each line that is gone leaves its place.
    failed.traceback.shrink_to_fit();
    Event::Error(ErrorEvent { name: failed.ename, value: failed.evalue, traceback: failed.traceback })
}

fn shown(display: Display) -> (MimeBundle, String, i32) {
    let metadata_json = display.metadata.map_or(String::new(), |metadata| match metadata.get() {
        "{}" | "null" => String::new(),
        json => json.to_owned(),
    });
    let display_id = display.transient.and_then(|transient| transient.display_id).unwrap_or_default();
    let display_id = if display_id.len() > NAME_MAX_BYTES { String::new() } else { display_id };
    (MimeBundle { parts: parts(display.data), metadata_json }, display_id, display.execution_count.unwrap_or_default())
}

fn parts(data: BTreeMap<String, Box<RawValue>>) -> Vec<MimePart> {
    data.into_iter()
        .filter(|(mime_type, _)| mime_type.len() <= NAME_MAX_BYTES)
        .take(PARTS_MAX)
        .map(|(mime_type, value)| MimePart { content: Some(content(&mime_type, &value)), mime_type })
        .collect()
}

fn content(mime_type: &str, value: &RawValue) -> Content {
    if is_json(mime_type) {
        return Content::Text(value.get().to_owned());
    }
    let Some(text) = text(value) else { return Content::Text(value.get().to_owned()) };
    if is_binary(mime_type) {
        let compact: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        if let Ok(data) = STANDARD.decode(compact) {
            return Content::Data(data.into());
        }
    }
    Content::Text(text)
}

/// A text, or the list of its lines, which notebooks have.
fn text(value: &RawValue) -> Option<String> {
    let lines = || serde_json::from_str::<Vec<String>>(value.get()).map(|lines| lines.concat());
    serde_json::from_str(value.get()).or_else(|_| lines()).ok()
}

fn is_json(mime_type: &str) -> bool {
    mime_type == "application/json" || mime_type.ends_with("+json")
}

fn is_binary(mime_type: &str) -> bool {
    let (kind, form) = mime_type.split_once('/').unwrap_or((mime_type, ""));
    match kind {
        "image" => !form.ends_with("+xml"),
        "audio" | "video" | "font" => true,
        "application" => ["pdf", "octet-stream", "zip"].contains(&form),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: &str, content: impl Into<Vec<u8>>) -> Message {
        Message { kind: kind.into(), id: "i".into(), parent_id: "p".into(), content: content.into().into() }
    }

    #[test]
    fn every_form_of_an_output_is_kept() {
        let content = r#"{"data":{"text/plain":["a","b"],"image/png":"aGk=\n","image/svg+xml":"<svg/>",
            "application/vnd.plotly.v1+json":{"data": [1.50]},"x/bad":7},"metadata":{"image/png":{"width":1}},
            "transient":{"display_id":"d"},"execution_count":3}"#;
        let Said::Event(Event::Result(result)) = said(&message("execute_result", content)) else { panic!("no result") };
        assert_eq!((result.execution_count, result.display_id.as_str()), (3, "d"));
        let bundle = result.bundle.expect("forms");
        assert_eq!(bundle.metadata_json, r#"{"image/png":{"width":1}}"#);
        let form = |name: &str| {
            bundle.parts.iter().find(|part| part.mime_type == name).and_then(|part| part.content.clone()).expect(name)
        };
        assert_eq!(form("text/plain"), Content::Text("ab".into()));
        assert_eq!(form("image/png"), Content::Data("hi".into()));
        assert_eq!(form("image/svg+xml"), Content::Text("<svg/>".into()));
        assert_eq!(form("application/vnd.plotly.v1+json"), Content::Text(r#"{"data": [1.50]}"#.into()));
        assert_eq!(form("x/bad"), Content::Text("7".into()));
    }

    #[test]
    fn broken_text_is_shown_with_its_wrong_bytes_replaced() {
        let content = [&br#"{"name":"stdout","text":"a"#[..], b"\xed\xa0\x80", br#"b"}"#].concat();
        let Said::Event(Event::Stream(stream)) = said(&message("stream", content)) else { panic!("lost") };
        assert!(stream.text.starts_with('a') && stream.text.ends_with('b'), "{}", stream.text);
    }

    #[test]
    fn nonsense_becomes_nothing() {
        let kinds = ["stream", "display_data", "execute_result", "error", "status", "execute_input", "comm_open", ""];
        for kind in kinds {
            for content in ["", "null", "[]", "{", r#"{"data":1,"name":2,"traceback":"x"}"#, "\u{0}"] {
                assert_eq!(said(&message(kind, content)), Said::Nothing, "{kind} {content}");
            }
        }
        assert!(reply(&message("execute_reply", "{}")).is_none());
        assert!(input_request(&message("input_request", "[]")).is_none());
    }

    #[test]
    fn replies_and_questions() {
        let content =
            r#"{"status":"ok","execution_count":2,"payload":[{"source":"page","data":{"text/plain":"doc"}}]}"#;
        let answer = reply(&message("execute_reply", content)).expect("a reply");
        assert!(answer.ok && answer.page.is_some() && answer.execution_count == Some(2));
        let answer =
            reply(&message("execute_reply", r#"{"status":"error","ename":"E","evalue":"v"}"#)).expect("a reply");
        assert_eq!((answer.ok, answer.error_name.as_str()), (false, "E"));
        let odd = r#"{"status":"ok","execution_count":"x","payload":null,"ename":null,"evalue":7}"#;
        assert!(reply(&message("execute_reply", odd)).expect("a reply").ok);
        let odd = r#"{"status":"ok","payload":[7,{"source":"page","data":[]},{"source":"page","data":{"text/plain":"doc"}}]}"#;
        assert!(reply(&message("execute_reply", odd)).expect("a reply").page.is_some());
        let leaves = |keep: &str| {
            let payload = format!(r#"{{"source":"ask_exit","keepkernel":{keep}}}"#);
            let content = format!(r#"{{"status":"ok","payload":[{{"source":"page"}},{payload}]}}"#);
            reply(&message("execute_reply", content.as_str())).expect("a reply").leaves
        };
        assert!(leaves("null") && leaves("false") && !leaves("true"));
        let asked =
            input_request(&message("input_request", r#"{"prompt":"x? ","password":true}"#)).expect("a question");
        assert_eq!(asked, InputRequestEvent { input_id: "i".into(), prompt: "x? ".into(), password: true });
        assert_eq!(said(&message("status", r#"{"execution_state":"idle"}"#)), Said::Idle);
        assert_eq!(
            said(&message("execute_input", r#"{"code":"1","execution_count":4}"#)),
            Said::Began { execution_count: 4 }
        );
    }
}

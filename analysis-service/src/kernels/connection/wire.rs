//! Jupyter messages as they travel: frames, signatures, headers. The content stays raw: only who needs a field reads it.
//!
//! Protocol: jupyter-client.readthedocs.io, "The wire protocol".

use std::borrow::Cow;

use bytes::Bytes;
use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

const DELIMITER: &[u8] = b"<IDS|MSG>";
/// The longest id or type of a message.
const NAME_MAX_BYTES: usize = 200;
/// The longest header.
const HEADER_MAX_BYTES: usize = 64 * 1024;

/// A message from a kernel, its signature checked.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// Such as `stream` or `execute_reply`.
    pub kind: String,
    /// Its own id.
    pub id: String,
    /// The id of the request it belongs to; empty if to none.
    pub parent_id: String,
    /// A JSON object, not yet looked at.
    pub content: Bytes,
}

/// Why frames are no message.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum WireError {
    /// Frames are missing.
    #[error("the message is incomplete")]
    Incomplete,
    /// It was not signed with this kernel's key.
    #[error("the signature is wrong")]
    Signature,
    /// A header is no JSON object with an id and a type.
    #[error("the header is malformed")]
    Header,
}

/// Signs and checks with a kernel's key.
#[derive(Clone)]
pub(crate) struct Signer {
    mac: Hmac<Sha256>,
    session: String,
}

#[derive(Serialize)]
struct HeaderOut<'a> {
    msg_id: &'a str,
    msg_type: &'a str,
    session: &'a str,
    username: &'a str,
    version: &'a str,
}

#[derive(Deserialize)]
struct HeaderIn<'a> {
    #[serde(borrow)]
    msg_id: Cow<'a, str>,
    #[serde(borrow)]
    msg_type: Cow<'a, str>,
}

#[derive(Deserialize)]
struct ParentIn<'a> {
    #[serde(borrow, default)]
    msg_id: Cow<'a, str>,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer")
    }
}

impl Signer {
    /// For the key as the connection file has it; `session` names this end of the conversation.
    pub(crate) fn new(key: &str, session: &str) -> Option<Self> {
        Some(Self { mac: Hmac::new_from_slice(key.as_bytes()).ok()?, session: session.to_owned() })
    }

    /// The frames of a request. `parent` is the header of what it answers, or `{}`.
    pub(crate) fn frames(&self, id: &str, kind: &str, parent: Bytes, content: Vec<u8>) -> Vec<Bytes> {
        let header =
            HeaderOut { msg_id: id, msg_type: kind, session: &self.session, username: "fenxi", version: "5.4" };
        let header = serde_json::to_vec(&header).unwrap_or_default();
        let parts = [Bytes::from(header), parent, Bytes::from_static(b"{}"), Bytes::from(content)];
        let mut frames = vec![Bytes::from_static(DELIMITER), Bytes::from(self.sign(&parts))];
        frames.extend(parts);
        frames
    }

    /// Reads a message. Frames before the delimiter (identities, topics) and after the content (buffers) are left out.
    pub(crate) fn read(&self, frames: &[Bytes]) -> Result<Message, WireError> {
        let start = frames.iter().position(|frame| frame == DELIMITER).ok_or(WireError::Incomplete)?;
        let [signature, header, parent, metadata, content, ..] = &frames[start + 1..] else {
            return Err(WireError::Incomplete);
        };
        let mut mac = self.mac.clone();
        for part in [header, parent, metadata, content] {
            mac.update(part);
        }
        let signature = hex::decode(signature).map_err(|_| WireError::Signature)?;
        mac.verify_slice(&signature).map_err(|_| WireError::Signature)?;
        let (id, kind) = read_header(header)?;
        Ok(Message { kind, id, parent_id: read_parent(parent)?, content: content.clone() })
    }

    /// The id of the request that a message too large to take belongs to, from the frames that were kept. Unsigned:
    /// good for a marker, and for nothing else.
    pub(crate) fn parent_of_rest(frames: &[Bytes]) -> Option<String> {
        let start = frames.iter().position(|frame| frame == DELIMITER)?;
        read_parent(frames.get(start + 3)?).ok()
    }

    fn sign(&self, parts: &[Bytes]) -> String {
        let mut mac = self.mac.clone();
        for part in parts {
            mac.update(part);
        }
        hex::encode(mac.finalize().into_bytes())
    }
}

fn read_header(frame: &[u8]) -> Result<(String, String), WireError> {
    if frame.len() > HEADER_MAX_BYTES {
        return Err(WireError::Header);
    }
    let header: HeaderIn<'_> = serde_json::from_slice(frame).map_err(|_| WireError::Header)?;
    if header.msg_id.len() > NAME_MAX_BYTES || header.msg_type.len() > NAME_MAX_BYTES {
        return Err(WireError::Header);
    }
    Ok((header.msg_id.into_owned(), header.msg_type.into_owned()))
}

fn read_parent(frame: &[u8]) -> Result<String, WireError> {
    if frame.len() > HEADER_MAX_BYTES {
        return Err(WireError::Header);
    }
    let parent: ParentIn<'_> = serde_json::from_slice(frame).map_err(|_| WireError::Header)?;
    if parent.msg_id.len() > NAME_MAX_BYTES { Err(WireError::Header) } else { Ok(parent.msg_id.into_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer() -> Signer {
        Signer::new("a key", "s").expect("any key will do")
    }

    fn sent() -> Vec<Bytes> {
        let parent = Bytes::from_static(br#"{"msg_id":"p","extra":[1]}"#);
        signer().frames("one", "execute_request", parent, br#"{"code":"1"}"#.to_vec())
    }

    #[test]
    fn a_message_survives_the_way() {
        let mut frames = sent();
        frames.insert(0, Bytes::from_static(b"topic"));
        frames.push(Bytes::from_static(b"buffer"));
        let message = signer().read(&frames).expect("a message");
        assert_eq!(
            (message.id.as_str(), message.kind.as_str(), message.parent_id.as_str()),
            ("one", "execute_request", "p")
        );
        assert_eq!(message.content, br#"{"code":"1"}"#.as_slice());
    }

    #[test]
    fn every_changed_frame_is_noticed() {
        for number in 0..sent().len() {
            let mut frames = sent();
            frames[number] = Bytes::from([&frames[number][..], b" "].concat());
            assert!(signer().read(&frames).is_err(), "frame {number} was changed");
            frames.truncate(number);
            assert_eq!(signer().read(&frames).err(), Some(WireError::Incomplete));
        }
        let stranger = Signer::new("another key", "s").expect("any key will do");
        assert_eq!(stranger.read(&sent()).err(), Some(WireError::Signature));
    }

    #[test]
    fn headers_that_are_none_are_refused() {
        let long = format!(r#"{{"msg_id":"{}","msg_type":"x"}}"#, "i".repeat(NAME_MAX_BYTES + 1));
        for header in ["", "[]", "{}", r#"{"msg_id":1,"msg_type":"x"}"#, "\u{0}", &long] {
            assert_eq!(read_header(header.as_bytes()), Err(WireError::Header), "{header}");
        }
        assert_eq!(read_parent(b"{}"), Ok(String::new()));
        assert!(read_parent(b"[1]").is_err());
    }
}

//! One event on disk: its length, a checksum, and the encoded message of the contract.
//!
//! A log is nothing but such records, one after the other, number 1 first; the same bytes stand in a spool file, in a
//! stored file and in a stored row. This room knows no file and no execution.
//!
//! ```text
//! u32 length of the message | u32 CRC-32 of length and message | message (OutputEvent)      all little-endian
//! ```
//!
//! The message has one field more than the contract's, of which readers know nothing: how far the log has come in what
//! the kernel said.

use fenxi_proto::analysis::v1::OutputEvent;
use prost::Message as _;

/// Bytes before the message.
pub(super) const HEADER_BYTES: usize = 8;
/// The longest message. `bounds` keeps every event far below it; a greater length on disk is damage.
pub(super) const MESSAGE_MAX_BYTES: usize = 4 * 1024 * 1024;

/// What stands at the beginning of some bytes of a log.
#[derive(Debug, PartialEq)]
pub(super) enum Next<'a> {
    /// A whole record: its message, and the record's length in bytes.
    Record(&'a [u8], usize),
    /// The beginning of a record that is this long; more bytes are needed.
    Short(usize),
    /// Nothing that was written as a record.
    Damaged,
}

/// How far a log has come with this record in what its kernel said: up to which of the kernel's messages everything is
/// in it. `None`: this record is a part of a message, and the rest follows.
pub(super) type Through = Option<u64>;

/// The field that the contract does not have.
#[derive(Clone, Copy, PartialEq, prost::Message)]
struct Mark {
    #[prost(uint64, optional, tag = "100")]
    through: Option<u64>,
}

/// Appends the record of `event`.
pub(super) fn write(event: &OutputEvent, through: Through, into: &mut Vec<u8>) {
    let start = into.len();
    into.extend_from_slice(&[0; HEADER_BYTES]);
    // The encoder's only error is a full buffer, and a Vec grows.
    event.encode(into).ok();
    Mark { through }.encode(into).ok();
    let length = u32::try_from(into.len() - start - HEADER_BYTES).unwrap_or(u32::MAX).to_le_bytes();
    let sum = checksum(length, into.get(start + HEADER_BYTES..).unwrap_or_default()).to_le_bytes();
    for (byte, value) in into.iter_mut().skip(start).zip(length.into_iter().chain(sum)) {
        *byte = value;
    }
}

/// Looks at the first record of `bytes`.
pub(super) fn next(bytes: &[u8]) -> Next<'_> {
    let (Some(length), Some(sum)) = (word(bytes, 0), word(bytes, 4)) else { return Next::Short(HEADER_BYTES) };
    let Some(message_bytes) = usize::try_from(length).ok().filter(|bytes| *bytes <= MESSAGE_MAX_BYTES) else {
        return Next::Damaged;
    };
    let total = HEADER_BYTES + message_bytes;
    match bytes.get(HEADER_BYTES..total) {
        None => Next::Short(total),
        Some(message) if checksum(length.to_le_bytes(), message) == sum => Next::Record(message, total),
        Some(_) => Next::Damaged,
    }
}

/// The event in a record's message.
pub(super) fn event(message: &[u8]) -> Result<OutputEvent, prost::DecodeError> {
    OutputEvent::decode(message)
}

/// How far the log has come with a record's message.
pub(super) fn through(message: &[u8]) -> Through {
    Mark::decode(message).ok().and_then(|mark| mark.through)
}

fn checksum(length: [u8; 4], message: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&length);
    sum.update(message);
    sum.finalize()
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executions::test_events::text;

    #[test]
    fn a_record_comes_back_and_a_part_of_it_does_not() {
        let mut bytes = Vec::new();
        write(&text(1, "one"), None, &mut bytes);
        let first = bytes.len();
        write(&text(2, "two"), Some(7), &mut bytes);

        let Next::Record(message, used) = next(&bytes) else { panic!("no record") };
        assert_eq!((event(message).expect("an event"), used, through(message)), (text(1, "one"), first, None));
        let Next::Record(message, _) = next(&bytes[first..]) else { panic!("no second record") };
        assert_eq!((event(message).expect("an event"), through(message)), (text(2, "two"), Some(7)));
        for cut in 0..first {
            assert!(matches!(next(&bytes[..cut]), Next::Short(_)), "{cut} bytes were taken for a record");
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let mut bytes = Vec::new();
        write(&text(7, "some text"), Some(3), &mut bytes);
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(!matches!(next(&damaged), Next::Record(..)), "bit {bit} was not noticed");
        }
    }
}

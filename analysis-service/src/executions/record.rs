//! One event on disk: its length, a checksum, and the encoded message of the contract.
//!
//! A log is nothing but such records, one after the other, number 1 first; the same bytes stand in a spool file, in a
//! stored file and in a stored row. This room knows no file and no execution.
//!
//! ```text
//! u32 length of the message | u32 CRC-32 of length and message | message (OutputEvent)      all little-endian
//! ```
//!
//! The message has two fields more than the contract's, of which readers know nothing: how far the log has come in what
//! the kernel said, and the request to cancel, or the input, that was taken with this event. One that led to no event has
//! a record of its own, without number and event.

use fenxi_proto::analysis::v1::OutputEvent;
use prost::Message as _;

use super::requests::Taken;

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

/// The fields that the contract does not have.
#[derive(Clone, PartialEq, prost::Message)]
struct Mark {
    #[prost(uint64, optional, tag = "100")]
    through: Option<u64>,
    #[prost(bytes = "vec", optional, tag = "101")]
    taken: Option<Vec<u8>>,
}

/// How the message of an event begins: with the key of its number, which is never 0.
const EVENT_KEY: u8 = 1 << 3;

/// Appends the record of `event`, or that of a request which led to none.
pub(super) fn write(event: Option<&OutputEvent>, through: Through, taken: Option<Taken>, into: &mut Vec<u8>) {
    let start = into.len();
    into.extend_from_slice(&[0; HEADER_BYTES]);
    // The encoder's only error is a full buffer, and a Vec grows.
    event.map(|event| event.encode(into).ok());
    Mark { through, taken: taken.map(|taken| taken.write()) }.encode(into).ok();
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

/// Whether a record's message has an event.
pub(super) fn has_event(message: &[u8]) -> bool {
    message.first() == Some(&EVENT_KEY)
}

/// How far the log has come with a record's message, and the request that was taken with it.
pub(super) fn mark(message: &[u8]) -> (Through, Option<Taken>) {
    let mark = Mark::decode(message).unwrap_or_default();
    (mark.through, mark.taken.and_then(|bytes| Taken::read(&bytes)))
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
        let taken = Some(Taken::new(uuid::Uuid::from_u128(5), &[9; 32]));
        write(Some(&text(1, "one")), None, None, &mut bytes);
        let first = bytes.len();
        write(Some(&text(2, "two")), Some(7), taken, &mut bytes);
        let second = bytes.len();
        write(None, Some(8), taken, &mut bytes);

        let Next::Record(message, used) = next(&bytes) else { panic!("no record") };
        assert_eq!((event(message).expect("an event"), used, mark(message)), (text(1, "one"), first, (None, None)));
        let Next::Record(message, _) = next(&bytes[first..]) else { panic!("no second record") };
        assert_eq!((event(message).expect("an event"), mark(message)), (text(2, "two"), (Some(7), taken)));
        assert!(has_event(message));
        let Next::Record(message, _) = next(&bytes[second..]) else { panic!("no third record") };
        assert_eq!((has_event(message), mark(message)), (false, (Some(8), taken)));
        for cut in 0..first {
            assert!(matches!(next(&bytes[..cut]), Next::Short(_)), "{cut} bytes were taken for a record");
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let mut bytes = Vec::new();
        write(Some(&text(7, "some text")), Some(3), None, &mut bytes);
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(!matches!(next(&damaged), Next::Record(..)), "bit {bit} was not noticed");
        }
    }
}

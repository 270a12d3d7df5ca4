//! Where in the row of length-prefixed messages a body stands. Counts bytes, never looks into a message and never
//! holds one: a length that lies costs nothing.

/// Flag and length before each message.
const PREFIX_BYTES: usize = 5;

/// The position in a row of messages.
#[derive(Debug)]
pub(crate) struct Frames {
    prefix: [u8; PREFIX_BYTES],
    prefix_bytes: usize,
    rest_bytes: usize,
    messages: usize,
    message_max_bytes: usize,
}

/// A message announced more bytes than allowed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong {
    /// What it announced.
    pub(crate) announced_bytes: usize,
}

impl Frames {
    /// At the beginning of a body whose messages may have at most this size.
    pub(crate) fn new(message_max_bytes: usize) -> Self {
        Self { prefix: [0; PREFIX_BYTES], prefix_bytes: 0, rest_bytes: 0, messages: 0, message_max_bytes }
    }

    /// Moves on by these bytes.
    pub(crate) fn advance(&mut self, mut bytes: &[u8]) -> Result<(), TooLong> {
        while !bytes.is_empty() {
            if self.rest_bytes > 0 {
                let step = self.rest_bytes.min(bytes.len());
                self.rest_bytes -= step;
                bytes = bytes.get(step..).unwrap_or_default();
                continue;
            }
            let step = (PREFIX_BYTES - self.prefix_bytes).min(bytes.len());
            let (now, later) = bytes.split_at_checked(step).unwrap_or((bytes, &[]));
            if let Some(place) = self.prefix.get_mut(self.prefix_bytes..self.prefix_bytes + step) {
                place.copy_from_slice(now);
            }
            self.prefix_bytes += step;
            bytes = later;
            if self.prefix_bytes == PREFIX_BYTES {
                self.begin_message()?;
            }
        }
        Ok(())
    }

    fn begin_message(&mut self) -> Result<(), TooLong> {
        let [_, a, b, c, d] = self.prefix;
        let announced_bytes = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        if announced_bytes > self.message_max_bytes {
            return Err(TooLong { announced_bytes });
        }
        self.prefix_bytes = 0;
        self.rest_bytes = announced_bytes;
        self.messages += 1;
        Ok(())
    }

    /// Whether no message is half-way.
    pub(crate) fn between_messages(&self) -> bool {
        self.prefix_bytes == 0 && self.rest_bytes == 0
    }

    /// Messages begun.
    pub(crate) fn messages(&self) -> usize {
        self.messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(bytes: usize) -> Vec<u8> {
        let mut message = vec![0];
        message.extend(u32::try_from(bytes).expect("small").to_be_bytes());
        message.extend(vec![7; bytes]);
        message
    }

    #[test]
    fn messages_are_counted_however_they_are_cut() {
        let row: Vec<u8> = [message(0), message(3), message(300)].concat();
        for piece in [1, 2, 3, 5, 7, 1000] {
            let mut frames = Frames::new(300);
            for (at, part) in row.chunks(piece).enumerate() {
                frames.advance(part).expect("allowed");
                let end = ((at + 1) * piece).min(row.len());
                assert_eq!(frames.between_messages(), [5, 13, row.len()].contains(&end), "piece {piece}, byte {end}");
            }
            assert_eq!(frames.messages(), 3);
        }
    }

    #[test]
    fn a_length_above_the_limit_is_refused_at_its_prefix() {
        let mut frames = Frames::new(4 << 20);
        assert_eq!(frames.advance(&[0, 0, 0x40, 0, 1]), Err(TooLong { announced_bytes: (4 << 20) + 1 }));
        let mut frames = Frames::new(4 << 20);
        assert_eq!(frames.advance(&[0, 0xff, 0xff, 0xff]), Ok(()));
        assert_eq!(frames.advance(&[0xff]), Err(TooLong { announced_bytes: u32::MAX as usize }));
    }
}

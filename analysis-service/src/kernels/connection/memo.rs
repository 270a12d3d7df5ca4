//! What a later service is told of the execution that was sent to a kernel last, by the supervisor, which does not read
//! it: what the kernel had used before, and how much of what the code printed was heard.

use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;

/// Goes with whatever is acknowledged: what is heard again is counted from where this ends.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct Memo {
    /// Processor time of the kernel's own process when the code was sent, in nanoseconds.
    #[prost(uint64, optional, tag = "1")]
    own_cpu_nanos: Option<u64>,
    /// The same of its other processes, as far as it had been measured.
    #[prost(uint64, tag = "2")]
    family_cpu_nanos: u64,
    /// The newest of the kernel's messages of which the text is counted below.
    #[prost(uint64, optional, tag = "3")]
    pub(crate) through: Option<u64>,
    /// Bytes of text that the code had printed to stdout until then.
    #[prost(uint64, tag = "4")]
    pub(crate) stdout_bytes: u64,
    /// The same of stderr.
    #[prost(uint64, tag = "5")]
    pub(crate) stderr_bytes: u64,
}

impl Memo {
    /// Of code that is to be sent to a kernel that has used so much and said so much; without its own processor time
    /// where that is not known.
    pub(crate) fn new(own_cpu: Option<Duration>, family_cpu: Duration, heard: u64) -> Self {
        let own_cpu_nanos = own_cpu.map(nanos);
        Self { own_cpu_nanos, family_cpu_nanos: nanos(family_cpu), through: Some(heard), ..Self::default() }
    }

    /// Processor time of the kernel's own process and of the others when the code was sent, if it is known.
    pub(crate) fn cpu(&self) -> Option<(Duration, Duration)> {
        let own_cpu = Duration::from_nanos(self.own_cpu_nanos?);
        Some((own_cpu, Duration::from_nanos(self.family_cpu_nanos)))
    }

    pub(super) fn write(&self) -> Bytes {
        self.encode_to_vec().into()
    }

    pub(super) fn read(memo: &[u8]) -> Option<Self> {
        Self::decode(memo).ok()
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memo_is_read_as_it_was_written() {
        let memo = Memo { stderr_bytes: 9, ..Memo::new(Some(Duration::from_millis(7)), Duration::from_millis(2), 5) };
        assert_eq!(Memo::read(&memo.write()), Some(memo));
        assert_eq!(memo.cpu(), Some((Duration::from_millis(7), Duration::from_millis(2))));
        assert_eq!(Memo::new(None, Duration::ZERO, 0).cpu(), None);
        let none = Memo::read(b"").expect("one of an earlier supervisor");
        assert_eq!((none.cpu(), none.through), (None, None));
    }
}

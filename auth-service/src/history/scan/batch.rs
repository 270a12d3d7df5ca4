//! How many entries to decide together: so many that the code which decides is read in few statements, none of them long.

use crate::history::{entry::Entry, store::CODES_MAX};

/// Bytes of code that one statement reads; a single code may be as long.
const STEP_MAX_BYTES: usize = 1 << 20;

/// An entry, and whether it is wanted as far as that is known without its code.
pub(super) struct Sifted {
    pub(super) entry: Entry,
    pub(super) wanted: Option<bool>,
    pub(super) content_id: i64,
    pub(super) code_bytes: usize,
}

/// How many of them to decide together: as many as one statement may read the code of, but one at least.
pub(super) fn batch_size(sifted: &[Sifted]) -> usize {
    let (mut codes, mut bytes) = (0, 0_usize);
    for (at, sifted) in sifted.iter().enumerate() {
        if sifted.wanted.is_none() {
            (codes, bytes) = (codes + 1, bytes.saturating_add(sifted.code_bytes));
            if codes > CODES_MAX || (codes > 1 && bytes > STEP_MAX_BYTES) {
                return at;
            }
        }
    }
    sifted.len()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{super::super::tests::entry, *};

    fn sizes(rows: &[(Option<bool>, usize)]) -> Vec<usize> {
        let sifted = |&(wanted, code_bytes): &(_, usize)| Sifted {
            entry: entry(Uuid::nil(), 0).whole.entry,
            wanted,
            content_id: 0,
            code_bytes,
        };
        let mut rest: Vec<_> = rows.iter().map(sifted).collect();
        let mut sizes = Vec::new();
        while !rest.is_empty() {
            sizes.push(batch_size(&rest));
            rest.drain(..batch_size(&rest));
        }
        sizes
    }

    #[test]
    fn code_is_read_in_batches_of_bounded_bytes() {
        const MIB: usize = 1 << 20;
        assert_eq!(sizes(&[(None, MIB), (None, MIB), (None, 0), (None, 1)]), [1, 2, 1]);
        assert_eq!(sizes(&[(None, 3 * MIB), (None, 3 * MIB)]), [1, 1], "one at least");
        assert_eq!(
            sizes(&[(Some(true), MIB), (None, MIB), (Some(false), MIB), (None, 1)]),
            [3, 1],
            "decided by others"
        );
        assert_eq!(sizes(&[(None, 9); 2 * CODES_MAX + 1]), [CODES_MAX, CODES_MAX, 1]);
        assert_eq!(sizes(&[(Some(false), MIB); 250]), [250]);
    }
}

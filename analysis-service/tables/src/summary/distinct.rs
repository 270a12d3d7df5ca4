//! How many values differ: exactly up to a bound, then by HyperLogLog (Flajolet et al. 2007) with 2^14 registers,
//! whose standard error is 0.8 %. Values are known by a 64-bit hash; that two of the exact ones share it is a matter
//! of one column in billions.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

/// Different values that are counted exactly.
const EXACT_MAX: usize = 1 << 16;
/// Numbers from the least to the greatest for which a bit each is kept: half a megabyte.
const DENSE_MAX: usize = 1 << 22;
const REGISTER_BITS: u32 = 14;
const REGISTERS: usize = 1 << REGISTER_BITS;

/// A hasher for keys that are hashes already.
#[derive(Default)]
pub(crate) struct Same(u64);

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = hash_bytes(bytes);
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

pub(crate) type SameState = BuildHasherDefault<Same>;

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    #[expect(clippy::cast_possible_truncation, reason = "both halves are used")]
    let folded = (product as u64) ^ ((product >> 64) as u64);
    folded
}

const K0: u64 = 0x9e37_79b9_7f4a_7c15;
const K1: u64 = 0xe703_7ed1_a0b4_28db;
const K2: u64 = 0x8ebc_6af0_9c88_c6e3;

/// A hash of one word.
#[inline]
pub(crate) fn hash_u64(value: u64) -> u64 {
    fold(fold(value ^ K0, K1) ^ K2, K0)
}

/// A hash of bytes (folded multiplication, after wyhash).
#[inline]
pub(crate) fn hash_bytes(bytes: &[u8]) -> u64 {
    let begin = bytes.first_chunk().map_or_else(|| short_word(bytes), |word| u64::from_le_bytes(*word));
    hash_begun(begin, bytes, bytes.len())
}

/// The hash of the first `bytes` bytes of `text`, of which `begin` are the first eight, or with zeros after them all.
#[inline]
pub(crate) fn hash_begun(begin: u64, text: &[u8], bytes: usize) -> u64 {
    let state = K0 ^ bytes as u64;
    let state = match bytes {
        0 => state,
        1..8 => fold(state ^ begin, K2),
        8 => fold(state ^ begin, K1),
        _ => hash_rest(fold(state ^ begin, K1), &text[8..], bytes - 8),
    };
    fold(state ^ K2, K0)
}

#[inline]
fn hash_rest(mut state: u64, mut rest: &[u8], mut bytes: usize) -> u64 {
    while bytes >= 8
        && let Some((word, after)) = rest.split_first_chunk::<8>()
    {
        state = fold(state ^ u64::from_le_bytes(*word), K1);
        (rest, bytes) = (after, bytes - 8);
    }
    if bytes == 0 {
        return state;
    }
    // What follows the text is read with it and blotted out.
    let last = rest.first_chunk::<8>();
    let last = last.map(|word| u64::from_le_bytes(*word) & (u64::MAX >> (64 - 8 * bytes)));
    fold(state ^ last.unwrap_or_else(|| short_word(&rest[..bytes.min(rest.len())])), K2)
}

/// Up to seven bytes as a word, the first one lowest; without a copy of a length that is not known.
#[inline]
pub(crate) fn short_word(bytes: &[u8]) -> u64 {
    let (mut word, mut at, mut rest) = (0, 0, bytes);
    if let Some((four, after)) = rest.split_first_chunk::<4>() {
        (word, at, rest) = (u64::from(u32::from_le_bytes(*four)), 32, after);
    }
    if let Some((two, after)) = rest.split_first_chunk::<2>() {
        word |= u64::from(u16::from_le_bytes(*two)) << at;
        (at, rest) = (at + 16, after);
    }
    rest.first().map_or(word, |byte| word | u64::from(*byte) << at)
}

/// Counts different whole numbers that lie close together, exactly.
pub(crate) struct Dense {
    seen: Vec<u64>,
    least: i64,
}

impl Dense {
    /// For numbers from `least` to `greatest`; `None` where they lie too far apart.
    pub(crate) fn new(least: i64, greatest: i64) -> Option<Self> {
        let range = usize::try_from(greatest.checked_sub(least)?).ok().filter(|range| *range < DENSE_MAX)?;
        Some(Self { seen: vec![0; range / 64 + 1], least })
    }

    #[inline]
    pub(crate) fn add(&mut self, value: i64) {
        let bit = value.wrapping_sub(self.least).cast_unsigned();
        let word = (bit / 64) as usize;
        self.seen[word] |= 1 << (bit % 64);
    }

    pub(crate) fn count(&self) -> u64 {
        self.seen.iter().map(|word| u64::from(word.count_ones())).sum()
    }
}

/// The estimate's registers.
pub(crate) struct Sketch(Vec<u8>);

impl Default for Sketch {
    fn default() -> Self {
        Self(vec![0; REGISTERS])
    }
}

impl Sketch {
    #[inline]
    pub(crate) fn add(&mut self, hash: u64) {
        let register = (hash >> (64 - REGISTER_BITS)) as usize;
        let rank = ((hash << REGISTER_BITS) | (1 << (REGISTER_BITS - 1))).leading_zeros() + 1;
        #[expect(clippy::cast_possible_truncation, reason = "at most 51")]
        let rank = rank as u8;
        // Soon seldom, so that it is foreseen.
        if self.0[register] < rank {
            self.0[register] = rank;
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate"
    )]
    pub(crate) fn count(&self) -> u64 {
        let registers = REGISTERS as f64;
        let sum: f64 = self.0.iter().map(|rank| 0.5f64.powi(i32::from(*rank))).sum();
        let estimate = 0.7213 / (1.0 + 1.079 / registers) * registers * registers / sum;
        let zeros = self.0.iter().filter(|rank| **rank == 0).count();
        if estimate <= 2.5 * registers && zeros > 0 {
            return (registers * (registers / zeros as f64).ln()).round() as u64;
        }
        estimate.round() as u64
    }
}

/// Counts different hashes.
#[derive(Default)]
pub(crate) struct Distinct {
    exact: HashSet<u64, SameState>,
    sketch: Option<Sketch>,
}

impl Distinct {
    pub(crate) fn add(&mut self, mut hashes: impl Iterator<Item = u64>) {
        let sketch = loop {
            if let Some(sketch) = &mut self.sketch {
                break sketch;
            }
            let Some(hash) = hashes.next() else { return };
            self.exact.insert(hash);
            if self.exact.len() > EXACT_MAX {
                let sketch = self.sketch.insert(Sketch::default());
                self.exact.drain().for_each(|hash| sketch.add(hash));
            }
        };
        hashes.for_each(|hash| sketch.add(hash));
    }

    /// The count, and whether it is an estimate.
    pub(crate) fn count(&self) -> (u64, bool) {
        match &self.sketch {
            Some(sketch) => (sketch.count().max(EXACT_MAX as u64), true),
            None => (self.exact.len() as u64, false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_close_together_are_counted_exactly() {
        let mut dense = Dense::new(-100_000, 300_000).unwrap();
        (-100_000..=300_000).filter(|value| value % 3 != 0).for_each(|value| (0..2).for_each(|_| dense.add(value)));
        assert_eq!(dense.count(), 266_667);
        assert!(Dense::new(0, DENSE_MAX as i64).is_none() && Dense::new(i64::MIN, i64::MAX).is_none());
    }

    #[test]
    fn the_last_bytes_of_a_text_are_all_in_its_hash() {
        for length in 0..8 {
            let bytes = &[1, 2, 3, 4, 5, 6, 7, 8][..length];
            let mut word = [0; 8];
            word[..length].copy_from_slice(bytes);
            assert_eq!(short_word(bytes), u64::from_le_bytes(word));
        }
    }

    #[test]
    fn few_are_exact_and_many_are_near() {
        for many in [0u64, 1, 1_000, EXACT_MAX as u64] {
            let mut distinct = Distinct::default();
            distinct.add((0..many).chain(0..many).map(hash_u64));
            assert_eq!(distinct.count(), (many, false));
        }
        for many in [70_000u64, 200_000, 700_000] {
            let mut distinct = Distinct::default();
            distinct.add((0..many).map(|value| hash_bytes(format!("row {value}").as_bytes())));
            let (count, estimated) = distinct.count();
            assert!(estimated && count.abs_diff(many) * 100 < many * 4, "{count} for {many}");
        }
    }
}

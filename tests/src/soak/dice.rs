//! Chance that can be repeated: every stream of numbers follows from the soak's seed and the stream's own number.

use std::time::Duration;

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

/// A stream of numbers.
#[derive(Debug)]
pub(super) struct Dice(StdRng);

impl Dice {
    /// The stream of this number.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        Self(StdRng::seed_from_u64(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ stream))
    }

    /// Another stream that follows from this one, for what is done at the same time.
    pub(super) fn fork(&mut self) -> Self {
        Self(StdRng::seed_from_u64(self.0.random()))
    }

    /// 0 to `most` - 1.
    pub(super) fn below(&mut self, most: usize) -> usize {
        self.0.random_range(0..most.max(1))
    }

    /// Whether something happens that happens in so many of a hundred cases.
    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of them.
    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len()))
    }

    /// Up to so long.
    pub(super) fn up_to(&mut self, most: Duration) -> Duration {
        most.mul_f64(self.0.random())
    }

    /// One of the choices, each as likely as its weight among all.
    pub(super) fn weighed<T: Copy>(&mut self, choices: &[(usize, T)]) -> Option<T> {
        let mut at = self.below(choices.iter().map(|(weight, _)| weight).sum());
        for (weight, choice) in choices {
            if at < *weight {
                return Some(*choice);
            }
            at -= weight;
        }
        None
    }
}

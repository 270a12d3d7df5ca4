//! What waits in a kernel: each with its place, and how long it will wait where that can be told honestly. Cells differ
//! by orders of magnitude, so that only what ran here before is taken to run as long again.

use std::{
    collections::{HashMap, VecDeque},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
    time::Duration,
};

use fenxi_chassis::clock::micros;

use super::Driver;
use crate::kernels::{model::QueuePlace, state::State};

/// Pieces of code whose last time is known.
const KNOWN_MAX: usize = 256;

/// How long code ran when it last ran to its end here.
#[derive(Debug, Default)]
pub(super) struct Pace {
    last: HashMap<u64, Duration>,
    /// Oldest first.
    order: VecDeque<u64>,
}

/// Stands for a code.
pub(super) fn mark(code: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    code.hash(&mut hasher);
    hasher.finish()
}

impl Pace {
    /// It ran so long.
    pub(super) fn note(&mut self, mark: u64, took: Duration) {
        if self.last.insert(mark, took).is_none() {
            self.order.push_back(mark);
        }
        while self.order.len() > KNOWN_MAX {
            let Some(oldest) = self.order.pop_front() else { return };
            self.last.remove(&oldest);
        }
    }

    /// How long it will run, from what is known.
    pub(super) fn expected(&self, mark: u64) -> Option<Duration> {
        self.last.get(&mark).copied()
    }
}

impl Driver {
    /// Writes down what waits, if it is not what is written.
    pub(super) fn note_queue(&mut self) {
        let running = self.running.as_ref();
        let base = u32::from(running.is_some());
        let written = &self.kernel.waiting;
        let same_places = written.first().is_none_or(|first| first.position == base);
        let ids = self.waiting.iter().map(|waiting| waiting.work.execution_id);
        if same_places && ids.eq(written.iter().map(|place| place.execution_id)) {
            return;
        }
        // What is left of the running one; none is left of a kernel that waits for its first.
        let mut wait = match running {
            None => matches!(self.state, State::Idle).then_some(Duration::ZERO),
            Some(running) => running.expected_rest(&self.pace),
        };
        let now = self.parts.clock.now_micros();
        let places = self.waiting.iter().zip(base..).map(|(waiting, position)| {
            let start_time = wait.map(|wait| now.saturating_add(micros(wait)));
            wait = wait.zip(self.pace.expected(waiting.mark)).map(|(wait, own)| wait + own);
            QueuePlace { execution_id: waiting.work.execution_id, position, start_time }
        });
        self.kernel.waiting = places.collect::<Arc<[_]>>();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_ran_is_known_and_the_oldest_is_forgotten() {
        let mut pace = Pace::default();
        let second = Duration::from_secs(1);
        assert_eq!(pace.expected(mark("a")), None);
        pace.note(mark("a"), second);
        pace.note(mark("a"), second * 2);
        assert_eq!((pace.expected(mark("a")), pace.expected(mark("b"))), (Some(second * 2), None));
        for number in 0..u64::try_from(KNOWN_MAX).expect("small") {
            pace.note(number, second);
        }
        assert_eq!((pace.expected(mark("a")), pace.last.len()), (None, KNOWN_MAX));
    }
}

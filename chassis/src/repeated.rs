//! What goes wrong again and again, such as a call that is tried until it succeeds: said when it begins, when it is another
//! thing, and every ten minutes. Said at every attempt it would be all that a log says.

use std::time::{Duration, Instant};

/// How long the same thing is not said again.
const SILENCE: Duration = Duration::from_secs(600);

/// One thing that is tried, and what was said of its failures.
#[derive(Debug)]
pub struct Repeated<T>(Option<(T, Instant)>);

impl<T> Default for Repeated<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: PartialEq> Repeated<T> {
    /// It failed like this. Says whether to say so.
    pub fn is_news(&mut self, what: T) -> bool {
        self.is_news_at(what, Instant::now())
    }

    fn is_news_at(&mut self, what: T, now: Instant) -> bool {
        if self.0.as_ref().is_some_and(|(said, at)| *said == what && now.duration_since(*at) < SILENCE) {
            return false;
        }
        self.0 = Some((what, now));
        true
    }

    /// It succeeded. Says whether a failure was told before, which is over now.
    pub fn is_over(&mut self) -> bool {
        self.0.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_said_once_and_now_and_then() {
        let (mut said, begin) = (Repeated::default(), Instant::now());
        assert!(!said.is_over(), "nothing was wrong");
        assert!(said.is_news_at("refused", begin) && !said.is_news_at("refused", begin));
        assert!(said.is_news_at("away", begin) && said.is_news_at("refused", begin), "it changed");
        let later = begin + SILENCE;
        assert!(said.is_news_at("refused", later) && !said.is_news_at("refused", later), "it goes on");
        assert!(said.is_over() && !said.is_over());
        assert!(said.is_news_at("refused", later), "it begins anew");
    }
}

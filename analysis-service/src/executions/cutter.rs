//! Holds an execution to its output limit: keeps the head and the tail of what it says, and marks what lies between.
//!
//! Below the limit every event passes at once. Above it, output goes through a ring that keeps the newest of it; the
//! ring is written when it is of use: before a prompt, and before the end. Results and errors are never dropped
//! (up to a bound of their own), nor are questions, cut short, and what is no output (a start, a notice, the end) always
//! passes at once. Nothing here does IO or knows a number: it takes events and gives events.

use std::collections::VecDeque;

use fenxi_proto::analysis::v1::{NoticeEvent, NoticeKind, TruncatedEvent, output_event::Event};

use super::{
    bounds::{clip, cost_bytes, payload_bytes},
    large::fit,
    limits::{EVENT_COST_BYTES, PINNED_MAX_BYTES, PINNED_MAX_EVENTS, PROMPT_ABOVE_MAX_BYTES, PROMPTS_MAX_EVENTS},
    sink::{Cut, Held},
};

/// How much an execution may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputLimit {
    /// Bytes in all, head and tail together.
    pub max_bytes: u64,
    /// Bytes of the tail.
    pub tail_bytes: u64,
}

#[derive(PartialEq)]
enum Kind {
    /// May be dropped above the limit.
    Output,
    /// Output that says how it went: kept.
    Pinned,
    /// The code waits for an answer: what was said before must be readable.
    Prompt,
    /// Something was left out before it came here.
    LeftOut,
    /// What the service says itself.
    Flow,
}

fn kind(event: &Event) -> Kind {
    match event {
        Event::Stream(_) | Event::Display(_) | Event::UpdateDisplay(_) | Event::ClearOutput(_) => Kind::Output,
        Event::Result(_) | Event::Error(_) => Kind::Pinned,
        Event::InputRequest(_) => Kind::Prompt,
        Event::Truncated(_) => Kind::LeftOut,
        Event::Queued(_) | Event::Started(_) | Event::Notice(_) | Event::InputReply(_) | Event::Finished(_) => {
            Kind::Flow
        }
    }
}

/// The state of one execution's limit.
#[derive(Debug)]
pub(super) struct Cutter {
    limit: OutputLimit,
    /// What the events written so far cost.
    used: u64,
    kept_bytes: u64,
    dropped_bytes: u64,
    /// Dropped since the last marker.
    unmarked_bytes: u64,
    cutting: bool,
    /// It was said that the limit is reached.
    told: bool,
    /// The newest output, and whether it is pinned.
    ring: VecDeque<(Event, bool)>,
    ring_cost: u64,
    /// Halved whenever the ring is written, so that all rings together stay within the tail.
    ring_max: u64,
    pinned_events: usize,
    pinned_cost: u64,
    /// Questions that came above the limit, the first that was left out included.
    prompts_above: usize,
}

impl Cutter {
    pub(super) fn new(limit: OutputLimit) -> Self {
        let tail_bytes = limit.tail_bytes.min(limit.max_bytes / 2);
        Self {
            limit: OutputLimit { tail_bytes, ..limit },
            used: 0,
            kept_bytes: 0,
            dropped_bytes: 0,
            unmarked_bytes: 0,
            cutting: false,
            told: false,
            ring: VecDeque::new(),
            ring_cost: 0,
            ring_max: tail_bytes / 2,
            pinned_events: 0,
            pinned_cost: 0,
            prompts_above: 0,
        }
    }

    /// Goes on with a log that an earlier process left. Gives what is to be said of what is not in it.
    pub(super) fn resume(&mut self, held: &Held) -> Option<Event> {
        (self.kept_bytes, self.dropped_bytes, self.used) = (held.kept_bytes, held.dropped_bytes, held.cost_bytes);
        let full = self.used >= self.limit.max_bytes - self.limit.tail_bytes;
        (self.cutting, self.told) = (full || held.cut != Cut::Below, held.cut == Cut::Open);
        // Of a process that was killed, what it held back is gone, and how much that was.
        self.told.then(|| {
            let text = "the service was replaced while it held output back above the limit; a part of that may be \
                        missing here, and is not counted";
            Event::Notice(NoticeEvent { kind: NoticeKind::OutputLimit.into(), text: text.to_owned() })
        })
    }

    /// Bytes of output written.
    pub(super) fn kept_bytes(&self) -> u64 {
        self.kept_bytes
    }

    /// Bytes of output dropped.
    pub(super) fn dropped_bytes(&self) -> u64 {
        self.dropped_bytes
    }

    /// Counts output that was lost for another reason, and gives the marker that stands for it.
    pub(super) fn lost(&mut self, bytes: u64) -> Event {
        self.kept_bytes = self.kept_bytes.saturating_sub(bytes);
        self.drop_bytes(bytes);
        self.marker()
    }

    /// Takes an event and gives those to be written now, in order.
    pub(super) fn take(&mut self, event: Event) -> Vec<Event> {
        match kind(&event) {
            Kind::Flow => {
                if let Event::InputReply(_) = &event {
                    // Code can ask again and again.
                    self.used += cost_bytes(&event);
                }
                vec![event]
            }
            Kind::LeftOut => self.left_out(event),
            Kind::Prompt => self.ask(event),
            Kind::Output | Kind::Pinned if !self.cutting => self.take_below(event),
            Kind::Output | Kind::Pinned if !self.told => {
                let mut events = vec![self.tell()];
                events.extend(self.take(event));
                events
            }
            Kind::Output => self.hold(event),
            Kind::Pinned => self.pin(event),
        }
    }

    /// Everything that is still held, before the end.
    pub(super) fn flush(&mut self) -> Vec<Event> {
        let mut events = Vec::with_capacity(self.ring.len() + 1);
        if self.unmarked_bytes > 0 {
            events.push(self.marker());
        }
        for (event, _) in std::mem::take(&mut self.ring) {
            self.keep(&event);
            events.push(event);
        }
        if self.ring_cost > 0 {
            self.ring_max /= 2;
        }
        self.ring_cost = 0;
        events
    }

    /// Passes the marker of what was left out, which takes of the limit as everything does: code can send any number of
    /// messages that nobody takes. Above the limit the marker before the end tells of it.
    fn left_out(&mut self, mut event: Event) -> Vec<Event> {
        let mut bytes = 0;
        if let Event::Truncated(cut) = &mut event {
            // Who left it out does not know what is kept.
            cut.kept_bytes = signed(self.kept_bytes);
            bytes = u64::try_from(cut.dropped_bytes).unwrap_or(0);
        }
        let cost = cost_bytes(&event);
        if !self.cutting && self.used + cost <= self.limit.max_bytes - self.limit.tail_bytes {
            self.used += cost;
            self.dropped_bytes += bytes;
            return vec![event];
        }
        self.cutting = true;
        self.drop_bytes(bytes);
        if self.told { Vec::new() } else { vec![self.tell()] }
    }

    fn take_below(&mut self, event: Event) -> Vec<Event> {
        let cost = cost_bytes(&event);
        let head_max = self.limit.max_bytes - self.limit.tail_bytes;
        if self.used + cost <= head_max {
            self.keep(&event);
            return vec![event];
        }
        let alone = if kind(&event) == Kind::Pinned { PINNED_MAX_BYTES } else { self.ring_max };
        if cost > alone && self.used + EVENT_COST_BYTES <= head_max {
            // One thing that is too large by itself: of it alone something is left out.
            self.used += EVENT_COST_BYTES;
            let (kept, dropped_bytes) = fit(event, head_max - self.used, self.ring_max);
            kept.iter().for_each(|kept| self.keep(kept));
            self.drop_bytes(dropped_bytes);
            return kept.into_iter().chain([self.marker()]).collect();
        }
        self.cutting = true;
        self.take(event)
    }

    /// A question is shown with what was said before it, as long as there are not too many above the limit: code can ask
    /// without waiting for an answer.
    fn ask(&mut self, mut event: Event) -> Vec<Event> {
        let mut events = Vec::new();
        self.cutting |= self.used + cost_bytes(&event) > self.limit.max_bytes - self.limit.tail_bytes;
        if self.cutting {
            if self.prompts_above >= PROMPTS_MAX_EVENTS {
                let first = self.prompts_above == PROMPTS_MAX_EVENTS;
                self.prompts_above += usize::from(first);
                return if first { vec![no_more_questions()] } else { events };
            }
            self.prompts_above += 1;
            if !self.told {
                events.push(self.tell());
            }
            if let Event::InputRequest(asked) = &mut event {
                clip(&mut asked.prompt, PROMPT_ABOVE_MAX_BYTES);
            }
        }
        if self.ring_max > EVENT_COST_BYTES {
            events.extend(self.flush());
        }
        self.used += cost_bytes(&event);
        events.push(event);
        events
    }

    fn tell(&mut self) -> Event {
        self.told = true;
        let max_bytes = self.limit.max_bytes;
        let text = format!("the output has reached its limit of {max_bytes} bytes; of what follows, the last is kept");
        Event::Notice(NoticeEvent { kind: NoticeKind::OutputLimit.into(), text })
    }

    fn hold(&mut self, event: Event) -> Vec<Event> {
        let (event, dropped_bytes) = fit(event, self.ring_max, self.ring_max);
        self.drop_bytes(dropped_bytes);
        let Some(event) = event else { return Vec::new() };
        let cost = cost_bytes(&event);
        self.ring.push_back((event, false));
        self.ring_cost += cost;
        let mut oldest = 0;
        while self.ring_cost > self.ring_max {
            match self.ring.get(oldest) {
                Some((_, true)) => oldest += 1,
                Some((event, false)) => {
                    self.ring_cost -= cost_bytes(event);
                    let bytes = payload_bytes(event);
                    self.ring.remove(oldest);
                    self.drop_bytes(bytes);
                }
                None => break,
            }
        }
        Vec::new()
    }

    fn pin(&mut self, event: Event) -> Vec<Event> {
        let cost = cost_bytes(&event);
        if self.pinned_events == PINNED_MAX_EVENTS || self.pinned_cost + cost > PINNED_MAX_BYTES {
            return self.hold(event);
        }
        self.pinned_events += 1;
        self.pinned_cost += cost;
        self.ring.push_back((event, true));
        Vec::new()
    }

    fn keep(&mut self, event: &Event) {
        self.kept_bytes += payload_bytes(event);
        self.used += cost_bytes(event);
    }

    fn drop_bytes(&mut self, bytes: u64) {
        self.dropped_bytes += bytes;
        self.unmarked_bytes += bytes;
    }

    fn marker(&mut self) -> Event {
        Event::Truncated(TruncatedEvent {
            kept_bytes: signed(self.kept_bytes),
            dropped_bytes: signed(std::mem::take(&mut self.unmarked_bytes)),
            limit_bytes: signed(self.limit.max_bytes),
        })
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn no_more_questions() -> Event {
    let text = format!(
        "the code has asked for input {PROMPTS_MAX_EVENTS} times above the output limit; further questions are left out"
    );
    Event::Notice(NoticeEvent { kind: NoticeKind::OutputLimit.into(), text })
}

#[cfg(test)]
#[path = "cutter_tests.rs"]
mod tests;

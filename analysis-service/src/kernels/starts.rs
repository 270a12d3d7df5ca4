//! Whose turn it is to start a process: so many at a time, the others in the order in which they came, and each can be
//! told its place. It knows no kernel.

use std::{collections::VecDeque, sync::Arc};

use tokio::sync::watch;

/// Turns to start. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct StartQueue(Arc<watch::Sender<Places>>);

#[derive(Debug)]
struct Places {
    turns: usize,
    free: usize,
    waiting: VecDeque<Waiting>,
    next_ticket: u64,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    /// It takes a turn when it comes to it. Until then it holds its place, and nobody up.
    asks: bool,
}

/// A place among those that wait for their turn. Dropped before its turn, the place is given up.
#[derive(Debug)]
pub(crate) struct StartTicket {
    queue: StartQueue,
    number: u64,
}

/// Follows a ticket's place.
#[derive(Debug)]
pub(crate) struct StartPlace {
    places: watch::Receiver<Places>,
    number: u64,
}

/// A turn; dropped, it is the next one's.
#[derive(Debug)]
pub(crate) struct StartTurn(StartQueue);

impl StartQueue {
    /// With so many turns at a time.
    pub(crate) fn new(turns: usize) -> Self {
        Self(Arc::new(watch::Sender::new(Places { turns, free: turns, waiting: VecDeque::new(), next_ticket: 0 })))
    }

    /// Takes the last place.
    pub(crate) fn enter(&self) -> (StartTicket, StartPlace) {
        let mut number = 0;
        self.0.send_modify(|places| {
            number = places.next_ticket;
            places.next_ticket += 1;
            places.waiting.push_back(Waiting { number, asks: false });
        });
        (StartTicket { queue: self.clone(), number }, StartPlace { places: self.0.subscribe(), number })
    }

    /// A turn at once, if nobody has one or waits for one.
    pub(crate) fn turn_if_unused(&self) -> Option<StartTurn> {
        let taken = self.0.send_if_modified(|places| {
            let unused = places.free == places.turns && !places.waiting.iter().any(|waiting| waiting.asks);
            places.free -= usize::from(unused);
            unused
        });
        taken.then(|| StartTurn(self.clone()))
    }
}

impl StartTicket {
    /// Waits until it is the first of those that ask, and a turn is free.
    pub(crate) async fn turn(&self) -> StartTurn {
        let mut places = self.queue.0.subscribe();
        loop {
            let taken = self.queue.0.send_if_modified(|places| {
                places.waiting.iter_mut().filter(|own| own.number == self.number).for_each(|own| own.asks = true);
                let first = places.waiting.iter().find(|waiting| waiting.asks);
                let is_its = places.free > 0 && first.is_some_and(|first| first.number == self.number);
                if is_its {
                    places.waiting.retain(|waiting| waiting.number != self.number);
                    places.free -= 1;
                }
                is_its
            });
            if taken {
                return StartTurn(self.queue.clone());
            }
            // The sender lives as long as this ticket.
            let _ = places.changed().await;
        }
    }
}

impl Drop for StartTicket {
    fn drop(&mut self) {
        self.queue.0.send_if_modified(|places| {
            let before = places.waiting.len();
            places.waiting.retain(|waiting| waiting.number != self.number);
            places.waiting.len() < before
        });
    }
}

impl StartPlace {
    /// 1 for the next; 0 where it does not wait.
    pub(crate) fn position(&self) -> u32 {
        let places = self.places.borrow();
        // One that gets its turn at once does not wait for it.
        let at = places.waiting.iter().position(|waiting| waiting.number == self.number).map_or(0, |at| at + 1);
        u32::try_from(at.saturating_sub(places.free)).unwrap_or(u32::MAX)
    }

    /// Waits until any place changes; for ever where none will.
    pub(crate) async fn changed(&mut self) {
        if self.places.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for StartTurn {
    fn drop(&mut self) {
        self.0.0.send_modify(|places| places.free += 1);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn positions(places: &[&StartPlace]) -> Vec<u32> {
        places.iter().map(|place| place.position()).collect()
    }

    #[tokio::test]
    async fn turns_are_given_in_order_and_places_move_up() {
        let queue = StartQueue::new(1);
        let (first, first_place) = queue.enter();
        assert_eq!(first_place.position(), 0, "its turn is free");
        let turn = first.turn().await;
        let ((second, second_place), (third, third_place), (fourth, fourth_place)) =
            (queue.enter(), queue.enter(), queue.enter());
        let all = [&first_place, &second_place, &third_place, &fourth_place];
        assert_eq!(positions(&all), [0, 1, 2, 3]);
        drop(third);
        assert_eq!(positions(&all), [0, 1, 0, 2], "one that gave up holds its place");
        assert!(second.turn().now_or_never().is_none() && fourth.turn().now_or_never().is_none(), "nothing is free");
        drop(fourth);
        assert_eq!(positions(&all), [0, 1, 0, 0]);
        let waits = tokio::spawn(async move { second.turn().await });
        drop(turn);
        let turn = waits.await.expect("a turn");
        assert_eq!(positions(&all), [0; 4]);
        assert!(queue.turn_if_unused().is_none(), "it starts something that nobody waits for");
        drop(turn);
        assert!(queue.turn_if_unused().is_some());
        assert_eq!(queue.0.borrow().free, 1);
    }

    #[tokio::test]
    async fn one_that_does_not_ask_yet_holds_nobody_up_and_is_next_when_it_does() {
        let queue = StartQueue::new(1);
        let ((first, _), (second, _), (third, _)) = (queue.enter(), queue.enter(), queue.enter());
        let turn = second.turn().now_or_never().expect("a turn");
        let (mut third_waits, mut first_waits) = (Box::pin(third.turn()), Box::pin(first.turn()));
        assert!(third_waits.as_mut().now_or_never().is_none() && first_waits.as_mut().now_or_never().is_none());
        drop(turn);
        assert!(third_waits.as_mut().now_or_never().is_none(), "it came last");
        assert!(first_waits.as_mut().now_or_never().is_some());
    }
}

//! How often, and how many at a time: rates by address for whoever has proved nothing, and by user for everyone else.

pub(crate) mod calls;
pub(crate) mod connections;

use std::{net::IpAddr, num::NonZeroU32, sync::Arc, time::Duration};

use fenxi_chassis::lifecycle::Lifecycle;
use fenxi_proto::error::{ErrorReason, Failure};
use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
};
use tonic::Status;

use self::calls::{CallPlace, Underway};
use crate::{config::Rates, meters, net};

/// How often keys that have not been used lately are forgotten.
const FORGET_INTERVAL: Duration = Duration::from_secs(30);
/// Addresses or users that are counted at one time; beyond, those not used lately are forgotten at once.
const KEYS_MAX: usize = 200_000;
/// When to come back where as many calls are under way as may be.
const PLACE_WAIT: Duration = Duration::from_secs(1);

/// The rates.
pub(crate) struct Limits {
    addresses: Option<DefaultKeyedRateLimiter<IpAddr>>,
    users: Option<DefaultKeyedRateLimiter<u128>>,
    underway: Arc<Underway>,
    clock: DefaultClock,
}

/// An address that is charged when it makes auth-service work.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) address: IpAddr,
}

impl Source<'_> {
    pub(crate) fn check(self) -> Result<(), Status> {
        self.limits.check_address(self.address).map_err(Status::from)
    }
}

impl Limits {
    pub(crate) fn new(rates: &Rates) -> Self {
        let quota = |per_sec, burst| {
            let per_sec = NonZeroU32::new(per_sec)?;
            Some(Quota::per_second(per_sec).allow_burst(NonZeroU32::new(burst).unwrap_or(per_sec)))
        };
        Self {
            addresses: quota(rates.address_rate_per_sec, rates.address_rate_burst).map(RateLimiter::keyed),
            users: quota(rates.user_rate_per_sec, rates.user_rate_burst).map(RateLimiter::keyed),
            underway: Underway::new(rates.user_calls_max),
            clock: DefaultClock::default(),
        }
    }

    /// Charges one call without a known credential to an address.
    pub(crate) fn check_address(&self, address: IpAddr) -> Result<(), Failure> {
        let Some(limiter) = &self.addresses else { return Ok(()) };
        if limiter.len() > KEYS_MAX {
            limiter.retain_recent();
        }
        let spent = limiter.check_key(&net::counting_key(address));
        spent.map_err(|until| refused("address", "this address", until.wait_time_from(self.clock.now())))
    }

    /// Charges one call to a user.
    pub(crate) fn check_user(&self, user: u128) -> Result<(), Failure> {
        let Some(limiter) = &self.users else { return Ok(()) };
        if limiter.len() > KEYS_MAX {
            limiter.retain_recent();
        }
        let spent = limiter.check_key(&user);
        spent.map_err(|until| refused("user", "this user", until.wait_time_from(self.clock.now())))
    }

    /// A place for one more call of a user, which the call holds until its answer has been taken.
    pub(crate) fn enter(&self, user: u128) -> Result<CallPlace, Failure> {
        self.underway.enter(user).ok_or_else(|| {
            meters::refused("user_calls");
            let text = "too many calls of this user are under way; end some of them, or wait until they have ended";
            Failure::new(ErrorReason::RateLimited, text).retry_after(PLACE_WAIT).with_quota("calls_underway_by_user")
        })
    }

    /// Forgets keys that are not used until the process stops.
    pub(crate) async fn forget_unused(&self, lifecycle: &Lifecycle) {
        loop {
            tokio::select! {
                () = lifecycle.stopping() => return,
                () = tokio::time::sleep(FORGET_INTERVAL) => {}
            }
            if let Some(limiter) = &self.addresses {
                limiter.retain_recent();
            }
            if let Some(limiter) = &self.users {
                limiter.retain_recent();
            }
        }
    }
}

fn refused(word: &'static str, who: &str, wait: Duration) -> Failure {
    meters::refused(word);
    let wait = wait.max(Duration::from_millis(1));
    Failure::new(ErrorReason::RateLimited, format!("too many calls by {who}; wait {} ms", wait.as_millis()))
        .retry_after(wait)
        .with_quota(format!("calls_per_second_by_{word}"))
}

#[cfg(test)]
mod tests {
    use fenxi_proto::error::ErrorReason;
    use tonic_types::StatusExt as _;

    use super::*;

    fn limits(per_sec: u32, burst: u32) -> Limits {
        Limits::new(&Rates {
            address_rate_per_sec: per_sec,
            address_rate_burst: burst,
            user_rate_per_sec: per_sec,
            user_rate_burst: burst,
            user_calls_max: 1,
        })
    }

    #[test]
    fn the_burst_passes_and_then_the_wait_is_told() {
        let limits = limits(1, 3);
        let (here, there) = ("10.0.0.1".parse().expect("an address"), "10.0.0.2".parse().expect("an address"));
        for _ in 0..3 {
            limits.check_address(here).expect("within the burst");
        }
        // One more may pass in each second.
        let failure = std::iter::repeat_with(|| limits.check_address(here)).find_map(Result::err).expect("above it");
        assert_eq!(failure.reason(), ErrorReason::RateLimited);
        let status = Status::from(failure);
        assert!(status.get_details_retry_info().and_then(|info| info.retry_delay).is_some(), "{status:?}");
        limits.check_address(there).expect("another address");
        limits.check_user(1).expect("users are counted by themselves");
    }

    #[test]
    fn who_has_as_many_calls_as_may_be_is_told_when_to_come_back() {
        let limits = limits(0, 0);
        let held = limits.enter(1).expect("a place");
        let failure = limits.enter(1).expect_err("one is under way");
        assert_eq!(failure.reason(), ErrorReason::RateLimited);
        drop(held);
        limits.enter(1).expect("the place is free again");
    }

    #[test]
    fn zero_is_no_limit() {
        let limits = limits(0, 0);
        for user in 0..10_000 {
            limits.check_user(user % 2).expect("no limit");
        }
    }
}

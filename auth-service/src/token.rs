//! ApiTokens: long-lived, named, scoped, revocable credentials for programs.

pub(crate) mod store;

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use fenxi_chassis::{
    clock::{Clock, micros},
    id::Ids,
    sqlite::{Database, WriteError},
};
use uuid::Uuid;

use crate::{
    audit::{self, Entry, Event},
    credential::Revocations,
    request_ids::{self, Once, OnceError},
    secret::{NoRandomness, Secret, SecretKind},
    store::StoreError,
    throttle::{Rate, Throttle},
    user::{self, name::cleaned},
};

/// ApiTokens in force that a user may hold.
pub(crate) const API_TOKENS_PER_USER_MAX: i64 = 100;
/// ApiTokens that one user makes: each is a line of the audit, which others need too.
const MADE_PER_USER: Rate = Rate { burst: 300, refill: Duration::from_secs(10) };
/// Users whose ApiTokens are counted.
const MADE_USERS_MAX: NonZeroUsize = NonZeroUsize::new(65_536).unwrap();
/// Longest name, in characters.
const NAME_MAX_CHARS: usize = 100;
/// How long one is good for unless it is said.
const LIFE_DEFAULT: Duration = Duration::from_secs(90 * 86_400);
/// How long one may be good for: a year, with a day more for clocks and leap years.
const LIFE_MAX: Duration = Duration::from_secs(367 * 86_400);

/// One, without its secret.
#[derive(Clone, Debug)]
pub(crate) struct ApiToken {
    /// UUIDv7.
    pub(crate) api_token_id: Uuid,
    /// What it is for.
    pub(crate) name: String,
    /// What it may do, sorted.
    pub(crate) scopes: Vec<String>,
    /// The first characters of its secret.
    pub(crate) shown_prefix: String,
    /// Unix microseconds.
    pub(crate) create_time: i64,
    /// Unix microseconds, to the minute.
    pub(crate) last_used_time: Option<i64>,
    /// Unix microseconds.
    pub(crate) expire_time: i64,
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    /// A field is wrong; the text completes a sentence that begins with its name.
    #[error("{0} {1}")]
    Invalid(&'static str, String),
    /// It does not exist, or is somebody else's.
    #[error("no such ApiToken")]
    NotFound,
    /// The user has as many as a user may.
    #[error("{API_TOKENS_PER_USER_MAX} ApiTokens are in force; revoke one first")]
    TooMany,
    /// The user has made very many lately.
    #[error("too many ApiTokens were made; try again later")]
    Limited {
        /// When.
        retry_after: Duration,
    },
    /// The user was shut out while they asked.
    #[error("this user is disabled; ask an administrator")]
    UserDisabled,
    /// See there.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// See there.
    #[error(transparent)]
    Once(#[from] OnceError),
    /// See there.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<WriteError> for TokenError {
    fn from(error: WriteError) -> Self {
        Self::Store(error.into())
    }
}

/// What a user wants.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// As typed.
    pub(crate) name: String,
    /// As typed.
    pub(crate) scopes: Vec<String>,
    /// Unix microseconds.
    pub(crate) expire_time: Option<i64>,
}

impl Wanted {
    /// Holds the wish against the rules that hold at any time; `known` are the scopes that there are.
    fn checked(self, known: &[&str]) -> Result<Self, TokenError> {
        let name = cleaned(&self.name, NAME_MAX_CHARS + 1);
        if name.is_empty() || name.chars().count() > NAME_MAX_CHARS || name != self.name.trim() {
            return Err(TokenError::Invalid("name", "must have 1 to 100 printable characters".to_owned()));
        }
        let mut scopes = self.scopes;
        scopes.sort_unstable();
        scopes.dedup();
        if let Some(unknown) = scopes.iter().find(|scope| !known.contains(&scope.as_str())) {
            let shown = cleaned(unknown, 40);
            return Err(TokenError::Invalid("scopes", format!("has `{shown}`, which is none of {}", known.join(", "))));
        }
        if scopes.is_empty() {
            return Err(TokenError::Invalid("scopes", format!("must name at least one of {}", known.join(", "))));
        }
        Ok(Self { name, scopes, ..self })
    }

    /// When it is to end, for one that is made now.
    fn end(&self, now: i64) -> Result<i64, TokenError> {
        let expire_time = self.expire_time.unwrap_or(now.saturating_add(micros(LIFE_DEFAULT)));
        if expire_time <= now || expire_time > now.saturating_add(micros(LIFE_MAX)) {
            return Err(TokenError::Invalid(
                "expire_time",
                "must be in the future, at most a year from now".to_owned(),
            ));
        }
        Ok(expire_time)
    }
}

/// The ApiTokens. Clones share everything.
#[derive(Clone)]
pub(crate) struct ApiTokens {
    pub(crate) database: Database,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    pub(crate) revocations: Revocations,
    /// From [`made_by_user`].
    pub(crate) made: Arc<Throttle<Uuid>>,
}

/// What counts the ApiTokens that each user makes.
pub(crate) fn made_by_user() -> Arc<Throttle<Uuid>> {
    Arc::new(Throttle::new(MADE_PER_USER, MADE_USERS_MAX))
}

impl ApiTokens {
    /// Makes one, once. A repeated call gives the token without its secret.
    pub(crate) async fn create(&self, wanted: Wanted, once: Once) -> Result<(ApiToken, Option<Secret>), TokenError> {
        let now = self.clock.now_micros();
        let wanted = wanted.checked(&fenxi_proto::access::scopes())?;
        let end = wanted.end(now);
        let secret = Secret::generate(SecretKind::ApiToken)?;
        let hash = secret.hash();
        let token = ApiToken {
            api_token_id: self.ids.next(),
            name: wanted.name,
            scopes: wanted.scopes,
            shown_prefix: secret.shown_prefix().to_owned(),
            create_time: now,
            last_used_time: None,
            expire_time: *end.as_ref().unwrap_or(&now),
        };
        let (made_id, made) = (token.api_token_id, Arc::clone(&self.made));
        let token = self
            .database
            .writer
            .write(move |transaction| {
                Box::pin(async move {
                    let user_id = once.user_id;
                    if let Some(answer) = request_ids::store::answered(transaction, &once).await? {
                        let id = answer.first_chunk().ok_or(StoreError::Corrupt("answer"))?;
                        let there = store::by_id(transaction, user_id, Uuid::from_bytes(*id)).await?;
                        return there.map_or_else(|| as_made(&answer, token), Ok);
                    }
                    end?;
                    let user = user::store::by_id(&mut *transaction, user_id).await?;
                    if user.is_none_or(|user| user.disabled_time.is_some()) {
                        return Err(TokenError::UserDisabled);
                    }
                    let held = store::count(&mut *transaction, user_id, now, API_TOKENS_PER_USER_MAX).await?;
                    if held >= API_TOKENS_PER_USER_MAX {
                        return Err(TokenError::TooMany);
                    }
                    // Here, where it is certain that this is no repetition: those have their answer whatever was made since.
                    made.take(user_id, now).map_err(|retry_after| TokenError::Limited { retry_after })?;
                    store::insert(transaction, user_id, hash, &token).await?;
                    let entry = Entry::new(Event::ApiTokenCreated, "").by(user_id).of(token.api_token_id);
                    audit::store::append(transaction, now, &entry.saying(token.scopes.join(" "))).await?;
                    request_ids::store::keep(transaction, &once, &answer_of(&token), now).await?;
                    Ok(token)
                })
            })
            .await?;
        let secret = (token.api_token_id == made_id).then_some(secret);
        Ok((token, secret))
    }

    /// At most `rows_max` of a user, newest first, from below `before`.
    pub(crate) async fn page(
        &self,
        user_id: Uuid,
        before: Option<Uuid>,
        rows_max: u32,
    ) -> Result<Vec<ApiToken>, TokenError> {
        let now = self.clock.now_micros();
        Ok(store::page(&self.database.reader, user_id, before, now, rows_max.into()).await?)
    }

    /// Ends one of a user's, once.
    pub(crate) async fn revoke(&self, api_token_id: Uuid, once: Once) -> Result<(), TokenError> {
        let now = self.clock.now_micros();
        self.revocations
            .write_and_tell(
                &self.database.writer,
                move |transaction| {
                    Box::pin(async move {
                        if request_ids::store::answered(transaction, &once).await?.is_some() {
                            return Ok(());
                        }
                        if !store::remove(transaction, once.user_id, api_token_id).await? {
                            return Err(TokenError::NotFound);
                        }
                        let entry = Entry::new(Event::ApiTokenRevoked, "").by(once.user_id).of(api_token_id);
                        audit::store::append(transaction, now, &entry).await?;
                        Ok(request_ids::store::keep(transaction, &once, &[], now).await?)
                    })
                },
                move |revocations, ()| revocations.credentials_ended(&[api_token_id]),
            )
            .await
    }
}

/// What is kept of a token that was made: its id, its times and the beginning of its secret. Name and scopes stand in the
/// request itself.
fn answer_of(token: &ApiToken) -> Vec<u8> {
    let times = [token.create_time, token.expire_time].map(i64::to_be_bytes);
    [token.api_token_id.as_bytes(), times.as_flattened(), token.shown_prefix.as_bytes()].concat()
}

/// The token as it was made; `again` is what the same request would make now. Answers of former versions have the id alone.
fn as_made(answer: &[u8], again: ApiToken) -> Result<ApiToken, TokenError> {
    let parts = answer.split_first_chunk().and_then(|(id, rest)| {
        let (create_time, rest) = rest.split_first_chunk()?;
        let (expire_time, prefix) = rest.split_first_chunk()?;
        Some((id, create_time, expire_time, std::str::from_utf8(prefix).ok()?))
    });
    let (id, create_time, expire_time, shown_prefix) = parts.ok_or(TokenError::NotFound)?;
    Ok(ApiToken {
        api_token_id: Uuid::from_bytes(*id),
        create_time: i64::from_be_bytes(*create_time),
        expire_time: i64::from_be_bytes(*expire_time),
        shown_prefix: shown_prefix.to_owned(),
        ..again
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000;

    fn checked(name: &str, scopes: &[&str], expire_time: Option<i64>) -> Result<(Wanted, i64), TokenError> {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let wanted = Wanted { name: name.to_owned(), scopes, expire_time }.checked(&["a:read", "b:write"])?;
        let end = wanted.end(0)?;
        Ok((wanted, end))
    }

    #[test]
    fn a_token_has_a_name_a_scope_and_an_end() {
        let (good, end) = checked(" nightly 报表 ", &["b:write", "a:read", "a:read"], None).expect("good");
        assert_eq!(
            (good.name.as_str(), good.scopes),
            ("nightly 报表", vec!["a:read".to_owned(), "b:write".to_owned()])
        );
        assert_eq!(end, 90 * DAY);
        assert!(checked("x", &["a:read"], Some(365 * DAY)).is_ok());
        for (name, scopes, expire_time) in [
            ("", &["a:read"][..], None),
            ("a\nb", &["a:read"], None),
            (&"x".repeat(101), &["a:read"], None),
            ("x", &[], None),
            ("x", &["a:write"], None),
            ("x", &["A:READ"], None),
            ("x", &["a:read", ""], None),
            ("x", &["a:read"], Some(0)),
            ("x", &["a:read"], Some(368 * DAY)),
            ("x", &["a:read"], Some(i64::MAX)),
        ] {
            assert!(checked(name, scopes, expire_time).is_err(), "{name:?} {scopes:?} {expire_time:?}");
        }
    }
}

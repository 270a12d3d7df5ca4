//! Signing in with a local account, and changing one's own password.

use fenxi_chassis::clock::micros;
use uuid::Uuid;

use super::{Login, LoginError, SignedIn, limits::Account};
use crate::{
    audit::{self, Entry, Event},
    origin::Origin,
    provider::local::Verdict,
    request_ids::{self, Once, OnceError},
    session::{self, Issued, NETWORK_KNOWN_FOR, Prepared},
    store::StoreError,
    user::{
        self, User,
        name::{self, PASSWORD_CHARS},
    },
};

/// The login method of local accounts.
pub(crate) const METHOD_LOCAL: &str = "local";
/// Longest user name that is looked up, in characters; longer ones are nobody's.
const USERNAME_LOOKED_UP_MAX_CHARS: usize = 64;

impl Login {
    /// Signs in with a local account. An unknown name, a wrong password and an account without one look and take the
    /// same, and are held up the same by what was tried before in this network.
    pub(crate) async fn with_password(
        &self,
        username: &str,
        password: String,
        origin: &Origin,
    ) -> Result<SignedIn, LoginError> {
        let username: String = username.trim().to_lowercase().chars().take(USERNAME_LOOKED_UP_MAX_CHARS + 1).collect();
        let account = Account::Named(username.clone());
        let check_here = || {
            let now = self.clock.now_micros();
            self.limits.check_network(origin, now)?;
            self.limits.check_place(origin, &account, now)
        };
        check_here()?;
        let found = user::store::by_username(&self.database.reader, &username).await?;
        // Asked of nobody too: whoever is refused cannot tell by the time whether there is such a user.
        let user_id = found.as_ref().map_or(Uuid::nil(), |(user, _)| user.user_id);
        let held_up_by_others = !self.knows(user_id, origin).await?;
        let check = || {
            check_here()?;
            if held_up_by_others { self.limits.check_account(&account, self.clock.now_micros()) } else { Ok(()) }
        };
        check()?;
        let turn = self.passwords.turn().await?;
        // Whoever waited in the queue beside a hundred wrong guesses is held against them too.
        check()?;
        let hash = found.as_ref().and_then(|(_, hash)| hash.clone());
        let too_long = password.chars().count() > *PASSWORD_CHARS.end();
        let verdict = self.passwords.verify(turn, password, hash.clone()).await?;
        let (Some((user, _)), Some(hash), Verdict::Right { renewed }, false) = (found, hash, verdict, too_long) else {
            self.failed(origin, account).await;
            return Err(LoginError::Failed);
        };
        self.enter(&user, hash, renewed, origin).await
    }

    /// Changes a user's own password, once; every other LoginSession of theirs ends. The request's digest tells nothing of
    /// passwords: the same call again is one that has the new password.
    pub(crate) async fn change_password(
        &self,
        once: Once,
        kept_login_session_id: Uuid,
        (current, new): (String, String),
        origin: &Origin,
    ) -> Result<(), LoginError> {
        let user_id = once.user_id;
        let user = user::store::by_id(&self.database.reader, user_id).await?.ok_or(LoginError::Failed)?;
        let username = user.username.ok_or(LoginError::NoPassword)?;
        name::check_password(&new, &username)?;
        // By the LoginSession's user: whoever took over a browser cannot guess on, and keeps nobody else out.
        let own = Account::Own(user_id);
        self.limits.check_account(&own, self.clock.now_micros())?;
        let turn = self.passwords.turn().await?;
        self.limits.check_account(&own, self.clock.now_micros())?;
        let stored = user::store::password_hash(&self.database.reader, user_id).await?;
        let verified = stored.clone().unwrap_or_default();
        let made_before = self.is_made(&once).await?;
        let known = if made_before { new.clone() } else { current };
        if self.passwords.verify(turn, known, stored).await? == Verdict::Wrong {
            self.failed(origin, own).await;
            return Err(if made_before { OnceError::Reused.into() } else { LoginError::CurrentPasswordWrong });
        }
        if made_before {
            return Ok(());
        }
        let now = self.clock.now_micros();
        self.limits.take_change(user_id, now)?;
        let password_hash = self.passwords.hash(new).await?;
        let entry = Entry::new(Event::PasswordChanged, origin.ip_address()).by(user_id);
        self.revocations
            .write_and_tell::<_, LoginError, _, _>(
                &self.database.writer,
                move |transaction| {
                    Box::pin(async move {
                        // Checking and hashing took their time: an administrator may have set another password meanwhile,
                        // or shut the user out, and what they did stays.
                        if !session::store::exists(&mut *transaction, user_id, kept_login_session_id).await? {
                            return Err(LoginError::SessionEnded);
                        }
                        if !user::store::change_password(transaction, user_id, &verified, &password_hash).await? {
                            return Err(LoginError::CurrentPasswordWrong);
                        }
                        audit::store::append(transaction, now, &entry).await?;
                        request_ids::store::keep(transaction, &once, &[], now).await?;
                        Ok(session::store::remove_all(transaction, user_id, Some(kept_login_session_id)).await?)
                    })
                },
                |revocations, ended: &Vec<Uuid>| revocations.credentials_ended(ended),
            )
            .await?;
        Ok(())
    }

    /// Whether this call was made before.
    async fn is_made(&self, once: &Once) -> Result<bool, LoginError> {
        let mut reader = self.database.reader.acquire().await.map_err(StoreError::from)?;
        Ok(request_ids::store::answered(&mut reader, once).await?.is_some())
    }

    /// Whether somebody has signed in as this user from this network before, whatever became of that LoginSession.
    async fn knows(&self, user_id: Uuid, origin: &Origin) -> Result<bool, LoginError> {
        let Some(network) = origin.network_name() else { return Ok(false) };
        let after = self.clock.now_micros().saturating_sub(micros(NETWORK_KNOWN_FOR));
        Ok(session::store::knows_network(&self.database.reader, user_id, &network, after).await?)
    }

    /// Counts a wrong password and tells the audit of it.
    async fn failed(&self, origin: &Origin, account: Account) {
        self.limits.count_failure(origin, Some(account), self.clock.now_micros());
        metrics::counter!("auth_logins_failed_total").increment(1);
        // Not the name: people type passwords into the wrong field.
        self.audit(Entry::new(Event::LoginFailed, origin.ip_address()), origin).await;
    }

    /// Makes the LoginSession, if the password is still this one and the user not shut out.
    /// `renewed` takes the place of its hash.
    async fn enter(
        &self,
        user: &User,
        password_hash: String,
        renewed: Option<String>,
        origin: &Origin,
    ) -> Result<SignedIn, LoginError> {
        if user.disabled_time.is_some() {
            return Err(self.shut_out(user.user_id, origin).await);
        }
        let now = self.clock.now_micros();
        self.limits.take_change(user.user_id, now)?;
        let prepared = Prepared::new(self.ids.next(), METHOD_LOCAL, origin, self.lifetimes, now)?;
        let user_id = user.user_id;
        let entry = Entry::new(Event::LoginSucceeded, origin.ip_address()).by(user_id).of(prepared.id());
        let (user, issued, _): (User, Issued, Vec<Uuid>) = self
            .revocations
            .write_and_tell::<_, LoginError, _, _>(
                &self.database.writer,
                move |transaction| {
                    Box::pin(async move {
                        let user = user::store::note_login(transaction, user_id, &password_hash, now).await?;
                        let user = user.ok_or(LoginError::Failed)?;
                        if let Some(renewed) = &renewed {
                            user::store::change_password(transaction, user_id, &password_hash, renewed).await?;
                        }
                        let (issued, ended) = prepared.insert(transaction, user_id).await?;
                        audit::store::append(transaction, now, &entry).await?;
                        Ok((user, issued, ended))
                    })
                },
                |revocations, (_, _, ended)| revocations.credentials_ended(ended),
            )
            .await?;
        Ok(SignedIn { user, issued })
    }
}

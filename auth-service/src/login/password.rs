//! Signing in with a local account, and changing one's own password.

use fenxi_chassis::clock::micros;
use uuid::Uuid;

use super::{Login, LoginError, SignedIn, limits::Account};
use crate::{
    audit::{self, Entry, Event},
    origin::Origin,
    session::{self, Issued, NETWORK_KNOWN_FOR, Prepared},
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
    /// same.
    pub(crate) async fn with_password(
        &self,
        username: &str,
        password: String,
        origin: &Origin,
    ) -> Result<SignedIn, LoginError> {
        let username: String = username.trim().to_lowercase().chars().take(USERNAME_LOOKED_UP_MAX_CHARS + 1).collect();
        self.limits.check_network(origin, self.clock.now_micros())?;
        let found = user::store::by_username(&self.database.reader, &username).await?;
        let held_up_by_others = match &found {
            Some((user, _)) => !self.knows(user, origin).await?,
            None => true,
        };
        let account = Account::Named(username);
        let check = || {
            let now = self.clock.now_micros();
            self.limits.check_network(origin, now)?;
            if held_up_by_others { self.limits.check_account(&account, now) } else { Ok(()) }
        };
        check()?;
        let turn = self.passwords.turn().await?;
        // Whoever waited in the queue beside a hundred wrong guesses is held against them too.
        check()?;
        let hash = found.as_ref().and_then(|(_, hash)| hash.clone());
        let too_long = password.chars().count() > *PASSWORD_CHARS.end();
        let matches = self.passwords.verify(turn, password, hash.clone()).await? && !too_long;
        let (Some((user, _)), Some(hash), true) = (found, hash, matches) else {
            return Err(self.failed(origin, account).await);
        };
        self.enter(&user, hash, origin).await
    }

    /// Changes a user's own password; every other LoginSession of theirs ends.
    pub(crate) async fn change_password(
        &self,
        user_id: Uuid,
        kept_login_session_id: Uuid,
        current: String,
        new: String,
        origin: &Origin,
    ) -> Result<(), LoginError> {
        let user = user::store::by_id(&self.database.reader, user_id).await?.ok_or(LoginError::Failed)?;
        let username = user.username.ok_or(LoginError::NoPassword)?;
        name::check_password(&new, &username)?;
        // By the LoginSession's user: whoever took over a browser cannot guess on, and keeps nobody else out.
        let own = Account::Own(user_id);
        self.limits.check_account(&own, self.clock.now_micros())?;
        let turn = self.passwords.turn().await?;
        self.limits.check_account(&own, self.clock.now_micros())?;
        let stored = user::store::password_hash(&self.database.reader, user_id).await?;
        if !self.passwords.verify(turn, current, stored).await? {
            return Err(self.failed(origin, own).await);
        }
        let password_hash = self.passwords.hash(new).await?;
        let now = self.clock.now_micros();
        let entry = Entry::new(Event::PasswordChanged, origin.ip_address()).by(user_id);
        self.revocations
            .write_and_tell::<_, LoginError, _, _>(
                &self.database.writer,
                move |transaction| {
                    Box::pin(async move {
                        if !user::store::set_password(transaction, user_id, &password_hash).await? {
                            return Err(LoginError::NoPassword);
                        }
                        audit::store::append(transaction, now, &entry).await?;
                        Ok(session::store::remove_all(transaction, user_id, Some(kept_login_session_id)).await?)
                    })
                },
                |revocations, ended: &Vec<Uuid>| revocations.credentials_ended(ended),
            )
            .await?;
        Ok(())
    }

    /// Whether somebody has signed in as this user from this network before, whatever became of that LoginSession.
    async fn knows(&self, user: &User, origin: &Origin) -> Result<bool, LoginError> {
        let Some(network) = origin.network_name() else { return Ok(false) };
        let after = self.clock.now_micros().saturating_sub(micros(NETWORK_KNOWN_FOR));
        Ok(session::store::knows_network(&self.database.reader, user.user_id, &network, after).await?)
    }

    async fn failed(&self, origin: &Origin, account: Account) -> LoginError {
        self.limits.count_failure(origin, Some(account), self.clock.now_micros());
        metrics::counter!("auth_logins_failed_total").increment(1);
        // Not the name: people type passwords into the wrong field.
        self.audit(Entry::new(Event::LoginFailed, origin.ip_address())).await;
        LoginError::Failed
    }

    /// Makes the LoginSession, if the password is still this one and the user not shut out.
    async fn enter(&self, user: &User, password_hash: String, origin: &Origin) -> Result<SignedIn, LoginError> {
        if user.disabled_time.is_some() {
            self.audit(Entry::new(Event::LoginRefused, origin.ip_address()).by(user.user_id).saying("disabled")).await;
            return Err(LoginError::UserDisabled);
        }
        let now = self.clock.now_micros();
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

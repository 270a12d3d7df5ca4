//! The people of the team: their accounts, what they may do, and who may change that. Signing in is `login`'s.

mod change;
pub(crate) mod name;
pub(crate) mod store;

use fenxi_chassis::{
    clock::Clock,
    id::Ids,
    sqlite::{Database, WriteError},
};
use uuid::Uuid;

use self::change::{Shutting, Update};
use crate::{
    admission::Admission,
    audit::{self, Entry, Event},
    credential::Revocations,
    provider::local::{Overloaded, Passwords},
    request_ids::{self, Once, OnceError},
    store::StoreError,
};

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Their own things.
    Member,
    /// Users and settings too.
    Administrator,
}

impl Role {
    /// As stored.
    pub(crate) fn number(self) -> i64 {
        match self {
            Self::Member => 1,
            Self::Administrator => 2,
        }
    }

    /// From the store.
    pub(crate) fn from_number(number: i64) -> Option<Self> {
        [Self::Member, Self::Administrator].into_iter().find(|role| role.number() == number)
    }
}

/// A person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    /// UUIDv7.
    pub(crate) user_id: Uuid,
    /// `local`, `feishu` or `lark`.
    pub(crate) identity_provider: String,
    /// Of a local account.
    pub(crate) username: Option<String>,
    /// The organisation at the provider.
    pub(crate) tenant_key: Option<String>,
    /// For people.
    pub(crate) display_name: String,
    /// May be empty.
    pub(crate) english_name: String,
    /// An https URL, or empty.
    pub(crate) avatar_url: String,
    /// Not verified; may be empty.
    pub(crate) email: String,
    /// What they may do.
    pub(crate) role: Role,
    /// Shut out since, in unix microseconds.
    pub(crate) disabled_time: Option<i64>,
    /// Unix microseconds.
    pub(crate) create_time: i64,
    /// Unix microseconds.
    pub(crate) last_login_time: Option<i64>,
    /// Unix microseconds; of some who signed in before it was kept it is not known.
    pub(crate) first_login_time: Option<i64>,
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UserError {
    /// A name or password does not meet its rule.
    #[error("{0}")]
    Unacceptable(#[from] name::Unacceptable),
    /// The user name belongs to somebody.
    #[error("the user name is taken")]
    UsernameTaken,
    /// There is no such user.
    #[error("no such user")]
    NotFound,
    /// Nobody would be left to let others in.
    #[error("this is the last administrator who can sign in; make another one first")]
    LastAdministrator,
    /// A password for somebody who signs in elsewhere.
    #[error("this user signs in with an identity provider and has no password here")]
    NoPassword,
    /// A name for somebody whose provider gives it.
    #[error("this user's name comes from the identity provider, anew with each sign-in")]
    NameFromProvider,
    /// Whoever asks is no longer an administrator.
    #[error("only an enabled administrator may do this")]
    NotAdministrator,
    /// See there.
    #[error(transparent)]
    Overloaded(#[from] Overloaded),
    /// See there.
    #[error(transparent)]
    Once(#[from] OnceError),
    /// See there.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<WriteError> for UserError {
    fn from(error: WriteError) -> Self {
        Self::Store(error.into())
    }
}

/// A local account that an administrator wants.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// As typed.
    pub(crate) username: String,
    /// As typed.
    pub(crate) password: String,
    /// Empty: the user name.
    pub(crate) display_name: String,
    /// What they may do.
    pub(crate) role: Role,
}

/// What is to change about a user; `None` stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    /// Of a local account, for people.
    pub(crate) display_name: Option<String>,
    /// What they may do.
    pub(crate) role: Option<Role>,
    /// Of a local account; ends every LoginSession and ApiToken of theirs.
    pub(crate) password: Option<String>,
}

/// The accounts. Clones share everything.
#[derive(Clone)]
pub(crate) struct Users {
    pub(crate) database: Database,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    pub(crate) passwords: Passwords,
    pub(crate) admission: Admission,
    pub(crate) revocations: Revocations,
}

impl Users {
    /// One user.
    pub(crate) async fn get(&self, user_id: Uuid) -> Result<User, UserError> {
        store::by_id(&self.database.reader, user_id).await?.ok_or(UserError::NotFound)
    }

    /// At most `rows_max` users by id from after `after`, and how many there are in all. `query`: see the contract.
    pub(crate) async fn page(
        &self,
        query: &str,
        after: Option<Uuid>,
        rows_max: u32,
    ) -> Result<(Vec<User>, i64), UserError> {
        let pattern = (!query.is_empty()).then(|| like_pattern(query));
        let users = store::page(&self.database.reader, pattern.as_deref(), after, rows_max.into()).await?;
        Ok((users, store::total(&self.database.reader).await?))
    }

    /// At most `rows_max` of those who are shut out, by id from after `after`.
    pub(crate) async fn disabled(&self, after: Uuid, rows_max: u32) -> Result<Vec<Uuid>, UserError> {
        Ok(store::disabled(&self.database.reader, after, rows_max.into()).await?)
    }

    /// Makes a local account, once.
    pub(crate) async fn create(&self, wanted: Wanted, once: Once) -> Result<User, UserError> {
        let username = name::username(&wanted.username)?;
        name::check_password(&wanted.password, &username)?;
        let display_name = name::display_name(&wanted.display_name, &username)?;
        let password_hash = self.passwords.hash(wanted.password).await?;
        let new =
            store::NewLocal { user_id: self.ids.next(), username, password_hash, display_name, role: wanted.role };
        let now = self.clock.now_micros();
        self.database
            .writer
            .write(move |transaction| {
                Box::pin(async move {
                    if let Some(answer) = request_ids::store::answered(transaction, &once).await? {
                        let user_id = Uuid::from_slice(&answer).map_err(|_| StoreError::Corrupt("answer"))?;
                        return store::by_id(&mut *transaction, user_id).await?.ok_or(UserError::NotFound);
                    }
                    change::by_administrator(transaction, once.user_id).await?;
                    let user = store::insert_local(transaction, &new, now).await?.ok_or(UserError::UsernameTaken)?;
                    let entry = Entry::new(Event::UserCreated, "").to(user.user_id, once.user_id);
                    audit::store::append(transaction, now, &entry).await?;
                    request_ids::store::keep(transaction, &once, user.user_id.as_bytes(), now).await?;
                    Ok(user)
                })
            })
            .await
    }

    /// Changes a user, once.
    pub(crate) async fn update(&self, user_id: Uuid, changes: Changes, once: Once) -> Result<User, UserError> {
        let before = self.get(user_id).await?;
        let display_name = changes.display_name.map(|text| {
            let username = before.username.as_deref().ok_or(UserError::NameFromProvider)?;
            Ok::<_, UserError>(name::display_name(&text, username)?)
        });
        let display_name = display_name.transpose()?;
        let password_hash = match changes.password {
            None => None,
            Some(password) => {
                let username = before.username.as_deref().ok_or(UserError::NoPassword)?;
                name::check_password(&password, username)?;
                Some(self.passwords.hash(password).await?)
            }
        };
        let now = self.clock.now_micros();
        let (role, admission) = (changes.role, self.admission.clone());
        let update = Update { user_id, display_name, role, password_hash };
        let (user, _) = self
            .revocations
            .write_and_tell(
                &self.database.writer,
                move |transaction| Box::pin(async move { update.apply(transaction, &admission, &once, now).await }),
                move |revocations, (_, ended)| {
                    revocations.credentials_ended(ended);
                    // Callers in the gateway's memory still have the old role.
                    revocations.user_changed(user_id);
                },
            )
            .await?;
        Ok(user)
    }

    /// Shuts a user out, or lets them in again, once.
    pub(crate) async fn set_disabled(&self, user_id: Uuid, disabled: bool, once: Once) -> Result<User, UserError> {
        let now = self.clock.now_micros();
        let wish = Shutting { user_id, disabled };
        let admission = self.admission.clone();
        let (user, _) = self
            .revocations
            .write_and_tell(
                &self.database.writer,
                move |transaction| Box::pin(async move { wish.apply(transaction, &admission, &once, now).await }),
                move |revocations, (_, ended)| {
                    revocations.credentials_ended(ended);
                    // Those who are let in again, too: their kernels may be started again.
                    revocations.user_changed(user_id);
                },
            )
            .await?;
        Ok(user)
    }
}

/// The text to be found anywhere, every character meaning itself.
fn like_pattern(query: &str) -> String {
    let mut pattern = String::from("%");
    for c in query.to_lowercase().chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

//! The first administrator, by a one-time token that only whoever can read the data folder has.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use fenxi_chassis::{files, sqlite::Database};
use url::Url;
use uuid::Uuid;

use super::{Login, LoginError, SignedIn, password::METHOD_LOCAL, store};
use crate::{
    admission::Admission,
    audit::{self, Entry, Event},
    origin::Origin,
    secret::{Secret, SecretHash, SecretKind},
    session::{Issued, Prepared},
    store::StoreError,
    user::{self, Role, User, name, store::NewLocal},
};

/// The file of the token, in the data folder.
const FILE_NAME: &str = "first-admin-token";

/// Where the token is. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct SetUp {
    file: PathBuf,
}

/// The administrator to be.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// From the link.
    pub(crate) setup_token: String,
    /// As typed.
    pub(crate) username: String,
    /// As typed.
    pub(crate) password: String,
    /// As typed.
    pub(crate) display_name: String,
}

impl SetUp {
    /// Makes sure at start that a token is there while an administrator is missing, and that none is there otherwise. One
    /// that is there already stays good.
    pub(crate) async fn prepare(
        folder: &Path,
        public_url: &Url,
        database: &Database,
        admission: &Admission,
        now: i64,
    ) -> anyhow::Result<Self> {
        let file = folder.join(FILE_NAME);
        let setup = Self { file };
        if user::store::another_administrator(&database.reader, admission, Uuid::nil()).await? {
            setup.remove_file();
            return Ok(setup);
        }
        let in_force = store::setup_token(&database.reader).await?;
        let written = std::fs::read_to_string(&setup.file).ok().as_deref().and_then(token_of);
        if written.is_none() || written != in_force {
            let token = Secret::generate(SecretKind::SetUp)?;
            let hash = token.hash();
            database
                .writer
                .write::<_, StoreError, _>(move |transaction| {
                    Box::pin(async move { store::set_setup_token(transaction, Some(hash), now).await })
                })
                .await?;
            files::write_private(&setup.file, format!("{}\n", token.expose()).as_bytes())
                .context("the first administrator's token")?;
        }
        // In the fragment: it reaches no server's log. The token itself stays in its file.
        let link = format!("{public_url}setup#token=");
        tracing::info!(file = %setup.file.display(), link, "no administrator yet: put the token of this file to the link");
        Ok(setup)
    }

    fn remove_file(&self) {
        match std::fs::remove_file(&self.file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(file = %self.file.display(), %error, "the used token cannot be removed; remove it by hand");
            }
            _ => {}
        }
    }
}

/// The hash of the token in a file.
fn token_of(text: &str) -> Option<SecretHash> {
    SecretHash::of_presented_kind(SecretKind::SetUp, text.trim())
}

impl Login {
    /// Whether an administrator is missing.
    pub(crate) async fn is_set_up_required(&self) -> Result<bool, LoginError> {
        Ok(!user::store::another_administrator(&self.database.reader, &self.admission, Uuid::nil()).await?)
    }

    /// Makes the first administrator and signs in; of many who hold the token, one.
    pub(crate) async fn set_up_administrator(&self, wanted: Wanted, origin: &Origin) -> Result<SignedIn, LoginError> {
        let now = self.clock.now_micros();
        self.limits.check_network(origin, now)?;
        let token = SecretHash::of_presented_kind(SecretKind::SetUp, wanted.setup_token.trim());
        let in_force = store::setup_token(&self.database.reader).await?;
        let Some(token) = token.zip(in_force).filter(|(given, known)| given.matches(known)).map(|(given, _)| given)
        else {
            self.limits.count_failure(origin, None, now);
            self.audit(Entry::new(Event::LoginFailed, origin.ip_address()).saying("set-up token"), origin).await;
            return Err(LoginError::SetUpTokenInvalid);
        };
        let username = name::username(&wanted.username)?;
        name::check_password(&wanted.password, &username)?;
        let display_name = name::display_name(&wanted.display_name, &username)?;
        let password_hash = self.passwords.hash(wanted.password).await?;
        let prepared = Prepared::new(self.ids.next(), METHOD_LOCAL, origin, self.lifetimes, now)?;
        let role = Role::Administrator;
        let new = NewLocal { user_id: self.ids.next(), username, password_hash, display_name, role };
        let entry = Entry::new(Event::AdministratorSetUp, origin.ip_address()).by(new.user_id).of(prepared.id());
        let admission = self.admission.clone();
        let (user, issued): (User, Issued) = self
            .database
            .writer
            .write::<_, LoginError, _>(move |transaction| {
                Box::pin(async move {
                    let still = store::setup_token(&mut *transaction).await?.is_some_and(|known| known.matches(&token));
                    let is_late = user::store::another_administrator(&mut *transaction, &admission, Uuid::nil());
                    if !still || is_late.await? {
                        return Err(LoginError::SetUpTokenInvalid);
                    }
                    store::set_setup_token(transaction, None, now).await?;
                    let made = user::store::insert_local(transaction, &new, now).await?;
                    made.ok_or(LoginError::UsernameTaken)?;
                    let user = user::store::note_login(transaction, new.user_id, &new.password_hash, now).await?;
                    let user = user.ok_or(StoreError::Corrupt("user"))?;
                    let (issued, _) = prepared.insert(transaction, user.user_id).await?;
                    audit::store::append(transaction, now, &entry).await?;
                    Ok((user, issued))
                })
            })
            .await?;
        let setup = self.setup.clone();
        // A small file, once in the life of a service.
        drop(tokio::task::spawn_blocking(move || setup.remove_file()).await);
        Ok(SignedIn { user, issued })
    }
}

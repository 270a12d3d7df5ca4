//! What an administrator changes, within one transaction: who may, what must stay true, and what ends with it.

use fenxi_chassis::sqlite::Transaction;
use uuid::Uuid;

use super::{Role, User, UserError, store};
use crate::{
    admission::Admission,
    audit::{self, Entry, Event},
    request_ids::{self, Once},
    session, token,
};

/// What is to be changed, ready for the transaction.
pub(super) struct Update {
    pub(super) user_id: Uuid,
    pub(super) display_name: Option<String>,
    pub(super) role: Option<Role>,
    pub(super) password_hash: Option<String>,
}

impl Update {
    /// Gives the user and the credentials that ended.
    pub(super) async fn apply(
        self,
        transaction: &mut Transaction,
        admission: &Admission,
        once: &Once,
        now: i64,
    ) -> Result<(User, Vec<Uuid>), UserError> {
        let (before, made) = begin(transaction, self.user_id, once).await?;
        if made {
            return Ok((before, Vec::new()));
        }
        let role = self.role.unwrap_or(before.role);
        if role == Role::Member {
            keep_an_administrator(transaction, admission, &before).await?;
        }
        let display_name = self.display_name.as_deref().unwrap_or(&before.display_name);
        store::set_profile(transaction, &before, display_name, role).await?;
        let mut ended = Vec::new();
        if let Some(password_hash) = &self.password_hash {
            if !store::set_password(transaction, self.user_id, password_hash).await? {
                return Err(UserError::NoPassword);
            }
            // Whoever may have known the old password has nothing left that they made with it.
            ended = session::store::remove_all(transaction, self.user_id, None).await?;
            ended.extend(token::store::remove_all(transaction, self.user_id).await?);
        }
        let fields = [
            (self.display_name.is_some(), "display_name"),
            (self.role.is_some(), "role"),
            (self.password_hash.is_some(), "password"),
        ];
        let fields: Vec<_> = fields.into_iter().filter(|(changed, _)| *changed).map(|(_, field)| field).collect();
        let entry = Entry::new(Event::UserChanged, "").to(self.user_id, once.user_id).saying(fields.join(" "));
        audit::store::append(transaction, now, &entry).await?;
        request_ids::store::keep(transaction, once, &[], now).await?;
        let user = store::by_id(transaction, self.user_id).await?.ok_or(UserError::NotFound)?;
        Ok((user, ended))
    }
}

/// Who is to be shut out, or let in again.
#[derive(Clone, Copy)]
pub(super) struct Shutting {
    pub(super) user_id: Uuid,
    pub(super) disabled: bool,
}

impl Shutting {
    /// Gives the user and the credentials that ended.
    pub(super) async fn apply(
        self,
        transaction: &mut Transaction,
        admission: &Admission,
        once: &Once,
        now: i64,
    ) -> Result<(User, Vec<Uuid>), UserError> {
        let Self { user_id, disabled } = self;
        let (before, made) = begin(transaction, user_id, once).await?;
        if made {
            return Ok((before, Vec::new()));
        }
        let mut ended = Vec::new();
        if disabled {
            keep_an_administrator(transaction, admission, &before).await?;
            ended = session::store::remove_all(transaction, user_id, None).await?;
            ended.extend(token::store::remove_all(transaction, user_id).await?);
        }
        if disabled != before.disabled_time.is_some() {
            store::set_disabled(transaction, user_id, disabled.then_some(now)).await?;
            let event = if disabled { Event::UserDisabled } else { Event::UserEnabled };
            audit::store::append(transaction, now, &Entry::new(event, "").to(user_id, once.user_id)).await?;
        }
        request_ids::store::keep(transaction, once, &[], now).await?;
        let user = store::by_id(transaction, user_id).await?.ok_or(UserError::NotFound)?;
        Ok((user, ended))
    }
}

/// The user as they are, and whether this call has changed them before. If not, it is to be an administrator's.
async fn begin(transaction: &mut Transaction, user_id: Uuid, once: &Once) -> Result<(User, bool), UserError> {
    let user = store::by_id(&mut *transaction, user_id).await?.ok_or(UserError::NotFound)?;
    let made = request_ids::store::answered(transaction, once).await?.is_some();
    if !made {
        by_administrator(transaction, once.user_id).await?;
    }
    Ok((user, made))
}

/// Holds against the state of this very transaction: two administrators who shut each other out do not both succeed.
pub(super) async fn by_administrator(transaction: &mut Transaction, actor_user_id: Uuid) -> Result<(), UserError> {
    let actor = store::by_id(transaction, actor_user_id).await?;
    let allowed = actor.is_some_and(|actor| actor.role == Role::Administrator && actor.disabled_time.is_none());
    if allowed { Ok(()) } else { Err(UserError::NotAdministrator) }
}

async fn keep_an_administrator(
    transaction: &mut Transaction,
    admission: &Admission,
    before: &User,
) -> Result<(), UserError> {
    let is_one = before.role == Role::Administrator && before.disabled_time.is_none();
    if is_one && !store::another_administrator(transaction, admission, before.user_id).await? {
        return Err(UserError::LastAdministrator);
    }
    Ok(())
}

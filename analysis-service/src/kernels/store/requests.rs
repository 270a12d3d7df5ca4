//! Which requests were taken: each is carried out once.

use fenxi_chassis::sqlite::{Row, Transaction, is_unique_violation};
use sqlx::Row as _;
use uuid::Uuid;

use super::{Store, StoreError};

/// A request as it was taken before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// What it asked for.
    pub fingerprint: Vec<u8>,
    /// The kernel it made or changed.
    pub kernel_id: Uuid,
    /// See [`Once::generation`].
    pub generation: Option<i32>,
    /// See [`Once::execution_id`].
    pub execution_id: Option<Uuid>,
    /// When it was noted; unix microseconds.
    pub create_time: i64,
}

/// A request to be taken once.
#[derive(Clone, Debug)]
pub(crate) struct Once {
    pub owner_user_id: Uuid,
    pub request_id: Uuid,
    pub fingerprint: Vec<u8>,
    pub now: i64,
    /// To which of the kernel's processes it leads, where it leads to one. The service may end between this note and the
    /// deed.
    pub generation: Option<i32>,
    /// What ran when it was asked for, where it is about that.
    pub execution_id: Option<Uuid>,
}

impl Store {
    /// Takes a request about a kernel. Gives the former one, if there was one.
    pub(crate) async fn take(&self, kernel_id: Uuid, once: Once) -> Result<Option<Taken>, StoreError> {
        let written = self
            .database
            .writer
            .write(move |transaction| Box::pin(async move { take(transaction, &once, kernel_id).await }));
        written.await
    }

    /// Forgets a request that was taken and not carried out.
    pub(crate) async fn give_back(&self, once: &Once) -> Result<(), StoreError> {
        let (owner_user_id, request_id) = (once.owner_user_id, once.request_id);
        let written = self.database.writer.write::<_, StoreError, _>(move |transaction| {
            Box::pin(async move {
                sqlx::query("DELETE FROM kernel_requests WHERE owner_user_id = $1 AND request_id = $2")
                    .bind(owner_user_id)
                    .bind(request_id)
                    .execute(transaction)
                    .await?;
                Ok(())
            })
        });
        written.await
    }

    /// The request of this id, if it was taken.
    pub(crate) async fn taken(&self, owner_user_id: Uuid, request_id: Uuid) -> Result<Option<Taken>, StoreError> {
        let row = sqlx::query(
            "SELECT fingerprint, kernel_id, generation, execution_id, create_time FROM kernel_requests
             WHERE owner_user_id = $1 AND request_id = $2",
        )
        .bind(owner_user_id)
        .bind(request_id)
        .fetch_optional(&self.database.reader)
        .await?;
        row.map(|row| read_taken(&row)).transpose()
    }

    /// Removes requests taken before this time.
    pub(crate) async fn forget_requests(&self, before: i64) -> Result<(), StoreError> {
        let written = self.database.writer.write::<_, StoreError, _>(move |transaction| {
            Box::pin(async move {
                sqlx::query("DELETE FROM kernel_requests WHERE create_time < $1")
                    .bind(before)
                    .execute(transaction)
                    .await?;
                Ok(())
            })
        });
        written.await
    }
}

/// Takes a request, or gives the former one of the same id.
pub(super) async fn take(
    transaction: &mut Transaction,
    once: &Once,
    kernel_id: Uuid,
) -> Result<Option<Taken>, StoreError> {
    let inserted = sqlx::query(
        "INSERT INTO kernel_requests
             (owner_user_id, request_id, kernel_id, fingerprint, create_time, generation, execution_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (owner_user_id, request_id) DO NOTHING",
    )
    .bind(once.owner_user_id)
    .bind(once.request_id)
    .bind(kernel_id)
    .bind(once.fingerprint.as_slice())
    .bind(once.now)
    .bind(once.generation)
    .bind(once.execution_id)
    .execute(&mut *transaction)
    .await;
    match inserted {
        Ok(done) if done.rows_affected() == 1 => return Ok(None),
        Err(error) if !is_unique_violation(&error) => return Err(error.into()),
        _ => {}
    }
    let row = sqlx::query(
        "SELECT fingerprint, kernel_id, generation, execution_id, create_time FROM kernel_requests
         WHERE owner_user_id = $1 AND request_id = $2",
    )
    .bind(once.owner_user_id)
    .bind(once.request_id)
    .fetch_one(transaction)
    .await?;
    read_taken(&row).map(Some)
}

fn read_taken(row: &Row) -> Result<Taken, StoreError> {
    Ok(Taken {
        fingerprint: row.try_get("fingerprint")?,
        kernel_id: row.try_get("kernel_id")?,
        generation: row.try_get("generation")?,
        execution_id: row.try_get("execution_id")?,
        create_time: row.try_get("create_time")?,
    })
}

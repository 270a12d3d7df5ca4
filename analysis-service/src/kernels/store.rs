//! Kernels in the database: what has to outlive the service, and which requests were taken. The only SQL of this room.
//! Rules and the time come from outside.

use std::collections::HashMap;

use fenxi_chassis::sqlite::{Database, WriteError};
use sqlx::Row as _;
use uuid::Uuid;

pub use self::steps::STEPS;
use self::{
    requests::take,
    rows::{KernelRow, read, stood},
};
pub(crate) use self::{
    requests::{Once, Taken},
    rows::Stood,
};
use super::model::{Kernel, KernelLimits};

mod requests;
mod rows;
mod steps;

/// How often a start that no service came to the end of is begun anew: perhaps it is what ends them.
const START_ATTEMPTS_MAX: i32 = 5;

/// Why the database did not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A statement failed.
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
    /// A write did not happen.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// The table of kernels.
#[derive(Clone, Debug)]
pub struct Store {
    database: Database,
    limits: KernelLimits,
}

impl Store {
    /// On this database; `limits` are those of every kernel.
    #[must_use]
    pub fn new(database: Database, limits: KernelLimits) -> Self {
        Self { database, limits }
    }

    /// Writes down a new kernel together with the request for it. Gives the former request instead, if there was one.
    pub(crate) async fn create(&self, kernel: &Kernel, once: Once) -> Result<Option<Taken>, StoreError> {
        let row = KernelRow::of(kernel);
        let kernel_id = kernel.kernel_id;
        let written = self.database.writer.write(move |transaction| {
            Box::pin(async move {
                if let Some(taken) = take(transaction, &once, kernel_id).await? {
                    return Ok(Some(taken));
                }
                row.insert(transaction).await?;
                Ok(None)
            })
        });
        written.await
    }

    /// Writes down what has changed of a kernel that outlives the service. One that was removed stays so.
    pub(crate) async fn save(&self, kernel: &Kernel) -> Result<(), StoreError> {
        let row = KernelRow::of(kernel);
        let written = self.database.writer.write::<_, StoreError, _>(move |transaction| {
            Box::pin(async move {
                row.update(transaction).await?;
                Ok(())
            })
        });
        written.await
    }

    /// Writes down a kernel's new name together with the request for it. Gives the former request instead, if there was one.
    pub(crate) async fn rename(
        &self,
        kernel_id: Uuid,
        display_name: String,
        once: Option<Once>,
    ) -> Result<Option<Taken>, StoreError> {
        let written = self.database.writer.write::<_, StoreError, _>(move |transaction| {
            Box::pin(async move {
                if let Some(once) = once
                    && let Some(taken) = take(transaction, &once, kernel_id).await?
                {
                    return Ok(Some(taken));
                }
                sqlx::query("UPDATE kernels SET display_name = $2 WHERE kernel_id = $1")
                    .bind(kernel_id)
                    .bind(display_name)
                    .execute(transaction)
                    .await?;
                Ok(None)
            })
        });
        written.await
    }

    /// Writes down that a kernel's process of this generation has started, before code is sent to it.
    pub(crate) async fn started(&self, kernel_id: Uuid, generation: i32) -> Result<(), StoreError> {
        let written = self.database.writer.write::<_, StoreError, _>(move |transaction| {
            Box::pin(async move {
                sqlx::query("UPDATE kernels SET started_generation = $2 WHERE kernel_id = $1")
                    .bind(kernel_id)
                    .bind(generation)
                    .execute(transaction)
                    .await?;
                Ok(())
            })
        });
        written.await
    }

    /// Writes down how much a kernel's files take: it counts in the next service until they are looked at again.
    pub(crate) async fn save_files(&self, kernel_id: Uuid, disk_bytes: u64) -> Result<(), StoreError> {
        let written = self.database.writer.write::<_, StoreError, _>(move |transaction| {
            Box::pin(async move {
                sqlx::query("UPDATE kernels SET disk_bytes = $2 WHERE kernel_id = $1")
                    .bind(kernel_id)
                    .bind(i64::try_from(disk_bytes).unwrap_or(i64::MAX))
                    .execute(transaction)
                    .await?;
                Ok(())
            })
        });
        written.await
    }

    /// Writes down that the start of a kernel is begun anew.
    pub(crate) async fn begun_anew(&self, kernel_id: Uuid) -> Result<(), StoreError> {
        let written = self.database.writer.write::<_, StoreError, _>(move |transaction| {
            Box::pin(async move {
                sqlx::query("UPDATE kernels SET start_attempts = start_attempts + 1 WHERE kernel_id = $1")
                    .bind(kernel_id)
                    .execute(transaction)
                    .await?;
                Ok(())
            })
        });
        written.await
    }

    /// The kernels that were being started when they were last written down, and in which generation: they are to be
    /// started again.
    ///
    /// # Errors
    /// The database.
    pub async fn starting(&self) -> Result<HashMap<Uuid, i32>, StoreError> {
        let rows = sqlx::query(
            "SELECT kernel_id, generation FROM kernels
             WHERE death_time IS NULL AND started_generation < generation AND start_attempts < $1",
        )
        .bind(START_ATTEMPTS_MAX)
        .fetch_all(&self.database.reader)
        .await?;
        rows.iter().map(|row| Ok((row.try_get("kernel_id")?, row.try_get("generation")?))).collect()
    }

    /// Removes a kernel.
    pub(crate) async fn remove(&self, kernel_id: Uuid) -> Result<(), StoreError> {
        let written = self.database.writer.write::<_, StoreError, _>(move |transaction| {
            Box::pin(async move {
                sqlx::query("DELETE FROM kernels WHERE kernel_id = $1").bind(kernel_id).execute(transaction).await?;
                Ok(())
            })
        });
        written.await
    }

    /// Every kernel written down, and how it stood: read at start, which is `now` in microseconds. It is their first
    /// revision, as in [`Registry::create`](super::Registry): greater than all that a service before told of them.
    pub(crate) async fn all(&self, now: i64) -> Result<Vec<(Kernel, Stood)>, StoreError> {
        let rows = sqlx::query(
            "SELECT kernel_id, owner_user_id, display_name, datasets, create_time, last_activity_time, generation, death,
                 death_time, kernel_spec, started_generation, start_attempts,
                 disk_bytes
             FROM kernels ORDER BY kernel_id",
        )
        .fetch_all(&self.database.reader)
        .await?;
        rows.iter().map(|row| Ok((read(row, self.limits, now)?, stood(row)?))).collect()
    }
}

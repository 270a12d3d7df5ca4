//! Kernels in the database: what has to outlive the service, and which requests were taken. The only SQL of this room.
//! Rules and the time come from outside.

use std::{collections::HashSet, sync::Arc};

use fenxi_chassis::sqlite::{Database, Step, Transaction, WriteError, is_unique_violation};
use fenxi_proto::analysis::v1::{Death, KernelStart, KernelState};
use prost::Message as _;
use serde::{Deserialize, Serialize};
use sqlx::{Row as _, sqlite::SqliteRow};
use uuid::Uuid;

use super::model::{Kernel, KernelDatasetRef, KernelLimits};

/// This room's steps of the schema.
pub const STEPS: &[Step] = &[
    Step {
        number: 100,
        title: "kernels",
        sql: "
CREATE TABLE kernels (
    kernel_id          BLOB    NOT NULL PRIMARY KEY,
    owner_user_id      BLOB    NOT NULL,
    display_name       TEXT    NOT NULL,
    datasets           TEXT    NOT NULL,
    create_time        BIGINT  NOT NULL,
    last_activity_time BIGINT  NOT NULL,
    generation         INTEGER NOT NULL,
    death              BLOB,
    death_time         BIGINT
);
CREATE INDEX kernels_by_owner ON kernels (owner_user_id, kernel_id);
CREATE INDEX kernels_by_death ON kernels (death_time) WHERE death_time IS NOT NULL;
CREATE TABLE kernel_requests (
    owner_user_id BLOB   NOT NULL,
    request_id    BLOB   NOT NULL,
    kernel_id     BLOB   NOT NULL,
    fingerprint   BLOB   NOT NULL,
    create_time   BIGINT NOT NULL,
    PRIMARY KEY (owner_user_id, request_id)
);
CREATE INDEX kernel_requests_by_time ON kernel_requests (create_time);
",
    },
    Step {
        number: 220,
        title: "kernel specs",
        sql: "ALTER TABLE kernels ADD COLUMN kernel_spec TEXT NOT NULL DEFAULT 'python3'",
    },
    Step {
        number: 221,
        title: "kernels that are being started",
        // Of which generation it is known that it may have run code. Until now nobody noted it: all may have.
        sql: "ALTER TABLE kernels ADD COLUMN started_generation INTEGER NOT NULL DEFAULT 0;
UPDATE kernels SET started_generation = generation;",
    },
    Step {
        number: 240,
        title: "kernels' files",
        sql: "ALTER TABLE kernels ADD COLUMN disk_bytes BIGINT NOT NULL DEFAULT 0",
    },
];

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

/// A request as it was taken before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// What it asked for.
    pub fingerprint: Vec<u8>,
    /// The kernel it made or changed.
    pub kernel_id: Uuid,
}

/// How a kernel stood when it was last written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stood {
    /// Its process was being started: no code was ever sent to it.
    Starting,
    /// Its process had started.
    Started,
    /// It was dead.
    Dead,
}

/// A request to be taken once.
#[derive(Clone, Debug)]
pub(crate) struct Once {
    pub owner_user_id: Uuid,
    pub request_id: Uuid,
    pub fingerprint: Vec<u8>,
    pub now: i64,
}

/// The table of kernels.
#[derive(Clone, Debug)]
pub struct Store {
    database: Database,
    limits: KernelLimits,
}

#[derive(Serialize, Deserialize)]
struct DatasetRow {
    dataset_id: Uuid,
    name: String,
    variable_name: String,
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
            "SELECT fingerprint, kernel_id FROM kernel_requests WHERE owner_user_id = $1 AND request_id = $2",
        )
        .bind(owner_user_id)
        .bind(request_id)
        .fetch_optional(&self.database.reader)
        .await?;
        row.map(|row| read_taken(&row)).transpose()
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

    /// The kernels that were being started when they were last written down: they are to be started again.
    ///
    /// # Errors
    /// The database.
    pub async fn starting(&self) -> Result<HashSet<Uuid>, StoreError> {
        let rows =
            sqlx::query("SELECT kernel_id FROM kernels WHERE death_time IS NULL AND started_generation < generation");
        let rows = rows.fetch_all(&self.database.reader).await?;
        rows.iter().map(|row| Ok(row.try_get("kernel_id")?)).collect()
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

    /// Every kernel written down, and how it stood: read at start, which is `now` in microseconds. It is their first
    /// revision, as in [`Registry::create`](super::Registry): greater than all that a service before told of them.
    pub(crate) async fn all(&self, now: i64) -> Result<Vec<(Kernel, Stood)>, StoreError> {
        let rows = sqlx::query(
            "SELECT kernel_id, owner_user_id, display_name, datasets, create_time, last_activity_time, generation, death,
                 death_time, kernel_spec, started_generation, disk_bytes
             FROM kernels ORDER BY kernel_id",
        )
        .fetch_all(&self.database.reader)
        .await?;
        rows.iter().map(|row| Ok((self.read(row, now)?, stood(row)?))).collect()
    }

    fn read(&self, row: &SqliteRow, revision: i64) -> Result<Kernel, StoreError> {
        let datasets: Vec<DatasetRow> =
            serde_json::from_str(row.try_get("datasets")?).map_err(|error| sqlx::Error::Decode(error.into()))?;
        let death: Option<Vec<u8>> = row.try_get("death")?;
        let death = death.map(|death| Death::decode(death.as_slice())).transpose();
        Ok(Kernel {
            kernel_id: row.try_get("kernel_id")?,
            owner_user_id: row.try_get("owner_user_id")?,
            display_name: row.try_get("display_name")?,
            state: KernelState::Dead,
            datasets: datasets.into_iter().map(DatasetRow::into_ref).collect(),
            create_time: row.try_get("create_time")?,
            last_activity_time: row.try_get("last_activity_time")?,
            death: death.map_err(|error| sqlx::Error::Decode(error.into()))?,
            generation: row.try_get("generation")?,
            running_execution_id: None,
            waiting: Arc::default(),
            memory_bytes: 0,
            private_bytes: 0,
            disk_bytes: u64::try_from(row.try_get::<i64, _>("disk_bytes")?).unwrap_or(0),
            idle_end_time: None,
            revision,
            limits: self.limits,
            start: KernelStart::Unspecified,
            isolation: None,
            kernel_spec: row.try_get("kernel_spec")?,
            idle_warning_time: None,
            start_position: 0,
            network: None,
        })
    }
}

fn stood(row: &SqliteRow) -> Result<Stood, StoreError> {
    if row.try_get::<Option<i64>, _>("death_time")?.is_some() {
        return Ok(Stood::Dead);
    }
    let (started, generation): (i32, i32) = (row.try_get("started_generation")?, row.try_get("generation")?);
    Ok(if started < generation { Stood::Starting } else { Stood::Started })
}

/// Takes a request, or gives the former one of the same id.
async fn take(transaction: &mut Transaction, once: &Once, kernel_id: Uuid) -> Result<Option<Taken>, StoreError> {
    let inserted = sqlx::query(
        "INSERT INTO kernel_requests (owner_user_id, request_id, kernel_id, fingerprint, create_time)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (owner_user_id, request_id) DO NOTHING",
    )
    .bind(once.owner_user_id)
    .bind(once.request_id)
    .bind(kernel_id)
    .bind(once.fingerprint.as_slice())
    .bind(once.now)
    .execute(&mut *transaction)
    .await;
    match inserted {
        Ok(done) if done.rows_affected() == 1 => return Ok(None),
        Err(error) if !is_unique_violation(&error) => return Err(error.into()),
        _ => {}
    }
    let row =
        sqlx::query("SELECT fingerprint, kernel_id FROM kernel_requests WHERE owner_user_id = $1 AND request_id = $2")
            .bind(once.owner_user_id)
            .bind(once.request_id)
            .fetch_one(transaction)
            .await?;
    read_taken(&row).map(Some)
}

fn read_taken(row: &SqliteRow) -> Result<Taken, StoreError> {
    Ok(Taken { fingerprint: row.try_get("fingerprint")?, kernel_id: row.try_get("kernel_id")? })
}

impl DatasetRow {
    fn into_ref(self) -> KernelDatasetRef {
        KernelDatasetRef { dataset_id: self.dataset_id, name: self.name, variable_name: self.variable_name }
    }
}

/// What of a kernel is written down.
struct KernelRow {
    kernel_id: Uuid,
    owner_user_id: Uuid,
    display_name: String,
    datasets: String,
    create_time: i64,
    last_activity_time: i64,
    generation: i32,
    death: Option<Vec<u8>>,
    /// Set while it is dead, and not for the death of a former process.
    death_time: Option<i64>,
    kernel_spec: String,
}

impl KernelRow {
    fn of(kernel: &Kernel) -> Self {
        let datasets: Vec<_> = kernel
            .datasets
            .iter()
            .map(|dataset| DatasetRow {
                dataset_id: dataset.dataset_id,
                name: dataset.name.clone(),
                variable_name: dataset.variable_name.clone(),
            })
            .collect();
        let died = kernel.death.as_ref().filter(|_| kernel.state == KernelState::Dead).and_then(|death| death.time);
        Self {
            kernel_id: kernel.kernel_id,
            owner_user_id: kernel.owner_user_id,
            display_name: kernel.display_name.clone(),
            datasets: serde_json::to_string(&datasets).unwrap_or_else(|_| "[]".into()),
            create_time: kernel.create_time,
            last_activity_time: kernel.last_activity_time,
            generation: kernel.generation,
            death: kernel.death.as_ref().map(prost::Message::encode_to_vec),
            death_time: died.map(|time| fenxi_proto::time::unix_micros(&time)),
            kernel_spec: kernel.kernel_spec.clone(),
        }
    }

    async fn insert(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO kernels (kernel_id, owner_user_id, display_name, datasets, create_time, last_activity_time,
                 generation, death, death_time, kernel_spec)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(self.kernel_id)
        .bind(self.owner_user_id)
        .bind(&self.display_name)
        .bind(&self.datasets)
        .bind(self.create_time)
        .bind(self.last_activity_time)
        .bind(self.generation)
        .bind(self.death.as_deref())
        .bind(self.death_time)
        .bind(&self.kernel_spec)
        .execute(transaction)
        .await?;
        Ok(())
    }

    async fn update(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE kernels SET last_activity_time = $2, generation = $3, death = $4, death_time = $5
             WHERE kernel_id = $1",
        )
        .bind(self.kernel_id)
        .bind(self.last_activity_time)
        .bind(self.generation)
        .bind(self.death.as_deref())
        .bind(self.death_time)
        .execute(transaction)
        .await?;
        Ok(())
    }
}

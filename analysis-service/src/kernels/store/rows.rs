//! Kernels as rows.

use std::sync::Arc;

use fenxi_chassis::sqlite::{Row, Transaction};
use fenxi_proto::analysis::v1::{Death, KernelStart, KernelState};
use prost::Message as _;
use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use uuid::Uuid;

use super::{START_ATTEMPTS_MAX, StoreError};
use crate::kernels::model::{Kernel, KernelDatasetRef, KernelLimits};

/// How a kernel stood when it was last written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stood {
    /// Its process was being started: no code was ever sent to it.
    Starting,
    /// So it was again and again, and no service came to the end of it.
    Unstartable,
    /// Its process had started.
    Started,
    /// It was dead.
    Dead,
}

#[derive(Serialize, Deserialize)]
struct DatasetRow {
    dataset_id: Uuid,
    name: String,
    variable_name: String,
}

/// A kernel as it was written down; its limits and its revision are the service's.
pub(super) fn read(row: &Row, limits: KernelLimits, revision: i64) -> Result<Kernel, StoreError> {
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
        held_bytes: 0,
        disk_bytes: u64::try_from(row.try_get::<i64, _>("disk_bytes")?).unwrap_or(0),
        idle_end_time: None,
        revision,
        limits,
        start: KernelStart::Unspecified,
        isolation: None,
        kernel_spec: row.try_get("kernel_spec")?,
        idle_warning_time: None,
        start_position: 0,
        network: None,
    })
}

/// How it stood when it was written down.
pub(super) fn stood(row: &Row) -> Result<Stood, StoreError> {
    if row.try_get::<Option<i64>, _>("death_time")?.is_some() {
        return Ok(Stood::Dead);
    }
    let (started, generation): (i32, i32) = (row.try_get("started_generation")?, row.try_get("generation")?);
    let attempts: i32 = row.try_get("start_attempts")?;
    Ok(match started < generation {
        true if attempts < START_ATTEMPTS_MAX => Stood::Starting,
        true => Stood::Unstartable,
        false => Stood::Started,
    })
}

impl DatasetRow {
    fn into_ref(self) -> KernelDatasetRef {
        KernelDatasetRef { dataset_id: self.dataset_id, name: self.name, variable_name: self.variable_name }
    }
}

/// What of a kernel is written down.
pub(super) struct KernelRow {
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
    pub(super) fn of(kernel: &Kernel) -> Self {
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

    pub(super) async fn insert(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
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

    pub(super) async fn update(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE kernels SET last_activity_time = $2, generation = $3, death = $4, death_time = $5,
                 start_attempts = CASE WHEN generation = $3 THEN start_attempts ELSE 0 END
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

//! From rows to the room's words.

use std::sync::Arc;

use fenxi_chassis::sqlite::Row;
use fenxi_proto::analysis::v1::{Outcome, StopCause};
use sqlx::Row as _;

use super::{End, LogPlace, StoreError, Stored};
use crate::executions::{Accepted, Condition, DatasetRef, Dependency, requests::Requests};

pub(super) fn place(number: i32) -> Result<LogPlace, StoreError> {
    [LogPlace::Spool, LogPlace::Row, LogPlace::File, LogPlace::Removed]
        .into_iter()
        .find(|place| *place as i32 == number)
        .ok_or_else(|| StoreError::Row(format!("log_place {number}")))
}

fn dependency(row: &Row) -> Result<Option<Dependency>, StoreError> {
    let Some(execution_id) = row.try_get("depends_on")? else { return Ok(None) };
    let number: i32 = row.try_get("depends_on_condition")?;
    let condition = [Condition::Succeeded, Condition::NotFailed].into_iter().find(|one| *one as i32 == number);
    let condition = condition.ok_or_else(|| StoreError::Row(format!("depends_on_condition {number}")))?;
    Ok(Some(Dependency { execution_id, condition }))
}

pub(super) fn stored(row: &Row) -> Result<Stored, StoreError> {
    let datasets: String = row.try_get("datasets")?;
    let datasets: Vec<DatasetRef> =
        serde_json::from_str(&datasets).map_err(|error| StoreError::Row(error.to_string()))?;
    let hash: Vec<u8> = row.try_get("request_hash")?;
    let code: String = row.try_get("code")?;
    let accepted = Accepted {
        position: 0,
        execution_id: row.try_get("execution_id")?,
        user_id: row.try_get("user_id")?,
        request_id: row.try_get("request_id")?,
        request_hash: hash.try_into().map_err(|_| StoreError::Row("request_hash".into()))?,
        kernel_id: row.try_get("kernel_id")?,
        code: code.into(),
        datasets,
        create_time: row.try_get("create_time")?,
        time_limit_micros: row.try_get("time_limit")?,
        continue_on_error: row.try_get("continue_on_error")?,
        depends_on: dependency(row)?,
    };
    let outcome = Outcome::try_from(row.try_get::<i32, _>("outcome")?)
        .map_err(|error| StoreError::Row(format!("outcome: {error}")))?;
    let end_time: Option<i64> = row.try_get("end_time")?;
    let end = match end_time {
        None => None,
        Some(end_time) => Some(End {
            outcome,
            stop_cause: StopCause::try_from(row.try_get::<i32, _>("stop_cause")?).unwrap_or_default(),
            start_time: row.try_get("start_time")?,
            end_time,
            last_sequence: row.try_get("last_sequence")?,
            execution_count: row.try_get("execution_count")?,
            log_place: place(row.try_get("log_place")?)?,
            requests: Requests::read_row(&row.try_get::<Option<Vec<u8>>, _>("requests")?.unwrap_or_default()),
        }),
    };
    Ok(Stored { accepted: Arc::new(accepted), end })
}

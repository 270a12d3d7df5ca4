//! What is old: finding it and forgetting it.

use sqlx::Row as _;
use uuid::Uuid;

use super::{LogPlace, Store, StoreError, rows::place};
use crate::objects::ContentId;

impl Store {
    /// The oldest logs of executions that ended before this time.
    pub(in crate::executions) async fn logs_before(
        &self,
        time: i64,
        rows: i64,
    ) -> Result<Vec<(Uuid, LogPlace)>, StoreError> {
        let sql = "SELECT execution_id, log_place FROM execution \
                   WHERE log_place IN (1, 2) AND end_time < $1 ORDER BY end_time LIMIT $2 + 0";
        let rows = sqlx::query(sql).bind(time).bind(rows).fetch_all(&self.database.reader).await?;
        rows.iter().map(|row| Ok((row.try_get("execution_id")?, place(row.try_get("log_place")?)?))).collect()
    }

    /// Forgets where these logs are, and those that are in rows.
    pub(in crate::executions) async fn remove_logs(&self, ids: Vec<Uuid>) -> Result<(), StoreError> {
        self.database
            .writer
            .write(move |tx| {
                Box::pin(async move {
                    for id in ids {
                        let sql = "UPDATE execution SET log_place = 3 WHERE execution_id = $1";
                        sqlx::query(sql).bind(id).execute(&mut *tx).await?;
                        let sql = "DELETE FROM execution_log WHERE execution_id = $1";
                        sqlx::query(sql).bind(id).execute(&mut *tx).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// References to contents by executions that ended before this time.
    pub(in crate::executions) async fn contents_before(
        &self,
        time: i64,
        rows: i64,
    ) -> Result<Vec<(Uuid, ContentId)>, StoreError> {
        let sql = "SELECT c.execution_id, c.sha256 FROM execution_content c \
                   JOIN execution e ON e.execution_id = c.execution_id WHERE e.end_time < $1 LIMIT $2 + 0";
        let rows = sqlx::query(sql).bind(time).bind(rows).fetch_all(&self.database.reader).await?;
        rows.iter()
            .map(|row| {
                let text: String = row.try_get("sha256")?;
                let content = text.parse().map_err(|_| StoreError::Row(format!("sha256 {text}")))?;
                Ok((row.try_get("execution_id")?, content))
            })
            .collect()
    }

    /// Whether an execution other than these refers to a content.
    pub(in crate::executions) async fn is_kept(&self, content: ContentId, but: &[Uuid]) -> Result<bool, StoreError> {
        let sql = "SELECT execution_id FROM execution_content WHERE sha256 = $1 LIMIT $2 + 0";
        let enough = i64::try_from(but.len()).unwrap_or(i64::MAX).saturating_add(1);
        let rows = sqlx::query(sql).bind(content.to_string()).bind(enough).fetch_all(&self.database.reader).await?;
        for row in rows {
            if !but.contains(&row.try_get("execution_id")?) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Removes references to contents.
    pub(in crate::executions) async fn remove_references(&self, old: Vec<(Uuid, ContentId)>) -> Result<(), StoreError> {
        self.database
            .writer
            .write(move |tx| {
                Box::pin(async move {
                    for (id, content) in old {
                        let sql = "DELETE FROM execution_content WHERE execution_id = $1 AND sha256 = $2";
                        sqlx::query(sql).bind(id).bind(content.to_string()).execute(&mut *tx).await?;
                    }
                    Ok(())
                })
            })
            .await
    }
}

//! Rows of uploads, and the counters that change with them.

use fenxi_chassis::sqlite::{Executor, Row, Transaction};
use sqlx::Row as _;
use uuid::Uuid;

use super::{Store, contents, datasets::Usage, read, requests, stored};
use crate::{
    datasets::{
        error::DatasetError,
        model::{RequestId, Upload, UploadState},
    },
    objects::ContentId,
};

const OPEN: i16 = 1;
const COMPLETE: i16 = 2;
const CANCELLED: i16 = 3;

/// An upload to be made.
#[derive(Clone, Debug)]
pub(in crate::datasets) struct NewUpload {
    pub(in crate::datasets) upload_id: Uuid,
    pub(in crate::datasets) user_id: Uuid,
    pub(in crate::datasets) file_name: String,
    pub(in crate::datasets) size_bytes: u64,
    pub(in crate::datasets) declared: Option<ContentId>,
    pub(in crate::datasets) expire_micros: i64,
}

/// What a user may have.
#[derive(Clone, Copy, Debug)]
pub(in crate::datasets) struct UploadLimits {
    pub(in crate::datasets) quota_bytes: u64,
    pub(in crate::datasets) open_uploads_max: u32,
}

impl Store {
    /// Makes an upload and counts its size, or gives what the user has where that leaves no room.
    pub(in crate::datasets) async fn create_upload(
        &self,
        new: NewUpload,
        limits: UploadLimits,
        request: RequestId,
        now_micros: i64,
    ) -> Result<Result<Upload, Usage>, DatasetError> {
        let write = self.database.writer.write(move |transaction| {
            Box::pin(async move {
                if let Some(upload_id) = requests::earlier(transaction, new.user_id, Some(request)).await? {
                    return Ok(Ok(one(&mut *transaction, new.user_id, upload_id).await?));
                }
                if !reserve(transaction, &new, limits).await? {
                    return Ok(Err(Usage::of(&mut *transaction, new.user_id).await?));
                }
                insert(transaction, &new).await?;
                requests::done(transaction, new.user_id, Some(request), new.upload_id, now_micros).await?;
                Ok::<_, DatasetError>(Ok(one(&mut *transaction, new.user_id, new.upload_id).await?))
            })
        });
        write.await
    }

    /// An upload of this user.
    pub(in crate::datasets) async fn upload(&self, user_id: Uuid, upload_id: Uuid) -> Result<Upload, DatasetError> {
        one(&self.database.reader, user_id, upload_id).await
    }

    /// The open uploads of this user, newest first.
    pub(in crate::datasets) async fn open_uploads(
        &self,
        user_id: Uuid,
        count_max: u32,
    ) -> Result<Vec<Upload>, DatasetError> {
        let sql = "SELECT * FROM upload WHERE user_id = $1 AND state = 1 ORDER BY upload_id DESC LIMIT $2 + 0";
        let query = sqlx::query(sql).bind(user_id).bind(i64::from(count_max));
        query.fetch_all(&self.database.reader).await?.iter().map(upload).collect()
    }

    /// Puts the end of an open upload off.
    pub(in crate::datasets) async fn touch_upload(
        &self,
        upload_id: Uuid,
        expire_micros: i64,
    ) -> Result<(), DatasetError> {
        let write = self.database.writer.write(move |transaction| {
            Box::pin(async move {
                let sql = "UPDATE upload SET expire_time = $2 WHERE upload_id = $1 AND state = 1";
                sqlx::query(sql).bind(upload_id).bind(expire_micros).execute(transaction).await?;
                Ok::<_, DatasetError>(())
            })
        });
        write.await
    }

    /// Notes the sum of all the bytes, refers to that content from now on, and puts the end off. Done twice it is done
    /// once.
    pub(in crate::datasets) async fn seal_upload(
        &self,
        user_id: Uuid,
        upload_id: Uuid,
        content: ContentId,
        expire_micros: i64,
    ) -> Result<Upload, DatasetError> {
        let write = self.database.writer.write(move |transaction| {
            Box::pin(async move {
                let sql = "UPDATE upload SET content = $2, expire_time = $3
                    WHERE upload_id = $1 AND state = 1 AND content IS NULL RETURNING size_bytes";
                let query = sqlx::query(sql).bind(upload_id).bind(content.to_string()).bind(expire_micros);
                if let Some(row) = query.fetch_optional(&mut *transaction).await? {
                    contents::refer(transaction, content, row.try_get("size_bytes")?).await?;
                }
                one(transaction, user_id, upload_id).await
            })
        });
        write.await
    }

    /// Closes an upload if it is open, and gives back its share of the counters.
    pub(in crate::datasets) async fn cancel_upload(
        &self,
        user_id: Uuid,
        upload_id: Uuid,
        request: Option<RequestId>,
        forget_micros: i64,
        now_micros: i64,
    ) -> Result<(), DatasetError> {
        let write = self.database.writer.write(move |transaction| {
            Box::pin(async move {
                if requests::earlier(transaction, user_id, request).await?.is_some() {
                    return Ok(());
                }
                requests::done(transaction, user_id, request, upload_id, now_micros).await?;
                let sql = "UPDATE upload SET state = $3, expire_time = $4
                    WHERE upload_id = $1 AND user_id = $2 AND state = 1 RETURNING size_bytes, content";
                let query = sqlx::query(sql).bind(upload_id).bind(user_id).bind(CANCELLED).bind(forget_micros);
                let Some(row) = query.fetch_optional(&mut *transaction).await? else { return Ok(()) };
                let size_bytes: i64 = row.try_get("size_bytes")?;
                let sql = "UPDATE dataset_usage SET used_bytes = used_bytes - $2,
                    open_upload_count = open_upload_count - 1 WHERE user_id = $1";
                sqlx::query(sql).bind(user_id).bind(size_bytes).execute(&mut *transaction).await?;
                if let Some(sum) = row.try_get::<Option<String>, _>("content")? {
                    contents::release(transaction, super::content(&sum)?, now_micros).await?;
                }
                Ok::<_, DatasetError>(())
            })
        });
        write.await
    }

    /// Open uploads whose time is over, the oldest first.
    pub(in crate::datasets) async fn expired_uploads(
        &self,
        now_micros: i64,
        count_max: u32,
    ) -> Result<Vec<Upload>, DatasetError> {
        let sql = "SELECT * FROM upload WHERE expire_time < $1 AND state = 1 ORDER BY expire_time LIMIT $2 + 0";
        let query = sqlx::query(sql).bind(now_micros).bind(i64::from(count_max));
        query.fetch_all(&self.database.reader).await?.iter().map(upload).collect()
    }

    /// Forgets closed uploads whose time is over.
    pub(in crate::datasets) async fn forget_uploads(&self, now_micros: i64) -> Result<u64, DatasetError> {
        let write = self.database.writer.write(move |transaction| {
            Box::pin(async move {
                let sql = "DELETE FROM upload WHERE expire_time < $1 AND state <> 1";
                let done = sqlx::query(sql).bind(now_micros).execute(transaction).await?;
                Ok::<_, DatasetError>(done.rows_affected())
            })
        });
        write.await
    }

    /// Whether the arriving bytes of this upload are still wanted where they arrive.
    pub(in crate::datasets) async fn is_arriving(&self, upload_id: Uuid) -> Result<bool, DatasetError> {
        let sql = "SELECT state, content FROM upload WHERE upload_id = $1";
        let row = sqlx::query(sql).bind(upload_id).fetch_optional(&self.database.reader).await?;
        let Some(row) = row else { return Ok(false) };
        // Also a sealed one: its file may not have been moved yet.
        Ok(row.try_get::<i16, _>("state")? == OPEN)
    }
}

/// Marks an upload as complete; says whether it was open.
pub(super) async fn complete(
    transaction: &mut Transaction,
    upload_id: Uuid,
    dataset_id: Uuid,
    forget_micros: i64,
) -> Result<bool, DatasetError> {
    let sql = "UPDATE upload SET state = $2, dataset_id = $3, expire_time = $4 WHERE upload_id = $1 AND state = 1";
    let query = sqlx::query(sql).bind(upload_id).bind(COMPLETE).bind(dataset_id).bind(forget_micros);
    Ok(query.execute(transaction).await?.rows_affected() == 1)
}

pub(super) async fn one(executor: impl Executor<'_>, user_id: Uuid, upload_id: Uuid) -> Result<Upload, DatasetError> {
    let sql = "SELECT * FROM upload WHERE upload_id = $1 AND user_id = $2";
    let row = sqlx::query(sql).bind(upload_id).bind(user_id).fetch_optional(executor).await?;
    upload(&row.ok_or(DatasetError::NotFound)?)
}

/// Counts the size, if there is room: one statement, so that two at once cannot both take the last of it.
async fn reserve(transaction: &mut Transaction, new: &NewUpload, limits: UploadLimits) -> Result<bool, DatasetError> {
    let sql = "INSERT INTO dataset_usage (user_id, used_bytes, dataset_count, open_upload_count)
        VALUES ($1, 0, 0, 0) ON CONFLICT (user_id) DO NOTHING";
    sqlx::query(sql).bind(new.user_id).execute(&mut *transaction).await?;
    let sql = "UPDATE dataset_usage SET used_bytes = used_bytes + $2, open_upload_count = open_upload_count + 1
        WHERE user_id = $1 AND used_bytes + $2 <= $3 AND open_upload_count < $4";
    let query = sqlx::query(sql)
        .bind(new.user_id)
        .bind(stored(new.size_bytes))
        .bind(stored(limits.quota_bytes))
        .bind(i64::from(limits.open_uploads_max));
    Ok(query.execute(transaction).await?.rows_affected() == 1)
}

async fn insert(transaction: &mut Transaction, new: &NewUpload) -> Result<(), DatasetError> {
    let sql = "INSERT INTO upload (upload_id, user_id, file_name, size_bytes, sha256, state, expire_time)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    sqlx::query(sql)
        .bind(new.upload_id)
        .bind(new.user_id)
        .bind(&new.file_name)
        .bind(stored(new.size_bytes))
        .bind(new.declared.map(|sum| sum.to_string()))
        .bind(OPEN)
        .bind(new.expire_micros)
        .execute(transaction)
        .await?;
    Ok(())
}

fn upload(row: &Row) -> Result<Upload, DatasetError> {
    let sum = |column: &str| -> Result<Option<ContentId>, DatasetError> {
        row.try_get::<Option<String>, _>(column)?.as_deref().map(super::content).transpose()
    };
    let state = match (row.try_get::<i16, _>("state")?, row.try_get::<Option<Uuid>, _>("dataset_id")?) {
        (OPEN, _) => UploadState::Open,
        (COMPLETE, Some(dataset_id)) => UploadState::Complete(dataset_id),
        (CANCELLED, _) => UploadState::Cancelled,
        _ => return Err(super::broken("state")),
    };
    Ok(Upload {
        upload_id: row.try_get("upload_id")?,
        user_id: row.try_get("user_id")?,
        file_name: row.try_get("file_name")?,
        size_bytes: read(row.try_get("size_bytes")?),
        declared: sum("sha256")?,
        content: sum("content")?,
        state,
        expire_micros: row.try_get("expire_time")?,
    })
}

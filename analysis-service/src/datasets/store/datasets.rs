//! Rows of datasets, and the counters that change with them.

use std::sync::Arc;

use fenxi_chassis::sqlite::{Executor, Row, Transaction};
use sqlx::Row as _;
use uuid::Uuid;

use super::{Store, content, contents, read, requests, stored, uploads};
use crate::{
    datasets::{
        error::DatasetError,
        model::{Dataset, RequestId, UploadState},
    },
    objects::ContentId,
};

/// All but the columns, which can be large.
const LISTED: &str = "SELECT d.*, p.row_count, p.column_count, p.options, p.warnings
    FROM dataset d JOIN parsed_table p ON p.table_id = d.table_id
    WHERE d.user_id = $1 AND d.dataset_id < $2 AND d.name_folded LIKE $3 || '' ESCAPE '\\'
    ORDER BY d.dataset_id DESC LIMIT $4 + 0";
const LISTED_ONE: &str = "SELECT d.*, p.row_count, p.column_count, p.options, p.warnings
    FROM dataset d JOIN parsed_table p ON p.table_id = d.table_id WHERE d.user_id = $1 AND d.dataset_id = $2";
const WHOLE: &str = "SELECT d.*, p.row_count, p.column_count, p.options, p.warnings, p.columns
    FROM dataset d JOIN parsed_table p ON p.table_id = d.table_id WHERE d.user_id = $1 AND d.dataset_id = $2";

/// A dataset to be made from an upload.
#[derive(Clone, Debug)]
pub(in crate::datasets) struct NewDataset {
    pub(in crate::datasets) dataset_id: Uuid,
    pub(in crate::datasets) user_id: Uuid,
    pub(in crate::datasets) upload_id: Uuid,
    pub(in crate::datasets) name: String,
    pub(in crate::datasets) file_name: String,
    pub(in crate::datasets) content: ContentId,
    pub(in crate::datasets) size_bytes: u64,
    pub(in crate::datasets) table_id: ContentId,
    pub(in crate::datasets) create_micros: i64,
    /// When the upload's row may be forgotten.
    pub(in crate::datasets) forget_micros: i64,
}

/// What a user has.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::datasets) struct Usage {
    pub(in crate::datasets) used_bytes: u64,
    pub(in crate::datasets) dataset_count: u64,
    pub(in crate::datasets) open_upload_count: u64,
}

impl Usage {
    pub(super) async fn of(executor: impl Executor<'_>, user_id: Uuid) -> Result<Self, DatasetError> {
        let sql = "SELECT used_bytes, dataset_count, open_upload_count FROM dataset_usage WHERE user_id = $1";
        let row = sqlx::query(sql).bind(user_id).fetch_optional(executor).await?;
        let Some(row) = row else { return Ok(Self::default()) };
        Ok(Self {
            used_bytes: read(row.try_get("used_bytes")?),
            dataset_count: read(row.try_get("dataset_count")?),
            open_upload_count: read(row.try_get("open_upload_count")?),
        })
    }
}

impl Store {
    /// Makes the dataset of an upload and closes that, once; gives the id of the one that the upload became.
    pub(in crate::datasets) async fn create_dataset(
        &self,
        new: NewDataset,
        request: RequestId,
    ) -> Result<Uuid, DatasetError> {
        let write = self.database.writer.write(move |transaction| {
            Box::pin(async move {
                if let Some(dataset_id) = requests::earlier(transaction, new.user_id, Some(request)).await? {
                    return Ok(dataset_id);
                }
                let closed = uploads::complete(transaction, new.upload_id, new.dataset_id, new.forget_micros).await?;
                if !closed {
                    let upload = uploads::one(&mut *transaction, new.user_id, new.upload_id).await?;
                    let UploadState::Complete(dataset_id) = upload.state else {
                        return Err(DatasetError::Closed("cancelled"));
                    };
                    requests::done(transaction, new.user_id, Some(request), dataset_id, new.create_micros).await?;
                    return Ok(dataset_id);
                }
                insert(transaction, &new).await?;
                count_new(transaction, &new).await?;
                requests::done(transaction, new.user_id, Some(request), new.dataset_id, new.create_micros).await?;
                Ok::<_, DatasetError>(new.dataset_id)
            })
        });
        write.await
    }

    /// One dataset with its columns.
    pub(in crate::datasets) async fn dataset(&self, user_id: Uuid, dataset_id: Uuid) -> Result<Dataset, DatasetError> {
        let query = sqlx::query(WHOLE).bind(user_id).bind(dataset_id);
        let row = query.fetch_optional(&self.database.reader).await?;
        contents::whole(row.ok_or(DatasetError::NotFound)?, |row| dataset(row, true)).await
    }

    /// One dataset without its columns.
    pub(in crate::datasets) async fn brief(&self, user_id: Uuid, dataset_id: Uuid) -> Result<Dataset, DatasetError> {
        let query = sqlx::query(LISTED_ONE).bind(user_id).bind(dataset_id);
        let row = query.fetch_optional(&self.database.reader).await?;
        dataset(&row.ok_or(DatasetError::NotFound)?, false)
    }

    /// The user's datasets before one, newest first, whose folded name contains `query`; and what the user has.
    pub(in crate::datasets) async fn datasets(
        &self,
        user_id: Uuid,
        before: Uuid,
        query: &str,
        count_max: u32,
    ) -> Result<(Vec<Dataset>, Usage), DatasetError> {
        let rows = sqlx::query(LISTED)
            .bind(user_id)
            .bind(before)
            .bind(format!("%{}%", literal(query)))
            .bind(i64::from(count_max))
            .fetch_all(&self.database.reader)
            .await?;
        let datasets = rows.iter().map(|row| dataset(row, false)).collect::<Result<_, DatasetError>>()?;
        Ok((datasets, Usage::of(&self.database.reader, user_id).await?))
    }

    /// Gives a dataset another name.
    pub(in crate::datasets) async fn rename_dataset(
        &self,
        user_id: Uuid,
        dataset_id: Uuid,
        name: String,
        request: Option<RequestId>,
        now_micros: i64,
    ) -> Result<(), DatasetError> {
        let write = self.database.writer.write(move |transaction| {
            Box::pin(async move {
                if requests::earlier(transaction, user_id, request).await?.is_some() {
                    return Ok(());
                }
                let sql = "UPDATE dataset SET name = $3, name_folded = $4 WHERE user_id = $1 AND dataset_id = $2";
                let query = sqlx::query(sql).bind(user_id).bind(dataset_id).bind(&name).bind(name.to_lowercase());
                if query.execute(&mut *transaction).await?.rows_affected() == 0 {
                    return Err(DatasetError::NotFound);
                }
                requests::done(transaction, user_id, request, dataset_id, now_micros).await
            })
        });
        write.await
    }

    /// Deletes a dataset. What nothing refers to any more becomes an orphan.
    pub(in crate::datasets) async fn delete_dataset(
        &self,
        user_id: Uuid,
        dataset_id: Uuid,
        request: Option<RequestId>,
        now_micros: i64,
    ) -> Result<(), DatasetError> {
        let write = self.database.writer.write(move |transaction| {
            Box::pin(async move {
                if requests::earlier(transaction, user_id, request).await?.is_some() {
                    return Ok(());
                }
                let sql = "DELETE FROM dataset WHERE user_id = $1 AND dataset_id = $2 RETURNING sha256, size_bytes";
                let row = sqlx::query(sql).bind(user_id).bind(dataset_id).fetch_optional(&mut *transaction).await?;
                let row = row.ok_or(DatasetError::NotFound)?;
                let sum: String = row.try_get("sha256")?;
                let is_last = release(transaction, user_id, &sum).await?;
                let freed_bytes: i64 = if is_last { row.try_get("size_bytes")? } else { 0 };
                count(transaction, user_id, -freed_bytes, -1, 0).await?;
                contents::release(transaction, content(&sum)?, now_micros).await?;
                requests::done(transaction, user_id, request, dataset_id, now_micros).await
            })
        });
        write.await
    }
}

async fn insert(transaction: &mut Transaction, new: &NewDataset) -> Result<(), DatasetError> {
    let sql = "INSERT INTO dataset
        (user_id, dataset_id, name, name_folded, file_name, sha256, size_bytes, table_id, create_time)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    sqlx::query(sql)
        .bind(new.user_id)
        .bind(new.dataset_id)
        .bind(&new.name)
        .bind(new.name.to_lowercase())
        .bind(&new.file_name)
        .bind(new.content.to_string())
        .bind(stored(new.size_bytes))
        .bind(new.table_id.to_string())
        .bind(new.create_micros)
        .execute(transaction)
        .await?;
    Ok(())
}

/// The upload's reservation becomes the dataset's; it is given back where the user has this content already.
async fn count_new(transaction: &mut Transaction, new: &NewDataset) -> Result<(), DatasetError> {
    let sql = "INSERT INTO user_content (user_id, sha256, reference_count) VALUES ($1, $2, 1)
        ON CONFLICT (user_id, sha256) DO UPDATE SET reference_count = user_content.reference_count + 1
        RETURNING reference_count";
    let query = sqlx::query(sql).bind(new.user_id).bind(new.content.to_string());
    let is_first = query.fetch_one(&mut *transaction).await?.try_get::<i64, _>("reference_count")? == 1;
    let given_back = if is_first { 0 } else { stored(new.size_bytes) };
    count(transaction, new.user_id, -given_back, 1, -1).await
}

/// One dataset less of the user's has this content; says whether it was the last.
async fn release(transaction: &mut Transaction, user_id: Uuid, sum: &str) -> Result<bool, DatasetError> {
    let sql = "UPDATE user_content SET reference_count = reference_count - 1
        WHERE user_id = $1 AND sha256 = $2 RETURNING reference_count";
    let row = sqlx::query(sql).bind(user_id).bind(sum).fetch_one(&mut *transaction).await?;
    if row.try_get::<i64, _>("reference_count")? > 0 {
        return Ok(false);
    }
    let sql = "DELETE FROM user_content WHERE user_id = $1 AND sha256 = $2";
    sqlx::query(sql).bind(user_id).bind(sum).execute(transaction).await?;
    Ok(true)
}

async fn count(
    transaction: &mut Transaction,
    user_id: Uuid,
    bytes: i64,
    datasets: i64,
    open_uploads: i64,
) -> Result<(), DatasetError> {
    let sql = "UPDATE dataset_usage SET used_bytes = used_bytes + $2, dataset_count = dataset_count + $3,
        open_upload_count = open_upload_count + $4 WHERE user_id = $1";
    let query = sqlx::query(sql).bind(user_id).bind(bytes).bind(datasets).bind(open_uploads);
    query.execute(transaction).await?;
    Ok(())
}

/// A text for LIKE that means itself.
fn literal(text: &str) -> String {
    let mut literal = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            literal.push('\\');
        }
        literal.push(c);
    }
    literal
}

fn dataset(row: &Row, with_columns: bool) -> Result<Dataset, DatasetError> {
    Ok(Dataset {
        dataset_id: row.try_get("dataset_id")?,
        name: row.try_get("name")?,
        file_name: row.try_get("file_name")?,
        content: content(row.try_get("sha256")?)?,
        size_bytes: read(row.try_get("size_bytes")?),
        create_micros: row.try_get("create_time")?,
        table: Arc::new(contents::table(row, with_columns)?),
    })
}

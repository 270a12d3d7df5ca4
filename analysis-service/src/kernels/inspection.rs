//! Looking into a kernel without running code in it: what is asked, and its answers as the contract's messages. The
//! kernel's side is `fenxi_kernel.inspection`; what it answers is bounded there, and once more here, because a kernel is
//! its user's: whatever it answers becomes a message or an error, never a panic.

mod otherwise;

use bytes::Bytes;
use fenxi_proto::analysis::v1::{
    ColumnSlice, ColumnType, CompleteCodeResponse, Completion, InspectCodeResponse, ListVariablesResponse, MimeBundle,
    MimePart, PreviewVariableResponse, TableSlice, Variable, VariableColumn, VariableKind, VariablePage,
    mime_part::Content, preview_variable_response::Value,
};
use serde::{Deserialize, de::DeserializeOwned};

use super::{connection::LARGE_MESSAGE_BYTES, driver::KernelHandle, model::KernelError};
use crate::datasets::Window;

const KIND: &str = "fenxi_inspection_request";

/// Bytes of an answer.
const ANSWER_MAX_BYTES: usize = 8 << 20;
/// Completions of an answer.
const COMPLETIONS_MAX: usize = 200;
/// Variables of an answer.
const VARIABLES_MAX: usize = 500;
/// Columns of one variable, and of a page.
const COLUMNS_MAX: usize = 20_000;

#[derive(Deserialize)]
struct Status {
    status: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    text: String,
}

#[derive(Deserialize)]
struct Completed {
    completions: Vec<CompletionIn>,
    replace_start: i32,
    replace_end: i32,
    more: bool,
}

#[derive(Deserialize)]
struct CompletionIn {
    text: String,
    r#type: String,
}

#[derive(Deserialize)]
struct Explained {
    found: bool,
    text: String,
}

#[derive(Deserialize)]
struct Listed {
    variables: Vec<VariableIn>,
    more: bool,
}

#[derive(Deserialize)]
struct VariableIn {
    name: String,
    r#type: String,
    kind: String,
    row_count: Option<i64>,
    column_count: Option<i32>,
    #[serde(default)]
    columns: Vec<ColumnIn>,
    #[serde(default)]
    shape: Vec<i64>,
    #[serde(default)]
    dtype: String,
    length: Option<i64>,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    summary_error: String,
    size_bytes: Option<i64>,
}

#[derive(Deserialize)]
struct ColumnIn {
    name: String,
    dtype: String,
    r#type: String,
    #[serde(default)]
    values: Vec<String>,
    #[serde(default)]
    missing_rows: Vec<i32>,
}

#[derive(Deserialize)]
struct Previewed {
    r#type: String,
    kind: String,
    page: Option<PageIn>,
    text: Option<String>,
}

#[derive(Deserialize)]
struct PageIn {
    row_offset: i64,
    row_count: i32,
    columns: Vec<ColumnIn>,
    labels: Option<ColumnIn>,
    total_rows: i64,
    total_columns: i32,
}

impl KernelHandle {
    /// What may stand at the cursor, which is counted in code points.
    ///
    /// # Errors
    /// The kernel is dead, is asked too much, does not answer in time, or its code failed.
    pub async fn complete(&self, code: &str, cursor: u32) -> Result<CompleteCodeResponse, KernelError> {
        if !self.snapshot().is_built_in() {
            return self.complete_otherwise(code, cursor).await;
        }
        let question = serde_json::json!({ "op": "complete", "code": code, "cursor": cursor });
        let answer: Completed = self.look("", question).await?;
        let completions = answer.completions.into_iter().take(COMPLETIONS_MAX);
        let completions = completions.map(|each| Completion { text: each.text, r#type: each.r#type }).collect();
        Ok(CompleteCodeResponse {
            completions,
            replace_start: answer.replace_start,
            replace_end: answer.replace_end,
            more: answer.more,
        })
    }

    /// What the name at the cursor is.
    ///
    /// # Errors
    /// As [`Self::complete`].
    pub async fn explain(
        &self,
        code: &str,
        cursor: u32,
        with_source: bool,
    ) -> Result<InspectCodeResponse, KernelError> {
        if !self.snapshot().is_built_in() {
            return self.explain_otherwise(code, cursor, with_source).await;
        }
        let question =
            serde_json::json!({ "op": "explain", "code": code, "cursor": cursor, "with_source": with_source });
        let answer: Explained = self.look("", question).await?;
        Ok(InspectCodeResponse { found: answer.found, bundle: answer.found.then(|| plain(answer.text)) })
    }

    /// The variables that code made.
    ///
    /// # Errors
    /// As [`Self::complete`].
    pub async fn variables(&self) -> Result<ListVariablesResponse, KernelError> {
        let answer: Listed = self.look("", serde_json::json!({ "op": "variables" })).await?;
        let more = answer.more || answer.variables.len() > VARIABLES_MAX;
        Ok(ListVariablesResponse {
            variables: answer.variables.into_iter().take(VARIABLES_MAX).map(variable).collect(),
            more,
        })
    }

    /// A variable's value.
    ///
    /// # Errors
    /// As [`Self::complete`]; there is no such variable, or it raised.
    pub async fn preview(&self, name: &str, window: Window) -> Result<PreviewVariableResponse, KernelError> {
        let question = serde_json::json!({
            "op": "preview", "name": name, "row_offset": window.row_offset, "row_count": window.row_count,
            "column_offset": window.column_offset, "column_count": window.column_count,
        });
        let answer: Previewed = self.look(name, question).await?;
        let value = match (answer.page, answer.text) {
            (Some(answered), _) => Value::Page(page(answered).ok_or(KernelError::AnswerUnreadable)?),
            (None, Some(text)) => Value::Bundle(plain(text)),
            (None, None) => return Err(KernelError::AnswerUnreadable),
        };
        Ok(PreviewVariableResponse { r#type: answer.r#type, kind: kind(&answer.kind).into(), value: Some(value) })
    }

    /// Asks, and reads the answer; a large one on a thread where that blocks nobody.
    async fn look<T: DeserializeOwned + Send + 'static>(
        &self,
        name: &str,
        question: serde_json::Value,
    ) -> Result<T, KernelError> {
        let kernel = self.snapshot();
        if !kernel.is_built_in() {
            let why = "only the built-in kernel's variables can be looked at";
            return Err(KernelError::NotInspectable { name: kernel.kernel_spec.clone(), why });
        }
        let answer = self.ask(KIND, question).await?;
        let name = name.to_owned();
        if answer.len() < LARGE_MESSAGE_BYTES {
            return read(&answer, name);
        }
        let read = tokio::task::spawn_blocking(move || read(&answer, name)).await;
        read.unwrap_or(Err(KernelError::AnswerUnreadable))
    }
}

fn read<T: DeserializeOwned>(answer: &Bytes, name: String) -> Result<T, KernelError> {
    if answer.len() > ANSWER_MAX_BYTES {
        return Err(KernelError::AnswerUnreadable);
    }
    // Texts may have half of a character in them, as broken file names have it.
    let text = String::from_utf8_lossy(answer);
    let unreadable = |error: serde_json::Error| {
        tracing::debug!(%error, "a kernel's answer cannot be read");
        KernelError::AnswerUnreadable
    };
    let status: Status = serde_json::from_str(&text).map_err(unreadable)?;
    if status.status == "ok" {
        return serde_json::from_str(&text).map_err(unreadable);
    }
    let mut why = status.text;
    why.truncate(why.floor_char_boundary(WHY_MAX_BYTES));
    Err(match status.reason.as_str() {
        "timeout" => KernelError::AskTimeout { why },
        "busy" => KernelError::AskedTooMuch { why },
        "not_found" => KernelError::NoVariable { name },
        // Such as at its limit of processes, where it can start no thread.
        "raised" | "failed" => KernelError::ValueRaised { why },
        _ => KernelError::AnswerUnreadable,
    })
}

/// Bytes of what a kernel says went wrong.
const WHY_MAX_BYTES: usize = 1_000;

fn plain(text: String) -> MimeBundle {
    let part = MimePart { mime_type: "text/plain".into(), content: Some(Content::Text(text)) };
    MimeBundle { parts: vec![part], metadata_json: String::new() }
}

fn variable(given: VariableIn) -> Variable {
    Variable {
        kind: kind(&given.kind).into(),
        name: given.name,
        r#type: given.r#type,
        row_count: given.row_count,
        column_count: given.column_count,
        columns: given.columns.iter().take(COLUMNS_MAX).map(column).collect(),
        shape: given.shape,
        dtype: given.dtype,
        length: given.length,
        summary: given.summary,
        summary_error: given.summary_error,
        size_bytes: given.size_bytes,
    }
}

fn kind(name: &str) -> VariableKind {
    match name {
        "TABLE" => VariableKind::Table,
        "ARRAY" => VariableKind::Array,
        "CALLABLE" => VariableKind::Callable,
        _ => VariableKind::Value,
    }
}

fn column(given: &ColumnIn) -> VariableColumn {
    VariableColumn { name: given.name.clone(), dtype: given.dtype.clone(), r#type: column_type(&given.r#type).into() }
}

fn column_type(name: &str) -> ColumnType {
    ColumnType::from_str_name(&format!("COLUMN_TYPE_{name}")).unwrap_or(ColumnType::Text)
}

/// A page, if every column of it has its cells.
fn page(given: PageIn) -> Option<VariablePage> {
    let rows = usize::try_from(given.row_count).ok()?;
    let whole = |column: &ColumnIn| {
        let inside = |row: &i32| (0..given.row_count).contains(row);
        column.values.len() == rows && column.missing_rows.iter().all(inside)
    };
    let all = given.columns.iter().chain(&given.labels);
    if given.columns.len() > COLUMNS_MAX || !{ all }.all(whole) {
        return None;
    }
    Some(VariablePage {
        columns: given.columns.iter().map(column).collect(),
        slice: Some(TableSlice {
            columns: given.columns.into_iter().map(cells).collect(),
            row_offset: given.row_offset,
            row_count: given.row_count,
        }),
        labels: given.labels.map(cells),
        total_rows: given.total_rows,
        total_columns: given.total_columns,
    })
}

fn cells(given: ColumnIn) -> ColumnSlice {
    ColumnSlice {
        r#type: column_type(&given.r#type).into(),
        name: given.name,
        values: given.values,
        missing_rows: given.missing_rows,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading<T: DeserializeOwned>(answer: &str) -> Result<T, KernelError> {
        read(&Bytes::from(answer.to_owned()), "x".into())
    }

    #[test]
    fn nonsense_becomes_an_error() {
        for answer in ["", "null", "[]", "{", "{}", r#"{"status":"ok"}"#, r#"{"status":"ok","variables":7,"more":0}"#] {
            assert!(matches!(reading::<Listed>(answer), Err(KernelError::AnswerUnreadable)), "{answer}");
        }
        let long = format!(r#"{{"status":"ok","variables":[],"more":false,"pad":"{}"}}"#, "x".repeat(ANSWER_MAX_BYTES));
        assert!(matches!(reading::<Listed>(&long), Err(KernelError::AnswerUnreadable)));
        assert!(reading::<Listed>(r#"{"status":"ok","variables":[],"more":false}"#).is_ok());
    }

    #[test]
    fn reasons_have_their_errors() {
        let failed =
            |reason: &str| reading::<Listed>(&format!(r#"{{"status":"error","reason":"{reason}","text":"t"}}"#));
        assert!(matches!(failed("timeout"), Err(KernelError::AskTimeout { why }) if why == "t"));
        assert!(matches!(failed("busy"), Err(KernelError::AskedTooMuch { .. })));
        assert!(matches!(failed("not_found"), Err(KernelError::NoVariable { name }) if name == "x"));
        assert!(matches!(failed("raised"), Err(KernelError::ValueRaised { .. })));
        assert!(matches!(failed("failed"), Err(KernelError::ValueRaised { why }) if why == "t"));
        assert!(matches!(failed("knife"), Err(KernelError::AnswerUnreadable)));
    }

    #[test]
    fn a_page_with_cells_missing_is_none() {
        let column = |values: &[&str], missing_rows: &[i32]| ColumnIn {
            name: "a".into(),
            dtype: "int64".into(),
            r#type: "INTEGER".into(),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
            missing_rows: missing_rows.to_vec(),
        };
        let page_of = |columns: Vec<ColumnIn>, row_count| {
            page(PageIn { row_offset: 0, row_count, columns, labels: None, total_rows: 9, total_columns: 1 })
        };
        let whole = page_of(vec![column(&["1", ""], &[1])], 2).expect("a page");
        assert_eq!(whole.columns.first().map(VariableColumn::r#type), Some(ColumnType::Integer));
        assert!(page_of(vec![column(&["1"], &[])], 2).is_none());
        assert!(page_of(vec![column(&["1"], &[1])], 1).is_none());
        assert!(page_of(vec![], -1).is_none());
    }
}

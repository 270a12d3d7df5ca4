//! Completion and documentation from kernels of other kinds, as every Jupyter kernel gives them: on the shell channel, so
//! only while they run nothing (jupyter-client.readthedocs.io, "Completion" and "Introspection").

use bytes::Bytes;
use fenxi_proto::analysis::v1::{CompleteCodeResponse, Completion, InspectCodeResponse};
use serde::{Deserialize, de::DeserializeOwned};

use super::{ANSWER_MAX_BYTES, COMPLETIONS_MAX, plain};
use crate::kernels::{driver::KernelHandle, model::KernelError};

#[derive(Deserialize)]
struct Completed {
    matches: Vec<String>,
    cursor_start: i32,
    cursor_end: i32,
}

#[derive(Deserialize)]
struct Explained {
    found: bool,
    #[serde(default)]
    data: serde_json::Map<String, serde_json::Value>,
}

impl KernelHandle {
    /// As `complete`.
    pub(super) async fn complete_otherwise(
        &self,
        code: &str,
        cursor: u32,
    ) -> Result<CompleteCodeResponse, KernelError> {
        let question = serde_json::json!({ "code": code, "cursor_pos": cursor });
        let answer: Completed = read(&self.ask_idle("complete_request", question).await?)?;
        let more = answer.matches.len() > COMPLETIONS_MAX;
        let completions = answer.matches.into_iter().take(COMPLETIONS_MAX);
        Ok(CompleteCodeResponse {
            completions: completions.map(|text| Completion { text, r#type: String::new() }).collect(),
            replace_start: answer.cursor_start,
            replace_end: answer.cursor_end,
            more,
        })
    }

    /// As `explain`.
    pub(super) async fn explain_otherwise(
        &self,
        code: &str,
        cursor: u32,
        with_source: bool,
    ) -> Result<InspectCodeResponse, KernelError> {
        let question =
            serde_json::json!({ "code": code, "cursor_pos": cursor, "detail_level": i32::from(with_source) });
        let answer: Explained = read(&self.ask_idle("inspect_request", question).await?)?;
        let text = answer.data.get("text/plain").and_then(serde_json::Value::as_str).unwrap_or_default();
        Ok(InspectCodeResponse { found: answer.found, bundle: answer.found.then(|| plain(text.to_owned())) })
    }
}

fn read<T: DeserializeOwned>(answer: &Bytes) -> Result<T, KernelError> {
    if answer.len() > ANSWER_MAX_BYTES {
        return Err(KernelError::AnswerUnreadable);
    }
    serde_json::from_slice(answer).map_err(|error| {
        tracing::debug!(%error, "a kernel's answer cannot be read");
        KernelError::AnswerUnreadable
    })
}

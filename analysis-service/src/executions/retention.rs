//! What is old goes: logs and contents of executions that ended longer ago than the operator keeps them. The rows of
//! executions stay, so that a repeated request is known for ever. The history has its own copy of what was said; the
//! contents that it refers to are these, so that they are kept for ever unless the operator says otherwise.

use std::{collections::BTreeSet, time::Duration};

use fenxi_chassis::{clock::micros, lifecycle::Lifecycle};
use uuid::Uuid;

use super::{
    ExecutionError, Executions, Settings,
    limits::REQUESTS_KEPT,
    store::{LogPlace, StoreError},
};
use crate::objects::ContentId;

/// How often it is looked for what is old.
const SWEEP_EVERY: Duration = Duration::from_secs(3600);
/// Logs, or references to contents, that are removed in one step.
const STEP_ROWS: i64 = 100;
const DAY: Duration = Duration::from_secs(86_400);

/// How long things are kept; `None`: for ever.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keep {
    logs: Option<Duration>,
    contents: Option<Duration>,
}

impl Keep {
    pub(super) fn new(settings: &Settings) -> Self {
        let days = |days: u32| (days > 0).then(|| DAY.saturating_mul(days));
        Self { logs: days(settings.execution_log_keep_days), contents: days(settings.execution_content_keep_days) }
    }
}

/// What a sweep removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Logs.
    pub logs: usize,
    /// Contents.
    pub contents: usize,
}

impl Executions {
    /// Sweeps now and every hour, until the process is to stop.
    pub(super) async fn keep_tidy(self, lifecycle: Lifecycle) {
        let token = lifecycle.token();
        let sweeps = async {
            loop {
                match self.sweep().await {
                    Ok(Swept { logs: 0, contents: 0 }) => {}
                    Ok(Swept { logs, contents }) => {
                        tracing::info!(logs, contents, "old logs and contents were removed");
                    }
                    Err(error) => tracing::error!(%error, "old logs and contents cannot be removed"),
                }
                tokio::time::sleep(SWEEP_EVERY).await;
            }
        };
        token.run_until_cancelled(sweeps).await;
    }

    /// Removes what is old, step by step.
    ///
    /// # Errors
    /// The database or the disk does not let it; what was removed stays removed.
    pub async fn sweep(&self) -> Result<Swept, ExecutionError> {
        let now = self.desk.clock.now_micros();
        let before = |kept: Duration| now.saturating_sub(micros(kept));
        let mut swept = Swept::default();
        self.store.forget_requests(before(REQUESTS_KEPT)).await?;
        if let Some(time) = self.keep.logs.map(before) {
            loop {
                let old = self.store.logs_before(time, STEP_ROWS).await?;
                if old.is_empty() {
                    break;
                }
                swept.logs += old.len();
                self.remove_logs(old).await?;
            }
        }
        if let Some(time) = self.keep.contents.map(before) {
            loop {
                let old = self.store.contents_before(time, STEP_ROWS).await?;
                if old.is_empty() {
                    break;
                }
                swept.contents += self.remove_contents(old).await?;
            }
        }
        Ok(swept)
    }

    /// Files first: a row that says where a log is, and is wrong, is mended by the next sweep.
    async fn remove_logs(&self, old: Vec<(Uuid, LogPlace)>) -> Result<(), ExecutionError> {
        let files: Vec<_> = old.iter().filter(|(_, place)| *place == LogPlace::File).map(|(id, _)| *id).collect();
        if !files.is_empty() {
            let folder = self.folder.clone();
            let removal = move || files.into_iter().try_for_each(|id| folder.remove_ended(id));
            tokio::task::spawn_blocking(removal).await.map_err(std::io::Error::other)??;
        }
        Ok(self.store.remove_logs(old.into_iter().map(|(id, _)| id).collect()).await?)
    }

    /// Removes the contents that only these executions refer to, and the references. Gives how many contents went.
    async fn remove_contents(&self, old: Vec<(Uuid, ContentId)>) -> Result<usize, ExecutionError> {
        let ids: BTreeSet<ContentId> = old.iter().map(|(_, content)| *content).collect();
        let executions: Vec<Uuid> = old.iter().map(|(execution, _)| *execution).collect();
        let mut removed = 0;
        for content in ids {
            let needed = async {
                let live = self.lives.those(|live| live.refers_to(content));
                Ok::<_, StoreError>(!live.is_empty() || self.store.is_kept(content, &executions).await?)
            };
            removed += usize::from(self.desk.contents.remove_unless(content, needed).await?);
        }
        self.store.remove_references(old).await?;
        Ok(removed)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use fenxi_proto::analysis::v1::{DisplayEvent, MimeBundle, MimePart, mime_part::Content, output_event::Event};

    use super::*;
    use crate::executions::{
        LogWriter, View,
        test_events::{finished, stdout},
        test_house::{House, USER, settings},
    };

    async fn show(log: &mut LogWriter, bytes: &Bytes) {
        let part = MimePart { mime_type: "image/png".into(), content: Some(Content::Data(bytes.clone())) };
        let bundle = MimeBundle { parts: vec![part], metadata_json: String::new() };
        log.append(Event::Display(DisplayEvent { bundle: Some(bundle), display_id: String::new() })).await;
    }

    async fn end(house: &House, view: &View, log: LogWriter) {
        log.finish(finished()).await;
        house.until_saved(view).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_old_goes_and_what_is_shared_or_new_stays() {
        let kept = Settings { execution_log_keep_days: 10, execution_content_keep_days: 20, ..settings() };
        let house = House::with(&kept).await;
        let (shared, own) = (Bytes::from(vec![1; 100_000]), Bytes::from(vec![2; 100_000]));
        let (old, mut log) = house.accept("old").await;
        show(&mut log, &shared).await;
        show(&mut log, &own).await;
        log.append(stdout(&"x".repeat(100_000))).await;
        end(&house, &old, log).await;
        house.clock.advance(DAY * 11);
        let (small, log) = house.accept("small").await;
        end(&house, &small, log).await;

        assert_eq!(house.executions.sweep().await.expect("swept"), Swept { logs: 1, contents: 0 });
        let id = old.accepted.execution_id;
        let refused = house.executions.read(USER, id, 0).await;
        assert!(matches!(refused, Err(ExecutionError::LogRemoved)));
        assert!(house.executions.get(USER, id).await.is_ok(), "the execution itself stays");
        house.executions.check_content(USER, id, ContentId::of(&own)).await.expect("kept longer than the log");

        house.clock.advance(DAY * 10);
        let (running, mut log) = house.accept("running").await;
        show(&mut log, &shared).await;
        let swept = house.executions.sweep().await.expect("swept");
        assert_eq!(swept, Swept { logs: 0, contents: 1 }, "only what nobody refers to goes");
        let gone = house.executions.read_content(ContentId::of(&own), 0, 1).await;
        assert!(matches!(gone, Err(ExecutionError::NotFound)));
        let refused = house.executions.check_content(USER, id, ContentId::of(&shared)).await;
        assert!(matches!(refused, Err(ExecutionError::NotFound)));
        house.executions.read_content(ContentId::of(&shared), 0, 1).await.expect("still referred to");
        end(&house, &running, log).await;
        assert_eq!(house.events(&small, 0).await.len(), 2);
        let files = std::fs::read_dir(house.folder.path().join("executions/ended")).expect("a folder");
        let left: usize =
            files.map(|dir| std::fs::read_dir(dir.expect("there").path()).expect("a folder").count()).sum();
        assert_eq!(left, 0, "the file of a removed log is left");
    }
}

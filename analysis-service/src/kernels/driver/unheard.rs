//! What the execution that ran had printed when its kernel ended, and nobody had heard: it follows from the kernel's own
//! file (`said`), behind all that came by the sockets.

use fenxi_proto::analysis::v1::{StreamEvent, TruncatedEvent, output_event::Event};

use super::{
    Driver,
    run::{Running, signed},
};
use crate::{
    executions::Moment,
    kernels::{
        connection::Memo,
        said::{STREAMS, Said, Unheard},
    },
};

impl Driver {
    /// Takes in what the process had begun and printed before its end.
    pub(super) async fn hear_unsent(&mut self) {
        let Some(live) = &self.live else { return };
        let prefix = live.launched.endpoint.prefix.clone();
        // A service of an earlier version, or under a supervisor of one, does not tell how much it heard.
        let Some(running) = self.running.as_mut().filter(|running| running.memo.through.is_some()) else { return };
        let Ok(Some(said)) = tokio::task::spawn_blocking(move || Said::read(&prefix)).await else { return };
        if said.execution_id == running.id {
            running.hear_unsent(&said).await;
        }
    }
}

impl Running {
    async fn hear_unsent(&mut self, said: &Said) {
        if !self.started {
            self.begin(Some(said.execution_count), Moment::default()).await;
        }
        let heards = [self.memo.stdout_bytes, self.memo.stderr_bytes];
        for ((number, name), heard) in STREAMS.into_iter().enumerate().zip(heards) {
            let Some(Unheard { text, lost_bytes }) = said.beyond(number, heard) else { continue };
            if lost_bytes > 0 {
                let marker = TruncatedEvent { dropped_bytes: signed(lost_bytes), ..TruncatedEvent::default() };
                self.work.log.append(Event::Truncated(marker)).await;
            }
            self.work.log.append(Event::Stream(StreamEvent { name: name.into(), text })).await;
        }
    }

    /// Counts what was heard of this execution's own output. What an earlier service had counted is heard again.
    pub(super) fn count(&mut self, event: &Event, number: u64) {
        let Event::Stream(stream) = event else { return };
        if self.memo.through.is_none_or(|through| number <= through) {
            return;
        }
        for (heard, name) in [&mut self.memo.stdout_bytes, &mut self.memo.stderr_bytes].into_iter().zip(STREAMS) {
            if stream.name == i32::from(name) {
                *heard += stream.text.len() as u64;
            }
        }
    }

    /// What a later service is to know when it is told that everything up to here need not be said again.
    pub(super) fn memo(&mut self, heard: u64) -> Memo {
        self.memo.through = self.memo.through.map(|through| through.max(heard));
        self.memo
    }
}

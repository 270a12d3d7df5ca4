//! What the execution that ran had printed when its kernel ended, and nobody had heard: it follows from the kernel's own
//! file (`said`), behind all that came by the sockets.

use fenxi_proto::analysis::v1::{StreamEvent, TruncatedEvent, output_event::Event};

use super::{
    Driver,
    run::{Running, signed},
};
use crate::{
    executions::Moment,
    kernels::said::{STREAMS, Said, Unheard},
};

impl Driver {
    /// Takes in what the process had begun and printed before its end.
    pub(super) async fn hear_unsent(&mut self) {
        let Some(live) = &self.live else { return };
        let prefix = live.launched.endpoint.prefix.clone();
        // How much of what an earlier service began was heard by that one is not known here.
        let Some(running) = self.running.as_mut().filter(|running| !running.is_resumed) else { return };
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
        for (number, name) in STREAMS.into_iter().enumerate() {
            let heard = self.heard_bytes.get(number).copied().unwrap_or_default();
            let Some(Unheard { text, lost_bytes }) = said.beyond(number, heard) else { continue };
            if lost_bytes > 0 {
                let marker = TruncatedEvent { dropped_bytes: signed(lost_bytes), ..TruncatedEvent::default() };
                self.work.log.append(Event::Truncated(marker)).await;
            }
            self.work.log.append(Event::Stream(StreamEvent { name: name.into(), text })).await;
        }
    }

    /// Counts what was heard of this execution's own output.
    pub(super) fn count(&mut self, event: &Event) {
        let Event::Stream(stream) = event else { return };
        for (heard, name) in self.heard_bytes.iter_mut().zip(STREAMS) {
            if stream.name == i32::from(name) {
                *heard += stream.text.len() as u64;
            }
        }
    }
}

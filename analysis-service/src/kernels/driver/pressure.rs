//! What becomes of the largest kernel when kernels together use more memory than they may: it is warned, interrupted, and
//! ended, before the system would choose.

use fenxi_proto::analysis::v1::{DeathCause, NoticeEvent, NoticeKind, output_event::Event};
use tokio::time::Instant;

use super::Driver;
use crate::kernels::state::{Interrupter, death};

/// How far the sum has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Height {
    /// Near the limit.
    Near,
    /// Above it.
    Over,
    /// So far above it that nothing can be waited for.
    FarOver,
}

/// What the largest kernel is told.
#[derive(Clone, Debug)]
pub(crate) struct Pressure {
    pub height: Height,
    /// Whose sum, and how much of how much.
    pub text: String,
}

impl Driver {
    pub(super) async fn pressed(&mut self, pressure: Pressure) {
        let Pressure { height, text } = pressure;
        let ended = || death(DeathCause::Memory, format!("{text}, and this one was the largest"));
        if self.live.is_none() {
            return;
        }
        if height == Height::FarOver {
            return self.kill(ended());
        }
        // Of a kernel that does nothing the sum does not grow.
        let Some(running) = self.running.as_mut() else { return };
        let text = match (height, running.pressed_at) {
            (Height::Over, Some(at)) if at.elapsed() >= self.parts.settings.ladder.kill => return self.kill(ended()),
            (Height::Over, None) => {
                running.pressed_at = Some(Instant::now());
                format!("{text}, and this one is the largest. Delete what it does not need, or a kernel.")
            }
            (Height::Near, _) if !running.pressed_told => format!("Memory is near its limit: {text}."),
            _ => return,
        };
        running.pressed_told = true;
        running.work.log.append(Event::Notice(NoticeEvent { kind: NoticeKind::MemoryHigh.into(), text })).await;
        if height == Height::Over {
            self.interrupt(Interrupter::Limit).await;
        }
    }
}

//! Input given to the code that runs: once, also where the service ends between handing it over and writing it down. What
//! was given goes beside it, and the supervisor tells the next service.

use bytes::Bytes;
use fenxi_proto::analysis::v1::{InputReplyEvent, output_event::Event};
use prost::Message as _;

use super::{Driver, mailbox::Input};
use crate::{executions::Taken, kernels::model::KernelError};

/// What was given, and by which request.
#[derive(Debug, PartialEq)]
pub(super) struct Given {
    pub(super) reply: InputReplyEvent,
    pub(super) taken: Option<Taken>,
}

impl Given {
    /// For the next service: one byte that says how long the request is, the request, and the event.
    fn write(&self) -> Bytes {
        let taken = self.taken.map(|taken| taken.write()).unwrap_or_default();
        let length = u8::try_from(taken.len()).unwrap_or_default();
        [&[length][..], &taken, &self.reply.encode_to_vec()].concat().into()
    }

    pub(super) fn read(note: &[u8]) -> Option<Self> {
        let (length, rest) = note.split_first()?;
        let (taken, reply) = rest.split_at_checked(usize::from(*length))?;
        Some(Self { reply: InputReplyEvent::decode(reply).ok()?, taken: Taken::read(taken) })
    }
}

impl Driver {
    pub(super) async fn reply_input(&mut self, input: Input) -> Result<(), KernelError> {
        let Input { execution_id, input_id, value, taken } = input;
        let Some(running) = self.running.as_mut().filter(|running| running.work.execution_id == execution_id) else {
            return Err(KernelError::InputNotRequested);
        };
        let asked = running.input.as_ref().filter(|asked| asked.input_id == input_id);
        let (Some(asked), Some(live)) = (asked.cloned(), &mut self.live) else {
            return Err(KernelError::InputNotRequested);
        };
        let told = if asked.password { String::new() } else { value.clone() };
        let given = Given { reply: InputReplyEvent { input_id: asked.input_id, value: told }, taken };
        let full = |_| KernelError::AskedTooMuch { why: "the kernel takes no input at the moment".into() };
        live.connection.input_reply(&format!("input-{input_id}"), &value, given.write()).map_err(full)?;
        running.input = None;
        running.work.log.take(given.taken);
        running.work.log.append(Event::InputReply(given.reply)).await;
        self.touch();
        Ok(())
    }

    /// Writes down what an earlier service gave the code that runs and did not write down.
    pub(super) async fn note_given(&mut self) {
        let (Some(running), Some(live)) = (&mut self.running, &self.live) else { return };
        let Some(given) = Given::read(live.connection.last_note()) else { return };
        if running.input.take_if(|asked| asked.input_id == given.reply.input_id).is_some() {
            running.work.log.take_again(given.taken);
            running.work.log.append(Event::InputReply(given.reply)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_is_read_as_it_was_written() {
        let reply = InputReplyEvent { input_id: "i".into(), value: "line".into() };
        for taken in [None, Taken::read(&[7; 24])] {
            let given = Given { reply: reply.clone(), taken };
            assert_eq!(Given::read(&given.write()), Some(given));
        }
        for other in [&b""[..], &[24, 1, 2], &[0, 0xff]] {
            assert_eq!(Given::read(other), None);
        }
    }
}

//! Between the contract's messages and the room's words.

use std::time::Duration;

use fenxi_chassis::clock::micros;
use fenxi_proto::{
    analysis::v1::{
        DependencyCondition, ExecuteRequest, Execution, ExecutionState as StateMessage, ListExecutionsRequest, Outcome,
        QueuePosition,
    },
    error::{ErrorReason, Failure},
    id,
    time::{duration, duration_micros, timestamp},
};
use uuid::Uuid;

use crate::executions::{Condition, Dependency, ExecutionState, ListFilter, NewExecution, Place, View};

/// The longest code.
const CODE_MAX_BYTES: usize = 1 << 20;

/// An execution as it stands.
pub(super) fn execution(view: &View, place: Option<Place>) -> Execution {
    let accepted = &view.accepted;
    let state = match view.state() {
        ExecutionState::Queued => StateMessage::Queued,
        ExecutionState::Running => StateMessage::Running,
        ExecutionState::Finished => StateMessage::Finished,
    };
    Execution {
        execution_id: accepted.execution_id.to_string(),
        kernel_id: accepted.kernel_id.to_string(),
        code: accepted.code.to_string(),
        state: state.into(),
        outcome: view.end.map_or(Outcome::Unspecified, |(_, outcome)| outcome).into(),
        create_time: Some(timestamp(accepted.create_time)),
        start_time: view.start_time.map(timestamp),
        end_time: view.end.map(|(time, _)| timestamp(time)),
        last_sequence: view.last_sequence,
        execution_count: view.execution_count,
        queue_position: place.map_or(0, |place| position(&place)),
        estimated_wait: place.and_then(|place| place.wait).map(proto_duration),
        depends_on_execution_id: accepted.depends_on.map(|on| on.execution_id.to_string()).unwrap_or_default(),
        dependency_condition: accepted.depends_on.map(|on| on.condition.message()).unwrap_or_default().into(),
    }
}

/// Where one waits.
pub(super) fn queue(place: &Place) -> QueuePosition {
    QueuePosition { position: position(place), estimated_wait: place.wait.map(proto_duration) }
}

fn position(place: &Place) -> i32 {
    i32::try_from(place.position).unwrap_or(i32::MAX)
}

fn proto_duration(length: Duration) -> prost_types::Duration {
    duration(micros(length))
}

/// What is to be run.
pub(super) fn new_execution(user_id: Uuid, asked: ExecuteRequest) -> Result<NewExecution, Failure> {
    let request_id = id::parse("request_id", &asked.request_id)?;
    let kernel_id = id::parse_resource("kernel_id", &asked.kernel_id)?;
    if asked.code.trim().is_empty() {
        return Err(Failure::invalid("code", "is empty; give something to run"));
    }
    if asked.code.len() > CODE_MAX_BYTES {
        let what = format!("is {} bytes long; give at most {CODE_MAX_BYTES}", asked.code.len());
        return Err(Failure::invalid("code", what));
    }
    let time_limit = asked.time_limit.as_ref().map(time_limit).transpose()?;
    let depends_on = dependency(&asked)?;
    let (code, continue_on_error) = (asked.code.into(), asked.continue_on_error);
    Ok(NewExecution { user_id, request_id, kernel_id, code, time_limit, continue_on_error, depends_on })
}

fn dependency(asked: &ExecuteRequest) -> Result<Option<Dependency>, Failure> {
    let wrong = |what: String| Failure::invalid("dependency_condition", what);
    let number = asked.dependency_condition;
    let condition = DependencyCondition::try_from(number).map_err(|_| wrong(format!("is {number}, which is none")))?;
    let condition = match condition {
        DependencyCondition::Unspecified | DependencyCondition::Succeeded => Condition::Succeeded,
        DependencyCondition::NotFailed => Condition::NotFailed,
    };
    if asked.depends_on_execution_id.is_empty() {
        let none = number == DependencyCondition::Unspecified as i32;
        return if none { Ok(None) } else { Err(wrong("is given without depends_on_execution_id".into())) };
    }
    let execution_id = id::parse_resource("depends_on_execution_id", &asked.depends_on_execution_id)?;
    Ok(Some(Dependency { execution_id, condition }))
}

fn time_limit(limit: &prost_types::Duration) -> Result<Duration, Failure> {
    if !(0..1_000_000_000).contains(&limit.nanos) {
        return Err(Failure::invalid("time_limit", format!("has {} nanos; give 0 to 999999999", limit.nanos)));
    }
    let micros = u64::try_from(duration_micros(limit)).ok().filter(|micros| *micros > 0);
    micros.map(Duration::from_micros).ok_or_else(|| Failure::invalid("time_limit", "is less than a microsecond"))
}

/// A number of an event.
pub(super) fn sequence(field: &'static str, number: i64) -> Result<i64, Failure> {
    if number < 0 {
        Err(Failure::invalid(field, format!("is {number}; give 0 or the number of an event")))
    } else {
        Ok(number)
    }
}

/// The filter of a list.
pub(super) fn filter(user_id: Uuid, asked: &ListExecutionsRequest) -> Result<ListFilter, Failure> {
    let kernel_id = id::parse_optional("kernel_id", &asked.kernel_id)?;
    let states = asked.states.iter().map(|state| match StateMessage::try_from(*state) {
        Ok(StateMessage::Queued) => Ok(ExecutionState::Queued),
        Ok(StateMessage::Running) => Ok(ExecutionState::Running),
        Ok(StateMessage::Finished) => Ok(ExecutionState::Finished),
        Ok(StateMessage::Unspecified) | Err(_) => {
            Err(Failure::invalid("states", format!("holds {state}, which is no state")))
        }
    });
    Ok(ListFilter { user_id, kernel_id, states: states.collect::<Result<_, _>>()? })
}

/// What a page token of this list is for.
pub(super) fn list_name(filter: &ListFilter) -> Vec<u8> {
    let has = |state| u8::from(filter.states.contains(&state));
    let mut name = b"ListExecutions".to_vec();
    name.extend(filter.user_id.as_bytes());
    name.extend(filter.kernel_id.unwrap_or_default().as_bytes());
    name.extend([has(ExecutionState::Queued), has(ExecutionState::Running), has(ExecutionState::Finished)]);
    name
}

/// The execution that a page token leads to.
pub(super) fn cursor(bytes: &[u8]) -> Result<Uuid, Failure> {
    let text = "page_token is of another version of this service; begin again without one";
    Uuid::from_slice(bytes).map_err(|_| Failure::new(ErrorReason::InvalidPageToken, text).with_field("page_token"))
}

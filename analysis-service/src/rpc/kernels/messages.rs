//! Kernels as the contract writes them.

use std::time::Duration;

use fenxi_proto::{
    analysis::v1::{self as pb, CreateKernelRequest, UpdateKernelRequest},
    error::Failure,
    id, time,
};
use uuid::Uuid;

use crate::kernels::{
    launch::Support,
    model::{Kernel, KernelDatasetRef, KernelLimits},
    registry::{NewDataset, NewKernel},
    specs::{BUILT_IN, KindBrief},
};

/// Tables of one kernel.
const DATASETS_MAX: usize = 20;
/// Characters of a kernel's name.
const DISPLAY_NAME_MAX_CHARS: usize = 200;

/// A request for a kernel, its form checked.
pub(super) fn new_kernel(asked: CreateKernelRequest) -> Result<NewKernel, Failure> {
    let request_id = id::parse("request_id", &asked.request_id)?;
    if asked.datasets.len() > DATASETS_MAX {
        return Err(Failure::invalid(
            "datasets",
            format!("has {} tables; give at most {DATASETS_MAX}", asked.datasets.len()),
        ));
    }
    let display_name = display_name("display_name", &asked.display_name)?;
    let datasets = asked.datasets.into_iter().map(|dataset| {
        let dataset_id = id::parse_resource("datasets.dataset_id", &dataset.dataset_id)?;
        Ok(NewDataset { dataset_id, variable_name: dataset.variable_name })
    });
    Ok(NewKernel {
        display_name,
        datasets: datasets.collect::<Result<_, Failure>>()?,
        request_id,
        kernel_spec: asked.kernel_spec,
    })
}

/// The kernel that a change is for, and its new name.
pub(super) fn new_name(asked: &UpdateKernelRequest) -> Result<(Uuid, String), Failure> {
    let kernel = asked.kernel.as_ref().ok_or_else(|| Failure::invalid("kernel", "is required"))?;
    let kernel_id = id::parse_resource("kernel.kernel_id", &kernel.kernel_id)?;
    let paths = asked.update_mask.as_ref().map(|mask| mask.paths.as_slice()).unwrap_or_default();
    if paths.is_empty() {
        return Err(Failure::invalid("update_mask", "is required: `display_name`"));
    }
    if paths.iter().any(|path| path != "display_name") {
        return Err(Failure::invalid("update_mask", "names a field that cannot be changed; `display_name` can"));
    }
    Ok((kernel_id, display_name("kernel.display_name", &kernel.display_name)?))
}

fn display_name(field: &str, given: &str) -> Result<String, Failure> {
    let name = given.trim();
    if name.chars().count() > DISPLAY_NAME_MAX_CHARS || name.chars().any(char::is_control) {
        let what = format!("is longer than {DISPLAY_NAME_MAX_CHARS} characters or has control characters");
        return Err(Failure::invalid(field, what));
    }
    Ok(name.to_owned())
}

/// A kernel.
pub(super) fn kernel(kernel: &Kernel) -> pb::Kernel {
    pb::Kernel {
        kernel_id: kernel.kernel_id.to_string(),
        display_name: kernel.display_name.clone(),
        state: kernel.state.into(),
        datasets: kernel.datasets.iter().map(dataset).collect(),
        create_time: Some(time::timestamp(kernel.create_time)),
        last_activity_time: Some(time::timestamp(kernel.last_activity_time)),
        death: kernel.death.clone(),
        generation: kernel.generation,
        running_execution_id: kernel.running_execution_id.map(|id| id.to_string()).unwrap_or_default(),
        queue_length: i32::try_from(kernel.waiting.len()).unwrap_or(i32::MAX),
        memory_bytes: signed(kernel.memory_bytes),
        held_memory_bytes: signed(kernel.held_bytes),
        idle_end_time: kernel.idle_end_time.map(time::timestamp),
        revision: kernel.revision,
        limits: Some(limits(&kernel.limits)),
        start: kernel.start.into(),
        isolation: kernel.isolation.clone(),
        kernel_spec: kernel.kernel_spec.clone(),
        idle_warning_time: kernel.idle_warning_time.map(time::timestamp),
        start_position: i32::try_from(kernel.start_position).unwrap_or(i32::MAX),
        network: kernel.network.as_ref().map(|reach| pb::KernelNetwork { entries: reach.entries() }),
    }
}

/// What the machine gives.
pub(super) fn support(support: Support) -> pb::GetKernelSupportResponse {
    let failure = |(start, reason): (pb::KernelStart, _)| pb::KernelStartFailure { start: start.into(), reason };
    let level = |(level, missing): (pb::IsolationLevel, _)| pb::IsolationLevelSupport { level: level.into(), missing };
    pb::GetKernelSupportResponse {
        start: support.start.into(),
        wanted_start: support.wanted_start.into(),
        failures: support.failures.into_iter().map(failure).collect(),
        isolation: Some(support.isolation),
        levels: support.levels.into_iter().map(level).collect(),
        obstacles: support.obstacles.into_iter().map(|(step, reason)| pb::IsolationObstacle { step, reason }).collect(),
    }
}

/// A kind of kernel.
pub(super) fn kernel_spec(kind: KindBrief) -> pb::KernelSpec {
    let start = if kind.is_prepared { pb::KernelSpecStart::Prepared } else { pb::KernelSpecStart::Program };
    pb::KernelSpec {
        inspectable: kind.name == BUILT_IN,
        name: kind.name,
        display_name: kind.display_name,
        language: kind.language,
        loads_tables: kind.loads_tables,
        start: start.into(),
    }
}

fn dataset(dataset: &KernelDatasetRef) -> pb::KernelDataset {
    pb::KernelDataset {
        dataset_id: dataset.dataset_id.to_string(),
        variable_name: dataset.variable_name.clone(),
        name: dataset.name.clone(),
    }
}

fn limits(limits: &KernelLimits) -> pb::KernelLimits {
    let duration = |duration: Duration| time::duration(fenxi_chassis::clock::micros(duration));
    pb::KernelLimits {
        memory_bytes: limits.memory_bytes.map_or(0, signed),
        execution_duration: Some(duration(limits.execution_max)),
        idle_duration: Some(duration(limits.idle_max)),
        queue_length: i32::try_from(limits.queue_max).unwrap_or(i32::MAX),
        output_bytes: signed(limits.output_max_bytes),
        cpu_percent: limits.cpu_percent.map_or(0, small),
        disk_bytes: limits.disk_max_bytes.map_or(0, signed),
        disk_files: limits.disk_max_files.map_or(0, small),
        idle_warning_duration: Some(duration(limits.warning())),
        processes: limits.enforced.processes.map_or(0, small),
        open_files: small(limits.enforced.open_files),
        file_bytes: signed(limits.enforced.file_bytes),
        tmp_bytes: limits.enforced.tmp_bytes.map_or(0, signed),
        soft_memory: limits.enforced.is_memory_soft,
    }
}

fn small(value: impl TryInto<i32>) -> i32 {
    value.try_into().unwrap_or(i32::MAX)
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

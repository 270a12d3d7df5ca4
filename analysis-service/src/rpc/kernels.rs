//! `fenxi.analysis.v1.KernelService` on top of the room `kernels`.

pub(super) mod failure;
mod messages;

use std::{sync::Arc, time::Duration};

use fenxi_chassis::{
    caller,
    page::{self, PageTokens},
};
use fenxi_proto::{
    analysis::v1::{
        CreateKernelRequest, CreateKernelResponse, DeleteKernelRequest, DeleteKernelResponse, GetKernelRequest,
        GetKernelResponse, GetKernelSupportRequest, GetKernelSupportResponse, InterruptKernelRequest,
        InterruptKernelResponse, KeepKernelRequest, KeepKernelResponse, KernelState, ListKernelSpecsRequest,
        ListKernelSpecsResponse, ListKernelsRequest, ListKernelsResponse, RestartKernelRequest, RestartKernelResponse,
        UpdateKernelRequest, UpdateKernelResponse, WatchKernelRequest, WatchKernelResponse,
        kernel_service_server::KernelService,
    },
    error::{ErrorReason, Failure},
    id,
};
use futures_util::stream::{self, BoxStream, StreamExt as _};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::stopped;
use crate::kernels::{
    model::Kernel,
    registry::{Place, Registry},
};

/// How long a watch may be quiet.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// When the next service may be asked.
const RETRY_AFTER: Duration = Duration::from_secs(2);

type Answer<T> = Result<Response<T>, Status>;
type Watched = watch::Receiver<Arc<Kernel>>;

/// Serves the contract.
pub(super) struct KernelRpc {
    kernels: Registry,
    pages: PageTokens,
    stopping: CancellationToken,
}

impl KernelRpc {
    /// Watches end soon after `stopping`.
    pub(super) fn new(kernels: Registry, pages: PageTokens, stopping: CancellationToken) -> Self {
        Self { kernels, pages, stopping }
    }
}

/// Who asks, and what.
fn taken<T>(request: Request<T>) -> Result<(Uuid, T), Failure> {
    let user_id = caller::user(&request)?.user_id;
    Ok((user_id, request.into_inner()))
}

#[tonic::async_trait]
impl KernelService for KernelRpc {
    type WatchKernelStream = BoxStream<'static, Result<WatchKernelResponse, Status>>;

    async fn create_kernel(&self, request: Request<CreateKernelRequest>) -> Answer<CreateKernelResponse> {
        let (user_id, asked) = taken(request)?;
        let new = messages::new_kernel(asked)?;
        let kernel = self.kernels.create(user_id, new).await.map_err(failure::status)?;
        Ok(Response::new(CreateKernelResponse { kernel: Some(messages::kernel(&kernel)) }))
    }

    async fn get_kernel(&self, request: Request<GetKernelRequest>) -> Answer<GetKernelResponse> {
        let (user_id, asked) = taken(request)?;
        let kernel_id = id::parse_resource("kernel_id", &asked.kernel_id)?;
        let handle = self.kernels.kernel(user_id, kernel_id).map_err(failure::status)?;
        Ok(Response::new(GetKernelResponse { kernel: Some(messages::kernel(&handle.snapshot())) }))
    }

    async fn get_kernel_support(&self, _: Request<GetKernelSupportRequest>) -> Answer<GetKernelSupportResponse> {
        Ok(Response::new(messages::support(self.kernels.support())))
    }

    async fn list_kernels(&self, request: Request<ListKernelsRequest>) -> Answer<ListKernelsResponse> {
        let (user_id, asked) = taken(request)?;
        let rows = page::size(asked.page_size)? as usize;
        let list = [b"ListKernels\0".as_slice(), user_id.as_bytes()].concat();
        let cursor = self.pages.open(&list, &asked.page_token)?;
        let before = cursor.and_then(|cursor| Place::from_bytes(&cursor));
        let mut kernels = self.kernels.list(user_id, before, rows + 1);
        let more = kernels.len() > rows;
        kernels.truncate(rows);
        let last = kernels.last().filter(|_| more);
        let next_page_token = last.map(|last| self.pages.seal(&list, &Place::of(last).to_bytes())).unwrap_or_default();
        let kernels = kernels.iter().map(|kernel| messages::kernel(kernel)).collect();
        Ok(Response::new(ListKernelsResponse { kernels, next_page_token }))
    }

    async fn interrupt_kernel(&self, request: Request<InterruptKernelRequest>) -> Answer<InterruptKernelResponse> {
        let (user_id, asked) = taken(request)?;
        let kernel_id = id::parse_resource("kernel_id", &asked.kernel_id)?;
        let request_id = id::parse_optional("request_id", &asked.request_id)?;
        let interrupted = self.kernels.interrupt(user_id, kernel_id, request_id, asked.clear_queue).await;
        let kernel = interrupted.map_err(failure::status)?;
        Ok(Response::new(InterruptKernelResponse { kernel: Some(messages::kernel(&kernel)) }))
    }

    async fn keep_kernel(&self, request: Request<KeepKernelRequest>) -> Answer<KeepKernelResponse> {
        let (user_id, asked) = taken(request)?;
        let kernel_id = id::parse_resource("kernel_id", &asked.kernel_id)?;
        let request_id = id::parse_optional("request_id", &asked.request_id)?;
        let kernel = self.kernels.keep(user_id, kernel_id, request_id).await.map_err(failure::status)?;
        Ok(Response::new(KeepKernelResponse { kernel: Some(messages::kernel(&kernel)) }))
    }

    async fn update_kernel(&self, request: Request<UpdateKernelRequest>) -> Answer<UpdateKernelResponse> {
        let (user_id, asked) = taken(request)?;
        let (kernel_id, display_name) = messages::new_name(&asked)?;
        let request_id = id::parse_optional("request_id", &asked.request_id)?;
        let renamed = self.kernels.rename(user_id, kernel_id, request_id, display_name).await;
        let kernel = renamed.map_err(failure::status)?;
        Ok(Response::new(UpdateKernelResponse { kernel: Some(messages::kernel(&kernel)) }))
    }

    async fn restart_kernel(&self, request: Request<RestartKernelRequest>) -> Answer<RestartKernelResponse> {
        let (user_id, asked) = taken(request)?;
        let kernel_id = id::parse_resource("kernel_id", &asked.kernel_id)?;
        let request_id = id::parse_optional("request_id", &asked.request_id)?;
        let kernel = self.kernels.restart(user_id, kernel_id, request_id).await.map_err(failure::status)?;
        Ok(Response::new(RestartKernelResponse { kernel: Some(messages::kernel(&kernel)) }))
    }

    async fn delete_kernel(&self, request: Request<DeleteKernelRequest>) -> Answer<DeleteKernelResponse> {
        let (user_id, asked) = taken(request)?;
        let kernel_id = id::parse_resource("kernel_id", &asked.kernel_id)?;
        let request_id = id::parse_optional("request_id", &asked.request_id)?;
        self.kernels.delete(user_id, kernel_id, request_id).await.map_err(failure::status)?;
        Ok(Response::new(DeleteKernelResponse {}))
    }

    async fn list_kernel_specs(&self, request: Request<ListKernelSpecsRequest>) -> Answer<ListKernelSpecsResponse> {
        taken(request)?;
        let kernel_specs = self.kernels.kinds().into_iter().map(messages::kernel_spec).collect();
        Ok(Response::new(ListKernelSpecsResponse { kernel_specs }))
    }

    async fn watch_kernel(&self, request: Request<WatchKernelRequest>) -> Answer<Self::WatchKernelStream> {
        let (user_id, asked) = taken(request)?;
        let kernel_id = id::parse_resource("kernel_id", &asked.kernel_id)?;
        let mut watched = self.kernels.kernel(user_id, kernel_id).map_err(failure::status)?.watch();
        // The first one is the kernel as it stands.
        watched.mark_changed();
        let stopping = self.stopping.clone();
        let changes = stream::unfold(Some(watched), move |watched| next(watched, stopping.clone()));
        Ok(Response::new(changes.boxed()))
    }
}

/// The next message of a watch; the one of a dead kernel is the last. A service that stops says so, once those it ends
/// are seen to be dead.
async fn next(
    watched: Option<Watched>,
    stopping: CancellationToken,
) -> Option<(Result<WatchKernelResponse, Status>, Option<Watched>)> {
    let mut watched = watched?;
    let changed = tokio::select! {
        biased;
        changed = watched.changed() => changed,
        () = tokio::time::sleep(HEARTBEAT) => return Some((Ok(WatchKernelResponse { kernel: None }), Some(watched))),
        () = stopped(&stopping) => return Some((Err(stopping_failure().into()), None)),
    };
    // Gone, and not dead: left to the next service.
    if changed.is_err() {
        return Some((Err(stopping_failure().into()), None));
    }
    let kernel = Arc::clone(&watched.borrow_and_update());
    let goes_on = Some(watched).filter(|_| kernel.state != KernelState::Dead);
    Some((Ok(WatchKernelResponse { kernel: Some(messages::kernel(&kernel)) }), goes_on))
}

fn stopping_failure() -> Failure {
    Failure::new(ErrorReason::Unavailable, "the service is stopping; watch the kernel again").retry_after(RETRY_AFTER)
}

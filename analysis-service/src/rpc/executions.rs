//! `fenxi.analysis.v1.ExecutionService` on top of the room `executions`.

mod failure;
mod messages;
mod stream;

use fenxi_chassis::{
    caller,
    page::{self, PageTokens},
};
use fenxi_proto::{
    analysis::v1::{
        CancelExecutionRequest, CancelExecutionResponse, ExecuteRequest, ExecuteResponse, Execution,
        GetExecutionRequest, GetExecutionResponse, ListExecutionsRequest, ListExecutionsResponse, ReadContentRequest,
        ReadContentResponse, ReplyInputRequest, ReplyInputResponse, WatchExecutionRequest, WatchExecutionResponse,
        execution_service_server::ExecutionService,
    },
    error::Failure,
    id,
};
use futures_util::stream::BoxStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::pieces::pieces;
use crate::{
    executions::{View, run::Runner},
    objects::ContentId,
};

type Answer<T> = Result<Response<T>, Status>;
type Stream<T> = BoxStream<'static, Result<T, Status>>;

/// The longest line of input.
const INPUT_MAX_BYTES: usize = 64 << 10;

/// Serves the contract.
pub(super) struct ExecutionRpc {
    runner: Runner,
    pages: PageTokens,
    stopping: CancellationToken,
}

impl ExecutionRpc {
    /// Streams end soon after `stopping`.
    pub(super) fn new(runner: Runner, pages: PageTokens, stopping: CancellationToken) -> Self {
        Self { runner, pages, stopping }
    }

    fn execution(&self, view: &View) -> Execution {
        messages::execution(view, self.runner.place(view))
    }
}

/// Who asks, and what.
fn taken<T>(request: Request<T>) -> Result<(Uuid, T), Failure> {
    let user_id = caller::user(&request)?.user_id;
    Ok((user_id, request.into_inner()))
}

#[tonic::async_trait]
impl ExecutionService for ExecutionRpc {
    type ExecuteStream = Stream<ExecuteResponse>;
    type WatchExecutionStream = Stream<WatchExecutionResponse>;
    type ReadContentStream = Stream<ReadContentResponse>;

    async fn execute(&self, request: Request<ExecuteRequest>) -> Answer<Self::ExecuteStream> {
        let (user_id, asked) = taken(request)?;
        let after = messages::sequence("after_sequence", asked.after_sequence)?;
        let new = messages::new_execution(user_id, asked)?;
        let view = self.runner.execute(new).await.map_err(failure::run)?;
        let id = view.accepted.execution_id;
        let (view, reader) = self.runner.executions.read(user_id, id, after).await.map_err(failure::execution)?;
        Ok(Response::new(stream::events(&view, reader, self.runner.places(&view), self.stopping.clone())))
    }

    async fn watch_execution(&self, request: Request<WatchExecutionRequest>) -> Answer<Self::WatchExecutionStream> {
        let (user_id, asked) = taken(request)?;
        let after = messages::sequence("after_sequence", asked.after_sequence)?;
        let id = id::parse_resource("execution_id", &asked.execution_id)?;
        let (view, reader) = self.runner.executions.read(user_id, id, after).await.map_err(failure::execution)?;
        Ok(Response::new(stream::events(&view, reader, self.runner.places(&view), self.stopping.clone())))
    }

    async fn get_execution(&self, request: Request<GetExecutionRequest>) -> Answer<GetExecutionResponse> {
        let (user_id, asked) = taken(request)?;
        let id = id::parse_resource("execution_id", &asked.execution_id)?;
        let view = self.runner.executions.get(user_id, id).await.map_err(failure::execution)?;
        Ok(Response::new(GetExecutionResponse { execution: Some(self.execution(&view)) }))
    }

    async fn list_executions(&self, request: Request<ListExecutionsRequest>) -> Answer<ListExecutionsResponse> {
        let (user_id, asked) = taken(request)?;
        let rows = page::size(asked.page_size)?;
        let filter = messages::filter(user_id, &asked)?;
        let list = messages::list_name(&filter);
        let before = self.pages.open(&list, &asked.page_token)?.map(|cursor| messages::cursor(&cursor)).transpose()?;
        let page = self.runner.executions.list(&filter, before, rows).await.map_err(failure::execution)?;
        let next_page_token = page.next.map(|next| self.pages.seal(&list, next.as_bytes())).unwrap_or_default();
        let executions = page.executions.iter().map(|view| self.execution(view)).collect();
        Ok(Response::new(ListExecutionsResponse { executions, next_page_token }))
    }

    async fn cancel_execution(&self, request: Request<CancelExecutionRequest>) -> Answer<CancelExecutionResponse> {
        let (user_id, asked) = taken(request)?;
        let id = id::parse_resource("execution_id", &asked.execution_id)?;
        let request_id = id::parse_optional("request_id", &asked.request_id)?;
        let view = self.runner.cancel(user_id, id, request_id).await.map_err(failure::run)?;
        Ok(Response::new(CancelExecutionResponse { execution: Some(self.execution(&view)) }))
    }

    async fn reply_input(&self, request: Request<ReplyInputRequest>) -> Answer<ReplyInputResponse> {
        let (user_id, asked) = taken(request)?;
        let id = id::parse_resource("execution_id", &asked.execution_id)?;
        let request_id = id::parse_optional("request_id", &asked.request_id)?;
        if asked.value.len() > INPUT_MAX_BYTES {
            return Err(Failure::invalid("value", format!("is longer than {INPUT_MAX_BYTES} bytes")).into());
        }
        if asked.value.contains(['\r', '\n']) {
            return Err(Failure::invalid("value", "is more than one line; give one, without its end").into());
        }
        let input = (asked.input_id, asked.value);
        self.runner.reply_input(user_id, id, input, request_id).await.map_err(failure::run)?;
        Ok(Response::new(ReplyInputResponse {}))
    }

    async fn read_content(&self, request: Request<ReadContentRequest>) -> Answer<Self::ReadContentStream> {
        let (user_id, asked) = taken(request)?;
        let id = id::parse_resource("execution_id", &asked.execution_id)?;
        let offset = u64::try_from(asked.offset).map_err(|_| Failure::invalid("offset", "is negative"))?;
        let content: ContentId = asked.sha256.parse().map_err(|error| Failure::invalid("sha256", error))?;
        let executions = self.runner.executions.clone();
        executions.check_content(user_id, id, content).await.map_err(failure::execution)?;
        let read = move |offset, max_bytes| {
            let executions = executions.clone();
            async move { executions.read_content(content, offset, max_bytes).await.map_err(failure::execution) }
        };
        Ok(Response::new(pieces(offset, read, |data| ReadContentResponse { data })))
    }
}

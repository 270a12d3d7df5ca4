//! ListHistory, past the messages: the entries of a page are stored as they stand in the answer, so that the answer is made
//! by putting them behind one another. Building twenty messages and encoding them again would be a third of its cost.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{BufMut as _, Bytes, BytesMut};
use fenxi_chassis::{caller, page};
use fenxi_proto::{
    error::Failure,
    history::v1::{ListHistoryRequest, ListHistoryResponse},
};
use http::{Request as HttpRequest, Response as HttpResponse};
use prost::Message as _;
use tonic::{
    Request, Response, Status,
    body::Body,
    codec::{Codec, EncodeBuf, Encoder},
    codegen::Service,
    server::{Grpc, NamedService, UnaryService},
};
use tonic_prost::ProstDecoder;

use super::read;
use crate::history::{
    History,
    entry::{Entries, Page},
};

const PATH: &str = "/fenxi.history.v1.HistoryService/ListHistory";

type Pending<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

/// Answers ListHistory itself and leaves every other call to the service within.
#[derive(Clone)]
pub(crate) struct Listing<S> {
    history: History,
    inner: S,
}

impl<S> Listing<S> {
    pub(super) fn new(history: History, inner: S) -> Self {
        Self { history, inner }
    }
}

impl<S: NamedService> NamedService for Listing<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<HttpRequest<Body>> for Listing<S>
where
    S: Service<HttpRequest<Body>, Response = HttpResponse<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = HttpResponse<Body>;
    type Error = Infallible;
    type Future = Pending<Self::Response, Infallible>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: HttpRequest<Body>) -> Self::Future {
        if request.uri().path() != PATH {
            return Box::pin(self.inner.call(request));
        }
        let method = Method(self.history.clone());
        Box::pin(async move { Ok(Grpc::new(Encoded).unary(method, request).await) })
    }
}

struct Method(History);

impl UnaryService<ListHistoryRequest> for Method {
    type Response = Bytes;
    type Future = Pending<Response<Bytes>, Status>;

    fn call(&mut self, request: Request<ListHistoryRequest>) -> Self::Future {
        let history = self.0.clone();
        Box::pin(async move { Ok(Response::new(listed(&history, request).await?)) })
    }
}

/// The encoded answer.
pub(super) async fn listed(history: &History, request: Request<ListHistoryRequest>) -> Result<Bytes, Failure> {
    let user = caller::user(&request)?;
    let request = request.into_inner();
    let size = page::size(request.page_size)?;
    let filter = read::filter(&request)?;
    let (page, token) = history.list(user.user_id, &filter, size, &request.page_token).await?;
    Ok(encoded(page, token))
}

fn encoded(page: Page, next_page_token: String) -> Bytes {
    let (packed, picked) = match page.entries {
        Entries::Packed(packed) => (packed, Vec::new()),
        Entries::Picked(picked) => (Bytes::new(), picked),
    };
    let entries = picked.into_iter().map(read::entry_message).collect();
    let rest = ListHistoryResponse { entries, next_page_token, total_size: page.total };
    // A message is its fields one behind the other, wherever they come from.
    let mut answer = BytesMut::with_capacity(packed.len() + rest.encoded_len());
    answer.extend_from_slice(&packed);
    // There is room for it.
    let _ = rest.encode(&mut answer);
    answer.freeze()
}

/// Takes a message, and gives one that is encoded already.
struct Encoded;

impl Codec for Encoded {
    type Encode = Bytes;
    type Decode = ListHistoryRequest;
    type Encoder = Self;
    type Decoder = ProstDecoder<ListHistoryRequest>;

    fn encoder(&mut self) -> Self::Encoder {
        Self
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstDecoder::default()
    }
}

impl Encoder for Encoded {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(item);
        Ok(())
    }
}

//! What every RPC here asks of a call: where it came from, whose it is, and whether its credential is still in force.

use fenxi_chassis::caller::{Caller, ServiceName, UserCaller};
use fenxi_proto::{
    METADATA_CLIENT_ADDRESS, METADATA_CLIENT_AGENT,
    error::{ErrorReason, Failure},
};
use tonic::{Request, Status, service::Interceptor};
use uuid::Uuid;

use crate::{credential::Revocations, origin::Origin};

/// Longest request of the identity services; theirs are a few hundred bytes.
pub(crate) const REQUEST_MAX_BYTES: usize = 64 * 1024;

/// Refuses Callers whose credential ended after they were signed. It stands before every service of this program.
#[derive(Clone)]
pub(crate) struct Live(pub(crate) Revocations);

impl Interceptor for Live {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        match request.extensions().get::<Caller>() {
            Some(Caller::User(user)) if self.0.is_ended(user) => {
                Err(Failure::new(ErrorReason::Unauthenticated, "the credential was revoked: sign in").into())
            }
            _ => Ok(request),
        }
    }
}

/// The user who is asking.
pub(crate) fn user<T>(request: &Request<T>) -> Result<UserCaller, Failure> {
    fenxi_chassis::caller::user(request)
}

/// Where the call came from. Only the gateway, which sees the client, can say so for it; anyone else is where the
/// connection comes from.
pub(crate) fn origin<T>(request: &Request<T>) -> Origin {
    // A user's Caller never leaves the gateway and the services.
    let by_gateway =
        matches!(request.extensions().get(), Some(Caller::Service(ServiceName::Gateway) | Caller::User(_)));
    let metadata = |name: &str| request.metadata().get(name).and_then(|value| value.to_str().ok());
    if by_gateway {
        let address = metadata(METADATA_CLIENT_ADDRESS).and_then(|text| text.parse().ok());
        return Origin::new(address, metadata(METADATA_CLIENT_AGENT).unwrap_or_default());
    }
    Origin::new(request.remote_addr().map(|address| address.ip()), metadata("user-agent").unwrap_or_default())
}

/// The last id of a page, to go on from: the cursor of every list here.
pub(crate) fn cursor(bytes: Option<Vec<u8>>) -> Result<Option<Uuid>, Failure> {
    let wrong = |_| Failure::new(ErrorReason::InvalidPageToken, "page_token holds no id").with_field("page_token");
    bytes.map(|bytes| Uuid::from_slice(&bytes).map_err(wrong)).transpose()
}

/// One row more than the page is read: its presence says that there is a next page.
pub(crate) fn cut<T>(rows: &mut Vec<T>, page_size: u32, id: impl Fn(&T) -> Uuid) -> Option<Uuid> {
    let page_size = page_size as usize;
    if rows.len() <= page_size {
        return None;
    }
    rows.truncate(page_size);
    rows.last().map(id)
}

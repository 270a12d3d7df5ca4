//! The way back from an identity provider: the browser comes with a code, auth-service ends the LoginAttempt, and the
//! browser goes on to where it wanted, signed in.

use std::sync::Arc;

use fenxi_chassis::client::Bearer;
use fenxi_proto::{
    auth::v1::{CompleteLoginRequest, auth_service_client::AuthServiceClient},
    error::{self, ErrorReason},
    return_to::{self, RETURN_TO},
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use tonic::{Status, metadata::MetadataMap, service::interceptor::InterceptedService};
use tonic_types::StatusExt as _;
use url::form_urlencoded;

use crate::{
    arriving::Arriving,
    body::Body,
    contract::Backend,
    cookies::{Cookies, Which},
    proxy::{
        headers::{self, Client},
        typed_failure,
        upstream::{Typed, Upstream},
    },
    refusal,
};

/// Longest value of a query parameter that is passed on, in bytes.
const PARAMETER_MAX_BYTES: usize = 4096;
/// How long auth-service and the provider may take.
const COMPLETE_WAIT: std::time::Duration = std::time::Duration::from_secs(30);

/// Ends logins.
pub(crate) struct Login {
    client: AuthServiceClient<InterceptedService<Typed, Bearer>>,
    cookies: Cookies,
}

impl Login {
    /// `bearer` is the gateway's own proof: auth-service believes the client's address from nobody else.
    pub(crate) fn new(auth: Arc<Upstream>, bearer: Bearer, cookies: Cookies) -> Self {
        Self { client: AuthServiceClient::with_interceptor(Typed(auth), bearer), cookies }
    }

    /// `GET /auth/<login method>/callback?code=..&state=..` or `?error=..&state=..`.
    pub(crate) async fn callback(
        &self,
        client: &Client,
        method_id: &str,
        request: &Request<Arriving>,
    ) -> Response<Body> {
        if request.method() != Method::GET {
            return refusal::http(StatusCode::METHOD_NOT_ALLOWED, "INVALID_FIELD", "the callback is a GET");
        }
        let message = message(method_id, request.uri().query().unwrap_or_default());
        let mut metadata = HeaderMap::new();
        client.tell(Backend::Auth, &mut metadata);
        let attempt = self.cookies.read(request.headers(), Which::Attempt);
        headers::add_attempt(&mut metadata, request.headers(), true, attempt.as_ref());
        let mut call = tonic::Request::new(message);
        *call.metadata_mut() = MetadataMap::from_headers(metadata);
        let asked = tokio::time::timeout(COMPLETE_WAIT, self.client.clone().complete_login(call)).await;
        let asked = asked.unwrap_or_else(|_| Err(refusal::too_late().into()));
        match asked.map_err(|status| typed_failure(Backend::Auth, status)) {
            Ok(done) => {
                let (metadata, done, _) = done.into_parts();
                let mut secrets = metadata.into_headers();
                headers::secrets_to_cookies(&mut secrets, self.cookies);
                let mut answer = see_other(&safe_return(&done.return_to));
                for cookie in secrets.get_all(header::SET_COOKIE) {
                    answer.headers_mut().append(header::SET_COOKIE, cookie.clone());
                }
                answer
            }
            Err(status) => self.failed(&status),
        }
    }

    /// The way to the page that says why it did not succeed.
    pub(crate) fn failed(&self, status: &Status) -> Response<Body> {
        let reason = error::reason_of(status).unwrap_or(ErrorReason::Internal);
        tracing::info!(reason = error::name(reason), "a login did not succeed");
        let mut answer = see_other(&login_page(status, reason));
        // An attempt is good for one use. One that the service was not there for, or had no room for, is unused: going back
        // to the callback tries it once more. So is one that the callback does not fit: any other site can lead a browser
        // to a callback, and that is not to end the login that is under way.
        use ErrorReason::{LoginAttemptInvalid, Overloaded, RateLimited, Unavailable};
        if !matches!(reason, Unavailable | Overloaded | RateLimited | LoginAttemptInvalid)
            && let Some(cookie) = self.cookies.set(Which::Attempt, "", 0)
        {
            answer.headers_mut().append(header::SET_COOKIE, cookie);
        }
        answer
    }
}

/// The page of the login, where it says this and, if it is known, leads to where one wanted to go.
fn login_page(status: &Status, reason: ErrorReason) -> String {
    let page = String::from("/login?");
    let query_begins = page.len();
    let mut query = form_urlencoded::Serializer::for_suffix(page, query_begins);
    query.append_pair("error", error::name(reason));
    let info = status.get_details_error_info();
    let wanted = info.as_ref().and_then(|info| info.metadata.get(RETURN_TO)).map(|path| safe_return(path));
    if let Some(path) = wanted.filter(|path| path != "/") {
        query.append_pair(RETURN_TO, &path);
    }
    query.finish()
}

fn message(method_id: &str, query: &str) -> CompleteLoginRequest {
    let mut message = CompleteLoginRequest { login_method_id: method_id.to_owned(), ..Default::default() };
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        let place = match key.as_ref() {
            "code" => &mut message.code,
            "state" => &mut message.state,
            "error" => &mut message.error,
            _ => continue,
        };
        if value.len() <= PARAMETER_MAX_BYTES {
            *place = value.into_owned();
        }
    }
    message
}

fn see_other(path: &str) -> Response<Body> {
    let mut answer = Response::new(Body::default());
    *answer.status_mut() = StatusCode::SEE_OTHER;
    let location = HeaderValue::from_str(path).unwrap_or_else(|_| HeaderValue::from_static("/"));
    answer.headers_mut().insert(header::LOCATION, location);
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// The path if it can only lead into this app, else `/`. auth-service has held it against the same form when the attempt
/// began; here is where it becomes a redirect.
fn safe_return(path: &str) -> String {
    return_to::parse(path).unwrap_or_else(|_| "/".to_owned())
}

#[cfg(test)]
mod tests {
    use fenxi_proto::error::Failure;

    use super::*;

    #[test]
    fn a_login_returns_into_this_app_only() {
        for good in [
            "/",
            "/n/01890a5d-ac96-774b-bcce-b302099a8057",
            "/n/1#cell-3",
            "/%E5%88%86%E6%9E%90",
            "/stats?from=2026-01-01&q=%E5%88%86",
        ] {
            assert_eq!(safe_return(good), good);
        }
        for bad in [
            "",
            "//evil",
            "https:evil",
            "https://evil",
            "\\evil",
            "/\\evil",
            "/%09/evil",
            "/\t/evil",
            "/..//evil",
            "/a/../../evil",
            "/x\r\nSet-Cookie: a=b",
            "/é",
            "/a?b\\c",
            "/%2f/evil",
            "javascript:alert(1)",
        ] {
            assert_eq!(safe_return(bad), "/", "{bad}");
        }
    }

    #[test]
    fn whoever_is_refused_can_try_again_to_where_they_wanted() {
        let page = |return_to: &str| {
            let refused = Failure::new(ErrorReason::TenantNotAllowed, "no").with_metadata(RETURN_TO, return_to);
            login_page(&refused.into(), ErrorReason::TenantNotAllowed)
        };
        assert_eq!(
            page("/stats?days=30&q=%E5%88%86#top"),
            "/login?error=TENANT_NOT_ALLOWED&return_to=%2Fstats%3Fdays%3D30%26q%3D%25E5%2588%2586%23top"
        );
        for nowhere in ["", "/", "//evil", "https:evil", "/x\r\nSet-Cookie: a=b"] {
            assert_eq!(page(nowhere), "/login?error=TENANT_NOT_ALLOWED", "{nowhere}");
        }
    }

    #[test]
    fn the_query_is_read_and_bounded() {
        let read = message("feishu", "code=a%20b&state=s&other=1&error=access_denied");
        assert_eq!((read.code.as_str(), read.state.as_str(), read.error.as_str()), ("a b", "s", "access_denied"));
        assert_eq!(message("feishu", &format!("code={}", "x".repeat(5000))).code, "");
    }
}

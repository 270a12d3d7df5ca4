//! Holds every call against the rule that the contract gives its RPC. What has no rule is refused.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use fenxi_proto::{
    access::{self, Rule},
    error::{ErrorReason, Failure},
    options::v1::Access,
};
use http::{Request, Response, header::AUTHORIZATION};
use tonic::{Status, body::Body};
use tower::{Layer, Service};

use super::{Caller, CredentialSource, ServiceName, UserCaller, Verifier};

/// Paths beside the contract that anyone may call: they show no data.
const OPEN_PREFIXES: [&str; 3] =
    ["/grpc.health.v1.Health/", "/grpc.reflection.v1.ServerReflection/", "/grpc.reflection.v1alpha.ServerReflection/"];

/// Puts the proved [`Caller`] into the request's extensions, or refuses the call.
#[derive(Clone)]
pub struct AuthLayer(Verifier);

impl AuthLayer {
    /// With this verifier.
    #[must_use]
    pub fn new(verifier: Verifier) -> Self {
        Self(verifier)
    }
}

impl<S> Layer<S> for AuthLayer {
    type Service = AuthService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AuthService { inner, verifier: self.0.clone() }
    }
}

/// See [`AuthLayer`].
#[derive(Clone)]
pub struct AuthService<S> {
    inner: S,
    verifier: Verifier,
}

impl<S> Service<Request<Body>> for AuthService<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let verifier = self.verifier.clone();
        // The clone takes the place of the service that was polled ready.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            match admit(&verifier, &mut request).await {
                Ok(()) => inner.call(request).await,
                Err(failure) => Ok(Status::from(failure).into_http()),
            }
        })
    }
}

async fn admit(verifier: &Verifier, request: &mut Request<Body>) -> Result<(), Failure> {
    let path = request.uri().path();
    if OPEN_PREFIXES.iter().any(|prefix| path.starts_with(prefix)) {
        return Ok(());
    }
    let rule = access::rule(path).ok_or_else(denied)?;
    let caller = match bearer(request) {
        None => Caller::Anonymous,
        Some(credential) => verifier.verify(credential).await.map_err(|error| {
            tracing::debug!(%error, path, "credential refused");
            unauthenticated()
        })?,
    };
    allow(rule, &caller)?;
    // Who else may look at it is the handler's business; the secret itself is nobody's any more.
    request.headers_mut().remove(AUTHORIZATION);
    request.extensions_mut().insert(caller);
    Ok(())
}

fn bearer<B>(request: &Request<B>) -> Option<&str> {
    let value = request.headers().get(AUTHORIZATION)?;
    // A header that is no bearer credential is a credential all the same: one that proves nobody.
    Some(value.to_str().ok().and_then(|text| text.strip_prefix("Bearer ")).unwrap_or(""))
}

fn allow(rule: Rule, caller: &Caller) -> Result<(), Failure> {
    match (rule.who, caller) {
        (Access::Public, _)
        | (Access::Gateway, Caller::Service(ServiceName::Gateway))
        | (Access::AnalysisService, Caller::Service(ServiceName::AnalysisService)) => Ok(()),
        (Access::User, Caller::User(user)) => allow_user(rule, user),
        (Access::Administrator, Caller::User(user)) if user.administrator => allow_user(rule, user),
        (Access::Unspecified, _) => Err(denied()),
        (_, Caller::Anonymous) => Err(unauthenticated()),
        _ => Err(denied()),
    }
}

fn allow_user(rule: Rule, user: &UserCaller) -> Result<(), Failure> {
    let allowed = match user.source {
        CredentialSource::LoginSession => true,
        CredentialSource::ApiToken => !rule.scope.is_empty() && user.scopes.iter().any(|scope| scope == rule.scope),
    };
    if allowed {
        return Ok(());
    }
    let text = match rule.scope {
        "" => "no ApiToken may call this: sign in".to_owned(),
        scope => format!("the ApiToken has no scope `{scope}`"),
    };
    Err(Failure::new(ErrorReason::PermissionDenied, text))
}

fn denied() -> Failure {
    Failure::new(ErrorReason::PermissionDenied, "this caller may not call this")
}

fn unauthenticated() -> Failure {
    Failure::new(ErrorReason::Unauthenticated, "the credential is missing, unknown, expired or revoked: sign in")
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn user(source: CredentialSource, administrator: bool, scopes: &[&str]) -> Caller {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        Caller::User(UserCaller { user_id: Uuid::nil(), credential_id: Uuid::nil(), source, administrator, scopes })
    }

    #[test]
    fn each_rule_lets_through_whom_it_names_and_nobody_else() {
        let callers = [
            Caller::Anonymous,
            user(CredentialSource::LoginSession, false, &[]),
            user(CredentialSource::LoginSession, true, &[]),
            user(CredentialSource::ApiToken, true, &["a:read"]),
            user(CredentialSource::ApiToken, true, &["a:write"]),
            Caller::Service(ServiceName::Gateway),
            Caller::Service(ServiceName::AnalysisService),
        ];
        let cases = [
            (Access::Unspecified, "", [false, false, false, false, false, false, false]),
            (Access::Public, "", [true; 7]),
            (Access::User, "", [false, true, true, false, false, false, false]),
            (Access::User, "a:read", [false, true, true, true, false, false, false]),
            (Access::Administrator, "", [false, false, true, false, false, false, false]),
            (Access::Gateway, "", [false, false, false, false, false, true, false]),
            (Access::AnalysisService, "", [false, false, false, false, false, false, true]),
        ];
        for (who, scope, expected) in cases {
            let allowed = callers.each_ref().map(|caller| allow(Rule { who, scope }, caller).is_ok());
            assert_eq!(allowed, expected, "{who:?} {scope}");
        }
    }
}

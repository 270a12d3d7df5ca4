//! tonic refuses some calls by itself, before any service of ours sees them, and without a reason of the error table: here
//! they are given one, so that a client finds one in every error.

use fenxi_proto::error::{ErrorReason, Failure};
use http::{HeaderName, Response};
use tonic::{Code, Status, body::Body};

/// What a server takes compressed. tonic says it where it refuses a compression, and nowhere else that it refuses.
static ACCEPTED: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// The answer; with a reason, where it is a refusal by tonic. Those come before any message: the status is in the headers.
pub(super) fn explained(answer: Response<Body>) -> Response<Body> {
    if !answer.headers().contains_key(Status::GRPC_STATUS) {
        return answer;
    }
    let refused = Status::from_header_map(answer.headers()).filter(|status| status.details().is_empty());
    let accepted = answer.headers().get(&ACCEPTED);
    let Some(failure) = refused.as_ref().and_then(|status| explanation(status, accepted.is_some())) else {
        return answer;
    };
    let mut explained = Status::from(failure).into_http();
    // gRPC asks for it, so that a client can learn (its document "compression", section on unsupported algorithms).
    if let Some(accepted) = accepted {
        explained.headers_mut().insert(ACCEPTED.clone(), accepted.clone());
    }
    explained
}

fn explanation(status: &Status, names_compressions: bool) -> Option<Failure> {
    let text = status.message();
    match status.code() {
        // Above the limit of the service's messages.
        Code::OutOfRange => Some(Failure::new(ErrorReason::InvalidField, format!("the message is too large: {text}"))),
        // A fault of ours has details: this is a body that cannot be taken apart.
        Code::Internal => Some(Failure::new(ErrorReason::InvalidField, format!("the message cannot be read: {text}"))),
        // The code and so the reason are the same as for no such path: gRPC sets it.
        Code::Unimplemented if names_compressions => {
            Some(Failure::new(ErrorReason::MethodUnknown, format!("send the message uncompressed: {text}")))
        }
        Code::Unimplemented => {
            Some(Failure::new(ErrorReason::MethodUnknown, format!("there is no such method: {text}")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use fenxi_proto::error::reason_of;

    use super::*;

    fn told(status: Status) -> Status {
        let answer = explained(status.into_http());
        Status::from_header_map(answer.headers()).expect("a status")
    }

    #[test]
    fn what_tonic_refuses_has_a_reason_and_what_we_say_stays() {
        for (bare, reason) in [
            (Status::out_of_range("found 70000 bytes"), ErrorReason::InvalidField),
            (Status::internal("failed to decode"), ErrorReason::InvalidField),
            (Status::unimplemented(""), ErrorReason::MethodUnknown),
        ] {
            let said = bare.message().to_owned();
            let told = told(bare);
            assert_eq!(reason_of(&told), Some(reason), "{told}");
            assert!(told.message().contains(&said), "{told}");
        }
        let mut compressed = Status::unimplemented("Content is compressed with `gzip` which isn't supported");
        compressed.metadata_mut().insert("grpc-accept-encoding", "identity".parse().expect("a value"));
        let told_of_it = told(compressed);
        assert_eq!(reason_of(&told_of_it), Some(ErrorReason::MethodUnknown));
        assert!(told_of_it.message().starts_with("send the message uncompressed: "), "{told_of_it}");
        assert_eq!(told_of_it.metadata().get("grpc-accept-encoding").expect("kept"), "identity");
        assert_eq!(reason_of(&told(Failure::internal().into())), Some(ErrorReason::Internal));
        assert_eq!(told(Status::not_found("no such service")).message(), "no such service");
        assert!(explained(Response::new(Body::default())).headers().is_empty());
    }
}

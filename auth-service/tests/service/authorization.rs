//! Who may call what: every RPC of the contract that is served here, drawn from its descriptors, by everyone.

use bytes::Bytes;
use fenxi_proto::{
    access::{Rule, rules},
    auth::v1::{CreateApiTokenRequest, UserRole},
    error::{ErrorReason, reason_of},
    options::v1::Access,
};
use prost::Message as _;
use tonic::{Code, Request, Status, client::Grpc};

use crate::{
    house::{ANALYSIS_SECRET, GATEWAY_SECRET, House, PASSWORD, request_id},
    raw::Raw,
};

/// Calls an RPC with an empty message.
async fn call(house: &House, path: &'static str, authorization: Option<&str>) -> Result<(), Status> {
    let mut client = Grpc::new(house.channel.clone());
    client.ready().await.expect("a connection");
    let mut request = Request::new(Bytes::new());
    if let Some(authorization) = authorization {
        request.metadata_mut().insert("authorization", authorization.parse().expect("a value"));
    }
    // What a client might hope that we trust.
    request.metadata_mut().insert("x-internal-user", "admin".parse().expect("a value"));
    request.metadata_mut().insert("x-forwarded-user", "admin".parse().expect("a value"));
    let path = path.parse().expect("a path");
    client.server_streaming(request, path, Raw).await?.into_inner().message().await.map(drop)
}

/// Whether the layer let the call through to its handler, which may then dislike the empty message.
fn reached(answer: &Result<(), Status>) -> bool {
    let Err(status) = answer else { return true };
    // A handler that wants a user or a secret says so in other words than the layer.
    let refused = matches!(reason_of(status), Some(ErrorReason::Unauthenticated | ErrorReason::PermissionDenied));
    assert!(status.code() != Code::Unknown && status.code() != Code::Internal, "{status:?}");
    !refused
}

fn allows(rule: Rule, who: &str) -> bool {
    match rule.who {
        Access::Public => true,
        Access::User => ["member", "administrator"].contains(&who) || (who == "token" && rule.scope == "user:read"),
        Access::Administrator => who == "administrator",
        Access::Gateway => who == "gateway",
        Access::AnalysisService => who == "analysis-service",
        Access::Unspecified => false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_rpc_lets_in_whom_its_rule_names_and_nobody_else() {
    let house = House::new().await;
    let admin = house.administrator().await;
    house.user(&admin, "ada", UserRole::Member).await;
    let mut calls = 0;
    for (path, rule) in rules().filter(|(path, _)| !path.starts_with("/fenxi.analysis.")) {
        for who in ["nobody", "token", "member", "administrator", "gateway", "analysis-service", "forged", "cookie"] {
            // Anew for each call: Logout is among them.
            let bearer = match who {
                "member" => house.login("ada", PASSWORD).await.expect("signed in").secret,
                "administrator" => house.login("admin", PASSWORD).await.expect("signed in").secret,
                "token" => {
                    let wanted = CreateApiTokenRequest {
                        name: "t".into(),
                        scopes: vec!["user:read".into()],
                        request_id: request_id(),
                        expire_time: None,
                    };
                    let made = house.tokens(&admin.secret).await.create_api_token(wanted).await.expect("made");
                    let made = made.into_inner();
                    let revoke = fenxi_proto::auth::v1::RevokeApiTokenRequest {
                        api_token_id: made.api_token.expect("a token").api_token_id,
                        request_id: request_id(),
                    };
                    let caller = house.resolve(&made.secret).await.expect("resolved").caller_token;
                    let answer = call(&house, path, Some(&format!("Bearer {caller}"))).await;
                    assert_eq!(reached(&answer), allows(rule, who), "{path} by {who}: {answer:?}");
                    house.tokens(&admin.secret).await.revoke_api_token(revoke).await.expect("revoked");
                    calls += 1;
                    continue;
                }
                _ => String::new(),
            };
            let authorization = match who {
                "nobody" => None,
                "gateway" => Some(format!("Bearer {GATEWAY_SECRET}")),
                "analysis-service" => Some(format!("Bearer {ANALYSIS_SECRET}")),
                "forged" => Some("Bearer fxs_ffffffffffffffffffffffffffffffffffff".to_owned()),
                // The secret itself, straight to the service: only the gateway may turn it into a Caller.
                "cookie" => Some(format!("Bearer {}", admin.secret)),
                _ => {
                    let resolved = house.resolve(&bearer).await.expect("resolved");
                    Some(format!("Bearer {}", resolved.caller_token))
                }
            };
            let answer = call(&house, path, authorization.as_deref()).await;
            let expected = allows(rule, who) && !["forged", "cookie"].contains(&who);
            assert_eq!(reached(&answer), expected, "{path} by {who}: {answer:?}");
            calls += 1;
        }
    }
    assert!(calls > 200, "{calls}: the table is empty");
    let unknown = call(&house, "/fenxi.auth.v1.AuthService/Nothing", None).await;
    assert_eq!(unknown.expect_err("refused").code(), Code::PermissionDenied);
}

#[test]
fn the_descriptors_name_every_rpc_of_the_table() {
    let set = prost_types::FileDescriptorSet::decode(fenxi_proto::FILE_DESCRIPTOR_SET).expect("descriptors");
    let mut paths = Vec::new();
    for file in &set.file {
        for service in file.service.iter().filter(|_| file.package().starts_with("fenxi.")) {
            let full = format!("{}.{}", file.package(), service.name());
            paths.extend(service.method.iter().map(|method| format!("/{full}/{}", method.name())));
        }
    }
    paths.sort();
    assert_eq!(paths, rules().map(|(path, _)| path.to_owned()).collect::<Vec<_>>());
}

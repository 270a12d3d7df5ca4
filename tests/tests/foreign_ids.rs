//! Every RPC that takes the id of a resource, drawn from the contract's descriptors: with somebody else's id it answers a
//! user as with an id that nobody has. An RPC that is new fails here until it is said how to ask it.

#[path = "../../chassis/tests/support/raw.rs"]
mod raw;

use std::collections::BTreeMap;

use anyhow::Context as _;
use bytes::Bytes;
use e2e::{
    client::{Client, request_id},
    house::House,
};
use fenxi_proto::{
    access::rule,
    analysis::v1::{
        CancelExecutionRequest, CompleteUploadRequest, CreateKernelRequest, DependencyCondition, ExecuteRequest,
        InspectCodeRequest, Kernel, PreviewVariableRequest, ReadContentRequest, ReadKernelFileRequest,
        ReplyInputRequest, UpdateDatasetRequest, UpdateKernelRequest, WriteUploadRequest,
    },
    auth::v1::{CreateApiTokenRequest, ListLoginSessionsRequest},
    options::v1::Access,
};
use prost::Message as _;
use prost_types::{DescriptorProto, FieldMask, FileDescriptorSet, field_descriptor_proto::Type};
use tonic::{Code, Request, client::Grpc, codegen::http::uri::PathAndQuery};

use raw::Raw;

/// An id in a request: the numbers of the fields that lead to it, and their names with dots between.
#[derive(Clone, Debug)]
struct Place {
    numbers: Vec<u32>,
    names: String,
}

impl Place {
    /// A message with this id and nothing else.
    fn with(&self, id: &str) -> Vec<u8> {
        self.numbers.iter().rev().fold(id.as_bytes().to_vec(), |inner, number| {
            let mut field = Vec::new();
            prost::encoding::encode_key(*number, prost::encoding::WireType::LengthDelimited, &mut field);
            prost::encoding::encode_varint(inner.len() as u64, &mut field);
            field.extend(inner);
            field
        })
    }

    /// What it is an id of.
    fn resource(&self) -> &str {
        let name = self.names.rsplit('.').next().unwrap_or_default();
        let name = name.strip_suffix("_id").or_else(|| name.strip_suffix("_ids")).unwrap_or(name);
        name.strip_prefix("depends_on_").unwrap_or(name)
    }
}

/// An RPC that takes ids of resources.
struct Method {
    /// `/package.Service/Method`.
    path: String,
    name: String,
    places: Vec<Place>,
}

/// Ids that name no resource of anyone's, and what a user cannot set.
fn is_no_resource(method: &str, place: &str) -> bool {
    let field = place.rsplit('.').next().unwrap_or_default();
    // Of the call itself; of the set-up; a part of its execution.
    ["request_id", "login_method_id", "input_id"].contains(&field)
        // Output only.
        || (method == "UpdateKernel" && place != "kernel.kernel_id")
}

/// Every RPC for users with the places of the ids in its request.
fn methods() -> anyhow::Result<Vec<Method>> {
    let set = FileDescriptorSet::decode(fenxi_proto::FILE_DESCRIPTOR_SET)?;
    let mut messages = BTreeMap::new();
    for file in &set.file {
        messages.extend(file.message_type.iter().map(|each| (format!(".{}.{}", file.package(), each.name()), each)));
    }
    let mut methods = Vec::new();
    for file in set.file.iter().filter(|file| file.package().starts_with("fenxi.")) {
        for service in &file.service {
            for method in &service.method {
                let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                let who = rule(&path).with_context(|| path.clone())?.who;
                let mut places = Vec::new();
                if matches!(who, Access::User | Access::Administrator) {
                    find(&messages, method.input_type(), (&[], ""), &mut places);
                }
                places.retain(|place| !is_no_resource(method.name(), &place.names));
                if !places.is_empty() {
                    methods.push(Method { path, name: method.name().to_owned(), places });
                }
            }
        }
    }
    Ok(methods)
}

fn find(messages: &BTreeMap<String, &DescriptorProto>, name: &str, above: (&[u32], &str), places: &mut Vec<Place>) {
    let (numbers, names) = above;
    // Deeper than this no request of ours holds an id, but a message may hold itself.
    let Some(message) = messages.get(name).filter(|_| numbers.len() < 4) else { return };
    for field in &message.field {
        let numbers: Vec<_> = numbers.iter().copied().chain(u32::try_from(field.number())).collect();
        let names = if names.is_empty() { field.name().to_owned() } else { format!("{names}.{}", field.name()) };
        match field.r#type() {
            Type::String if field.name().ends_with("_id") || field.name().ends_with("_ids") => {
                places.push(Place { numbers, names });
            }
            Type::Message => find(messages, field.type_name(), (&numbers, &names), places),
            _ => {}
        }
    }
}

/// What a request holds beside the ids, so that nothing else in it is refused first; `None` for an RPC that is not known.
fn rest(method: &str) -> Option<Vec<u8>> {
    let name = "renamed".to_owned();
    Some(match method {
        "WriteUpload" => WriteUploadRequest::default().encode_to_vec(),
        "CompleteUpload" => CompleteUploadRequest { request_id: request_id(), ..Default::default() }.encode_to_vec(),
        "UpdateDataset" => UpdateDatasetRequest { name, ..Default::default() }.encode_to_vec(),
        "CreateKernel" => CreateKernelRequest { request_id: request_id(), ..Default::default() }.encode_to_vec(),
        "UpdateKernel" => UpdateKernelRequest {
            kernel: Some(Kernel { display_name: name, ..Default::default() }),
            update_mask: Some(FieldMask { paths: vec!["display_name".into()] }),
            ..Default::default()
        }
        .encode_to_vec(),
        "Execute" => ExecuteRequest {
            code: "1".into(),
            request_id: request_id(),
            dependency_condition: DependencyCondition::Succeeded.into(),
            ..Default::default()
        }
        .encode_to_vec(),
        "CancelExecution" => CancelExecutionRequest { request_id: request_id(), ..Default::default() }.encode_to_vec(),
        "ReplyInput" => {
            ReplyInputRequest { input_id: "1".into(), request_id: request_id(), ..Default::default() }.encode_to_vec()
        }
        "ReadKernelFile" => ReadKernelFileRequest { path: "a".into(), ..Default::default() }.encode_to_vec(),
        "ReadContent" => ReadContentRequest { sha256: "0".repeat(64), ..Default::default() }.encode_to_vec(),
        "InspectCode" => InspectCodeRequest { code: "a".into(), ..Default::default() }.encode_to_vec(),
        "PreviewVariable" => PreviewVariableRequest { name: "a".into(), ..Default::default() }.encode_to_vec(),
        "GetUpload"
        | "PreviewUpload"
        | "CancelUpload"
        | "GetDataset"
        | "PreviewDataset"
        | "ReadDatasetFile"
        | "DeleteDataset"
        | "WatchExecution"
        | "GetExecution"
        | "ListExecutions"
        | "CompleteCode"
        | "ListVariables"
        | "ListKernelFiles"
        | "GetKernel"
        | "InterruptKernel"
        | "KeepKernel"
        | "RestartKernel"
        | "DeleteKernel"
        | "WatchKernel"
        | "CreateNetworkGrant"
        | "ListNetworkGrants"
        | "DeleteNetworkGrant"
        | "RevokeApiToken"
        | "RevokeLoginSession"
        | "GetUser"
        | "UpdateUser"
        | "DisableUser"
        | "EnableUser"
        | "ListHistory"
        | "GetHistoryEntry"
        | "DeleteHistoryEntry"
        | "UndeleteHistoryEntry" => Vec::new(),
        _ => return None,
    })
}

/// Filters: what matches no resource of the caller's is an empty page.
const FILTERS: [(&str, &str); 2] = [("ListExecutions", "kernel_id"), ("ListHistory", "dataset_id")];

/// Ids by what they are of.
type Ids = BTreeMap<&'static str, String>;

/// One of everything that a user can have.
async fn belongings(user: &Client) -> anyhow::Result<Ids> {
    let upload = user.send("open.csv", b"a,b\n1,2\n".to_vec()).await?;
    let dataset = user.upload("sales.csv", b"a,b\n1,2\n".to_vec()).await?;
    let kernel = user.kernel(&[(&dataset.dataset_id, "df")]).await?;
    let run = user.run(&kernel.kernel_id, "df.a.sum()").await?;
    let entry = user.history_of(1).await?.remove(0);
    let wanted = CreateApiTokenRequest {
        name: "a program".into(),
        scopes: vec!["history:read".into()],
        request_id: request_id(),
        ..Default::default()
    };
    let mut tokens = fenxi_proto::auth::v1::api_token_service_client::ApiTokenServiceClient::new(user.channel());
    let token = tokens.create_api_token(wanted).await?.into_inner().api_token.context("no token")?;
    let mut sessions =
        fenxi_proto::auth::v1::login_session_service_client::LoginSessionServiceClient::new(user.channel());
    let sessions = sessions.list_login_sessions(ListLoginSessionsRequest::default()).await?.into_inner();
    let session = sessions.login_sessions.first().context("no LoginSession")?;
    Ok(Ids::from([
        ("upload", upload.upload_id),
        ("dataset", dataset.dataset_id),
        ("kernel", kernel.kernel_id),
        ("execution", run.execution_id),
        ("history_entry", entry.history_entry_id),
        ("api_token", token.api_token_id),
        ("login_session", session.login_session_id.clone()),
        ("user", user.user.user_id.clone()),
        // Administrators' alone: nobody else gets as far as looking for it.
        ("grant", request_id()),
    ]))
}

/// What an RPC says first.
#[derive(Debug, PartialEq)]
enum Said {
    Answer(Option<Bytes>),
    Refusal(Code, String, Bytes),
}

async fn ask(user: &Client, path: &str, request: Vec<u8>) -> anyhow::Result<Said> {
    let mut client = Grpc::new(user.channel());
    client.ready().await?;
    let path: PathAndQuery = path.parse()?;
    let answered = async {
        let mut stream = client.server_streaming(Request::new(Bytes::from(request)), path, Raw).await?.into_inner();
        stream.message().await
    };
    Ok(match answered.await {
        Ok(answer) => Said::Answer(answer),
        Err(status) => {
            Said::Refusal(status.code(), status.message().to_owned(), Bytes::copy_from_slice(status.details()))
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_id_is_as_unknown_as_one_that_nobody_has() -> anyhow::Result<()> {
    let house = House::start().await?;
    let ada = Client::administrator(&house).await?;
    let bob = ada.member(&house, "bob").await?;
    let (adas, bobs) = (belongings(&ada).await?, belongings(&bob).await?);
    let mut asked = 0;
    for Method { path, name, places } in methods()? {
        let administrators = rule(&path).context("a rule")?.who == Access::Administrator;
        for place in &places {
            let resource = place.resource();
            let foreign = adas.get(resource).with_context(|| format!("{path}: nobody here has a {resource}"))?;
            let request = |id: &str| {
                let mut request =
                    rest(&name).with_context(|| format!("{path} is new: say in `rest` how it is asked"))?;
                // The others are the caller's own, so that it is this one that is looked at.
                for other in places.iter().filter(|other| other.names != place.names) {
                    request.extend(other.with(bobs.get(other.resource()).context("a resource of the caller's")?));
                }
                request.extend(place.with(id));
                anyhow::Ok(request)
            };
            let of_ada = ask(&bob, &path, request(foreign)?).await?;
            let of_nobody = ask(&bob, &path, request(&request_id())?).await?;
            assert_eq!(of_ada, of_nobody, "{path} tells a foreign {} from an unknown one", place.names);
            let expected = if administrators { Code::PermissionDenied } else { Code::NotFound };
            match of_ada {
                Said::Refusal(code, text, _) => assert_eq!(code, expected, "{path}, {}: {text}", place.names),
                Said::Answer(answer) => {
                    let filter = FILTERS.contains(&(name.as_str(), place.names.as_str()));
                    assert!(filter, "{path} takes an unknown {}: {answer:?}", place.names);
                }
            }
            asked += 1;
        }
    }
    assert!(asked > 35, "{asked}: the descriptors were not read");
    // Nothing of hers has changed.
    assert_eq!(ada.run(&adas["kernel"], "int(df.a.sum()) + 1").await?.result(), Some("2"));
    ada.history_of(2).await?;
    house.stop().await
}

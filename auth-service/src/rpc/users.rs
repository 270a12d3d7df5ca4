//! UserService: the accounts, for administrators.

use std::sync::Arc;

use fenxi_chassis::page::{self, PageTokens};
use fenxi_proto::{
    auth::v1::{
        CreateUserRequest, CreateUserResponse, DisableUserRequest, DisableUserResponse, EnableUserRequest,
        EnableUserResponse, GetUserRequest, GetUserResponse, ListUsersRequest, ListUsersResponse, UpdateUserRequest,
        UpdateUserResponse, User as UserMessage, UserRole,
        user_service_server::{UserService, UserServiceServer},
    },
    error::Failure,
    id,
    time::timestamp,
};
use prost::Message as _;
use tonic::{Request, Response, Status, service::interceptor::InterceptedService};

use super::call::{self, Live, REQUEST_MAX_BYTES};
use crate::{
    request_ids::RequestDigests,
    user::{Changes, Role, User, UserError, Users, Wanted, name::Unacceptable},
};

/// Longest text to search for, in characters.
const QUERY_MAX_CHARS: usize = 100;

/// UserService.
pub(crate) struct Rpc {
    pub(crate) users: Users,
    pub(crate) page_tokens: Arc<PageTokens>,
    pub(crate) digests: RequestDigests,
}

impl Rpc {
    /// As it is served.
    pub(crate) fn service(self, live: Live) -> InterceptedService<UserServiceServer<Self>, Live> {
        let server = UserServiceServer::new(self).max_decoding_message_size(REQUEST_MAX_BYTES);
        InterceptedService::new(server, live)
    }
}

/// A user as sent.
pub(crate) fn message(user: User) -> UserMessage {
    UserMessage {
        user_id: user.user_id.to_string(),
        username: user.username.unwrap_or_default(),
        display_name: user.display_name,
        english_name: user.english_name,
        avatar_url: user.avatar_url,
        email: user.email,
        role: match user.role {
            Role::Member => UserRole::Member.into(),
            Role::Administrator => UserRole::Administrator.into(),
        },
        disabled: user.disabled_time.is_some(),
        identity_provider: user.identity_provider,
        create_time: Some(timestamp(user.create_time)),
        last_login_time: user.last_login_time.map(timestamp),
        first_login_time: user.first_login_time.map(timestamp),
    }
}

fn role(field: &'static str, number: i32) -> Result<Option<Role>, Failure> {
    match UserRole::try_from(number) {
        Ok(UserRole::Unspecified) => Ok(None),
        Ok(UserRole::Member) => Ok(Some(Role::Member)),
        Ok(UserRole::Administrator) => Ok(Some(Role::Administrator)),
        Err(_) => Err(Failure::invalid(field, "is not a role")),
    }
}

/// What `update_mask` names, from the message and the password beside it.
fn changes(request: &UpdateUserRequest) -> Result<Changes, Failure> {
    let user = request.user.as_ref().ok_or_else(|| Failure::invalid("user", "is required"))?;
    let paths = request.update_mask.as_ref().map(|mask| mask.paths.as_slice()).unwrap_or_default();
    let mut changes = Changes::default();
    for path in paths {
        match path.as_str() {
            "display_name" => changes.display_name = Some(user.display_name.clone()),
            "role" => {
                let role = role("user.role", user.role)?;
                changes.role = Some(role.ok_or_else(|| Failure::invalid("user.role", "is required"))?);
            }
            "password" => changes.password = Some(request.password.clone()),
            _ => {
                let text = "names a field that cannot be changed; `display_name`, `role` and `password` can";
                return Err(Failure::invalid("update_mask", text));
            }
        }
    }
    if paths.is_empty() {
        return Err(Failure::invalid("update_mask", "is required: `display_name`, `role`, `password`"));
    }
    Ok(changes)
}

/// The name stands in the user of the request.
fn of_update(error: UserError) -> Failure {
    match error {
        UserError::Unacceptable(error @ Unacceptable::DisplayName) => Failure::invalid("user.display_name", error),
        error => error.into(),
    }
}

#[tonic::async_trait]
impl UserService for Rpc {
    async fn list_users(&self, request: Request<ListUsersRequest>) -> Result<Response<ListUsersResponse>, Status> {
        let request = request.into_inner();
        let page_size = page::size(request.page_size)?;
        if request.query.chars().count() > QUERY_MAX_CHARS || request.query.chars().any(char::is_control) {
            let text = "must have at most 100 characters, none of them a control character";
            return Err(Failure::invalid("query", text).into());
        }
        let list = format!("ListUsers\n{}", request.query);
        let after = call::cursor(self.page_tokens.open(list.as_bytes(), &request.page_token)?)?;
        let (mut users, total_size) =
            self.users.page(&request.query, after, page_size + 1).await.map_err(Failure::from)?;
        let last = call::cut(&mut users, page_size, |user| user.user_id);
        Ok(Response::new(ListUsersResponse {
            users: users.into_iter().map(message).collect(),
            next_page_token: last.map(|id| self.page_tokens.seal(list.as_bytes(), id.as_bytes())).unwrap_or_default(),
            total_size,
        }))
    }

    async fn get_user(&self, request: Request<GetUserRequest>) -> Result<Response<GetUserResponse>, Status> {
        let user_id = id::parse_resource("user_id", &request.into_inner().user_id)?;
        let user = self.users.get(user_id).await.map_err(Failure::from)?;
        Ok(Response::new(GetUserResponse { user: Some(message(user)) }))
    }

    async fn create_user(&self, request: Request<CreateUserRequest>) -> Result<Response<CreateUserResponse>, Status> {
        let actor = call::user(&request)?;
        let request = request.into_inner();
        let request_id = id::parse("request_id", &request.request_id)?;
        let content = CreateUserRequest { request_id: String::new(), ..request.clone() }.encode_to_vec();
        let once = self.digests.once(actor.user_id, Some(request_id), "CreateUser", &[&content]);
        let wanted = Wanted {
            role: role("role", request.role)?.unwrap_or(Role::Member),
            username: request.username,
            password: request.password,
            display_name: request.display_name,
        };
        let user = self.users.create(wanted, once).await.map_err(Failure::from)?;
        Ok(Response::new(CreateUserResponse { user: Some(message(user)) }))
    }

    async fn update_user(&self, request: Request<UpdateUserRequest>) -> Result<Response<UpdateUserResponse>, Status> {
        let actor = call::user(&request)?;
        let request = request.into_inner();
        let changes = changes(&request)?;
        let user_id = request.user.as_ref().map(|user| user.user_id.as_str()).unwrap_or_default();
        let user_id = id::parse_resource("user.user_id", user_id)?;
        let request_id = id::parse_optional("request_id", &request.request_id)?;
        let content = UpdateUserRequest { request_id: String::new(), ..request }.encode_to_vec();
        let once = self.digests.once(actor.user_id, request_id, "UpdateUser", &[&content]);
        let user = self.users.update(user_id, changes, once).await.map_err(of_update)?;
        Ok(Response::new(UpdateUserResponse { user: Some(message(user)) }))
    }

    async fn disable_user(
        &self,
        request: Request<DisableUserRequest>,
    ) -> Result<Response<DisableUserResponse>, Status> {
        let actor = call::user(&request)?;
        let request = request.into_inner();
        let user_id = id::parse_resource("user_id", &request.user_id)?;
        let request_id = id::parse_optional("request_id", &request.request_id)?;
        let once = self.digests.once(actor.user_id, request_id, "DisableUser", &[user_id.as_bytes()]);
        let user = self.users.set_disabled(user_id, true, once).await.map_err(Failure::from)?;
        Ok(Response::new(DisableUserResponse { user: Some(message(user)) }))
    }

    async fn enable_user(&self, request: Request<EnableUserRequest>) -> Result<Response<EnableUserResponse>, Status> {
        let actor = call::user(&request)?;
        let request = request.into_inner();
        let user_id = id::parse_resource("user_id", &request.user_id)?;
        let request_id = id::parse_optional("request_id", &request.request_id)?;
        let once = self.digests.once(actor.user_id, request_id, "EnableUser", &[user_id.as_bytes()]);
        let user = self.users.set_disabled(user_id, false, once).await.map_err(Failure::from)?;
        Ok(Response::new(EnableUserResponse { user: Some(message(user)) }))
    }
}

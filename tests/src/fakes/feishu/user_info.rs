//! user_info: in an envelope, and with HTTP 200 even when it is an error.

use axum::{
    Json,
    extract::State as Shared,
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{Endpoint, Person, Vendor};

fn refusal(status: StatusCode, code: i64) -> Response {
    (status, [("x-tt-logid", "fake-log-id")], Json(json!({"code": code, "msg": "a fake refusal"}))).into_response()
}

/// `GET /open-apis/authen/v1/user_info`
pub(super) async fn read(Shared(vendor): Shared<Vendor>, headers: HeaderMap) -> Response {
    if let Some(fault) = vendor.due(Endpoint::UserInfo) {
        return fault.answer().await;
    }
    let Some(authorization) = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()) else {
        return refusal(StatusCode::BAD_REQUEST, 99_991_661);
    };
    let Some(token) = authorization.strip_prefix("Bearer ") else {
        return refusal(StatusCode::BAD_REQUEST, 99_991_671);
    };
    let found = vendor.state().tokens.get(token).cloned();
    match found {
        None => refusal(StatusCode::OK, 20_005),
        Some((_, expire_time)) if vendor.now() >= expire_time => refusal(StatusCode::OK, 99_991_677),
        Some((Person { user_info_code: Some(code), .. }, _)) => refusal(StatusCode::OK, code),
        Some((person, _)) => Json(json!({"code": 0, "msg": "success", "data": data(&person)})).into_response(),
    }
}

fn data(person: &Person) -> Value {
    let mut data = json!({
        "name": person.name,
        "en_name": person.en_name,
        "avatar_url": person.avatar_url,
        "avatar_thumb": person.avatar_url,
        "avatar_middle": person.avatar_url,
        "avatar_big": person.avatar_url,
        "open_id": person.open_id,
        "union_id": person.union_id,
        "tenant_key": person.tenant_key,
    });
    if let (false, Some(data)) = (person.email.is_empty(), data.as_object_mut()) {
        data.insert("email".to_owned(), json!(person.email));
    }
    data
}

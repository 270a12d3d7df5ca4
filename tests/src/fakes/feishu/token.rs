//! The v2 token endpoint: a code for a user access token, once.

use std::collections::HashMap;

use axum::{
    Json,
    body::Bytes,
    extract::State as Shared,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{Challenge, Endpoint, MICROS_PER_SEC, State, TOKEN_LIFE_SECS, Vendor};

fn refusal(code: i64) -> Response {
    let status = match code {
        20_050 => StatusCode::INTERNAL_SERVER_ERROR,
        20_072 => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    };
    let body = json!({"code": code, "error": "invalid_grant", "error_description": "a fake refusal"});
    (status, [("x-tt-logid", "fake-log-id")], Json(body)).into_response()
}

/// The fields, from either of the two forms that the vendor takes.
fn fields(headers: &HeaderMap, body: &[u8]) -> Option<HashMap<String, String>> {
    let content_type = headers.get("content-type")?.to_str().ok()?.split(';').next()?.trim().to_owned();
    match content_type.as_str() {
        "application/json" => serde_json::from_slice(body).ok(),
        "application/x-www-form-urlencoded" => Some(url::form_urlencoded::parse(body).into_owned().collect()),
        _ => None,
    }
}

/// `POST /open-apis/authen/v2/oauth/token`
pub(super) async fn exchange(Shared(vendor): Shared<Vendor>, headers: HeaderMap, body: Bytes) -> Response {
    if let Some(fault) = vendor.due(Endpoint::Token) {
        return fault.answer().await;
    }
    let now = vendor.now();
    let mut state = vendor.state();
    match fields(&headers, &body).ok_or(20_001).and_then(|fields| grant(&mut state, &headers, &fields, now)) {
        Ok(access_token) => Json(json!({
            "code": 0,
            "access_token": access_token,
            "expires_in": TOKEN_LIFE_SECS,
            "scope": "auth:user.id:read",
            "token_type": "Bearer",
        }))
        .into_response(),
        Err(code) => refusal(code),
    }
}

fn grant(state: &mut State, headers: &HeaderMap, fields: &HashMap<String, String>, now: i64) -> Result<String, i64> {
    let get = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
    if get("grant_type") != "authorization_code" {
        return Err(20_036);
    }
    if headers.contains_key("authorization") && !get("client_secret").is_empty() {
        return Err(20_070);
    }
    if [get("client_id"), get("client_secret"), get("code")].contains(&"") {
        return Err(20_063);
    }
    let app = state.apps.iter().find(|app| app.app_id == get("client_id")).ok_or(20_048)?;
    if app.other_brand {
        return Err(20_046);
    }
    if app.disabled {
        return Err(20_069);
    }
    if app.app_secret != get("client_secret") {
        return Err(20_002);
    }
    let code = state.codes.get_mut(get("code")).ok_or(20_003)?;
    if code.app_id != app.app_id {
        return Err(20_024);
    }
    if code.used {
        return Err(20_065);
    }
    if now >= code.expire_time {
        return Err(20_004);
    }
    if code.redirect_uri != get("redirect_uri") {
        return Err(20_071);
    }
    check_proof(code.challenge.as_ref(), get("code_verifier"))?;
    if let Some(refused) = code.person.token_code {
        return Err(refused);
    }
    code.used = true;
    let person = code.person.clone();
    state.issued += 1;
    // As long as the vendor's.
    let access_token = format!("eyJ{:0>1500}", state.issued);
    state.tokens.insert(access_token.clone(), (person, now + TOKEN_LIFE_SECS * MICROS_PER_SEC));
    Ok(access_token)
}

fn check_proof(challenge: Option<&Challenge>, verifier: &str) -> Result<(), i64> {
    let unreserved = verifier.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b));
    let well_formed = (43..=128).contains(&verifier.len()) && unreserved;
    let proved = match challenge {
        None => verifier.is_empty(),
        Some(Challenge::Plain(challenge)) => well_formed && challenge == verifier,
        Some(Challenge::S256(challenge)) => {
            well_formed && *challenge == URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
        }
    };
    if proved { Ok(()) } else { Err(20_049) }
}

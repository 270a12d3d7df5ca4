//! The provider's answers as they come over the wire, and what is taken from them. Nothing wire-shaped leaves this room.

use serde::Deserialize;
use url::Url;

use crate::{
    provider::Profile,
    user::name::{DISPLAY_NAME_MAX_CHARS, cleaned},
};

/// Longest id taken from the provider, in characters; its own are about 35.
const ID_MAX_CHARS: usize = 128;
/// Longest number of a call, in characters; the vendor's own have about 35.
const LOG_ID_MAX_CHARS: usize = 64;
/// Longest access token taken, in bytes; the vendor says to reserve 4 KB.
const ACCESS_TOKEN_MAX_BYTES: usize = 8 * 1024;
const AVATAR_URL_MAX_BYTES: usize = 2 * 1024;
const EMAIL_MAX_CHARS: usize = 254;

/// The answer of `POST /open-apis/authen/v2/oauth/token`: flat, without an envelope.
#[derive(Deserialize)]
pub(super) struct TokenAnswer {
    pub(super) code: Option<i64>,
    access_token: Option<String>,
}

impl TokenAnswer {
    /// The user access token of a good answer.
    pub(super) fn access_token(self) -> Option<String> {
        let printable = |token: &String| token.bytes().all(|b| b.is_ascii_graphic());
        self.access_token.filter(|token| (1..=ACCESS_TOKEN_MAX_BYTES).contains(&token.len()) && printable(token))
    }
}

/// The answer of `GET /open-apis/authen/v1/user_info`: in an envelope, and with HTTP 200 even when it is an error.
#[derive(Deserialize)]
pub(super) struct UserInfoAnswer {
    pub(super) code: Option<i64>,
    data: Option<UserInfo>,
}

#[derive(Deserialize)]
struct UserInfo {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    en_name: Option<String>,
    #[serde(default)]
    avatar_url: Option<String>,
    #[serde(default)]
    open_id: Option<String>,
    #[serde(default)]
    union_id: Option<String>,
    #[serde(default)]
    tenant_key: Option<String>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    enterprise_email: Option<String>,
}

impl UserInfoAnswer {
    /// Who it is, if the answer names person and organisation.
    pub(super) fn profile(self, identity_provider: &'static str, app_id: &str) -> Option<Profile> {
        let info = self.data?;
        let open_id = id(info.open_id)?;
        let tenant_key = id(info.tenant_key)?;
        let name = |text: Option<String>| cleaned(&text.unwrap_or_default(), DISPLAY_NAME_MAX_CHARS);
        let english_name = name(info.en_name);
        let display_name =
            [name(info.name), english_name.clone(), open_id.clone()].into_iter().find(|n| !n.is_empty())?;
        let email = info.email.filter(|email| !email.is_empty()).or(info.enterprise_email);
        Some(Profile {
            identity_provider,
            app_id: app_id.to_owned(),
            tenant_key,
            open_id,
            union_id: id(info.union_id),
            display_name,
            english_name,
            avatar_url: avatar(&info.avatar_url.unwrap_or_default()),
            email: cleaned(&email.unwrap_or_default(), EMAIL_MAX_CHARS),
        })
    }
}

/// The number of the call in the provider's own log, which the vendor asks for with every report of a fault: of the header,
/// or else of the `error` in the body. Empty where neither has one.
pub(super) fn log_id(header: Option<&str>, body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Body {
        error: Error,
    }
    // The token's errors have a text in its place.
    #[derive(Deserialize)]
    struct Error {
        log_id: String,
    }
    let text = match header.filter(|text| !text.trim().is_empty()) {
        Some(text) => text.to_owned(),
        None => serde_json::from_slice::<Body>(body).map(|body| body.error.log_id).unwrap_or_default(),
    };
    cleaned(&text, LOG_ID_MAX_CHARS)
}

/// An id as given, or nothing: a cut or cleaned id would be another person's.
fn id(text: Option<String>) -> Option<String> {
    text.filter(|id| (1..=ID_MAX_CHARS).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()))
}

/// The URL if it is plain https, else nothing: no script, no data, no credentials.
fn avatar(text: &str) -> String {
    let plain = |url: &Url| {
        url.scheme() == "https" && url.host_str().is_some() && url.username().is_empty() && url.password().is_none()
    };
    if text.len() > AVATAR_URL_MAX_BYTES {
        return String::new();
    }
    Url::parse(text).ok().filter(plain).map(String::from).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Profile> {
        serde_json::from_str::<UserInfoAnswer>(text).ok()?.profile("feishu", "cli_x")
    }

    #[test]
    fn a_person_is_read_with_cleaned_names() {
        let profile = read(
            r#"{"code":0,"msg":"success","data":{"name":" 爱\u0007达 ","en_name":"Ada","avatar_url":"https://s.example/a.png","avatar_big":"x",
            "open_id":"ou_1","union_id":"on_1","tenant_key":"t1","enterprise_email":"ada@corp.example","email":"","mobile":"+86"}}"#,
        )
        .expect("a profile");
        assert_eq!((profile.display_name.as_str(), profile.english_name.as_str()), ("爱达", "Ada"));
        assert_eq!((profile.open_id.as_str(), profile.tenant_key.as_str()), ("ou_1", "t1"));
        assert_eq!(profile.email, "ada@corp.example");
        assert_eq!(profile.avatar_url, "https://s.example/a.png");
    }

    #[test]
    fn without_person_or_organisation_there_is_nobody() {
        for data in [
            r#"{"open_id":"ou_1"}"#,
            r#"{"tenant_key":"t1"}"#,
            r#"{"open_id":"","tenant_key":"t1"}"#,
            r#"{"open_id":"ou_1","tenant_key":""}"#,
            r#"{"open_id":"ou 1","tenant_key":"t1"}"#,
            r#"{"open_id":"ou_1","open_id":"ou_2","tenant_key":"t1"}"#,
            r#"{"open_id":1,"tenant_key":"t1"}"#,
            "null",
            "[]",
        ] {
            assert_eq!(read(&format!(r#"{{"code":0,"data":{data}}}"#)), None, "{data}");
        }
        let long = "o".repeat(ID_MAX_CHARS + 1);
        assert_eq!(read(&format!(r#"{{"code":0,"data":{{"open_id":"{long}","tenant_key":"t"}}}}"#)), None);
    }

    #[test]
    fn a_refusal_has_the_number_of_its_call_from_where_it_is() {
        let body = br#"{"code":99991663,"msg":"Invalid access token","error":{"log_id":"2026\u000a1127","troubleshooter":"x"}}"#;
        assert_eq!(log_id(None, body), "20261127", "a line of the log stays one");
        assert_eq!(log_id(Some(" "), body), "20261127");
        assert_eq!(log_id(Some("of-the-header"), body), "of-the-header");
        for other in [&b""[..], b"<html>", br#"{"code":20050,"error":"server_error"}"#, br#"{"error":{"log_id":7}}"#] {
            assert_eq!(log_id(None, other), "", "{}", String::from_utf8_lossy(other));
        }
        assert_eq!(log_id(Some(&"7".repeat(999)), b"").len(), LOG_ID_MAX_CHARS);
    }

    #[test]
    fn only_plain_https_is_an_avatar() {
        assert_eq!(avatar("https://cdn.example/a?x=1"), "https://cdn.example/a?x=1");
        for bad in [
            "",
            "http://x.example/a",
            "javascript:alert(1)",
            "data:image/svg+xml,x",
            "//x",
            "https://u:p@x.example/",
            "https:",
        ] {
            assert_eq!(avatar(bad), "", "{bad}");
        }
    }

    #[test]
    fn an_access_token_is_a_header_value() {
        let token = |text: &str| serde_json::from_str::<TokenAnswer>(text).ok().and_then(TokenAnswer::access_token);
        assert_eq!(token(r#"{"code":0,"access_token":"eyJ"}"#).as_deref(), Some("eyJ"));
        for bad in [
            r#"{"code":0}"#,
            r#"{"access_token":""}"#,
            r#"{"access_token":"a\r\nb"}"#,
            r#"{"access_token":"a","access_token":"b"}"#,
        ] {
            assert_eq!(token(bad), None, "{bad}");
        }
    }
}

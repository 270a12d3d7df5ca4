//! The authorize page, and the person in front of it.

use std::collections::HashMap;

use anyhow::{Context as _, ensure};
use axum::{
    Json,
    extract::{Query, State as Shared},
    http::{HeaderMap, StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
};
use serde_json::json;
use url::Url;

use super::{CODE_LIFE_SECS, Challenge, Code, FakeFeishu, MICROS_PER_SEC, Person, Vendor, consent};

/// The header by which a test says who is signed in over there: in place of the vendor's own cookie.
const PERSON: &str = "x-fake-person";
const MAX_SCOPES: usize = 50;

/// What the person does on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// Lets the app in.
    Allow,
    /// Does not.
    Refuse,
}

fn page_error(code: i64, message: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({"code": code, "message": message}))).into_response()
}

/// The match is on the path: query and fragment of the registered URL do not count.
fn is_registered(registered: &[String], asked: &Url) -> bool {
    registered.iter().filter_map(|url| Url::parse(url).ok()).any(|url| {
        (url.scheme(), url.host(), url.port_or_known_default(), url.path())
            == (asked.scheme(), asked.host(), asked.port_or_known_default(), asked.path())
    })
}

/// `GET /open-apis/authen/v1/authorize`
pub(super) async fn page(
    Shared(vendor): Shared<Vendor>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let get = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
    let now = vendor.now();
    let mut state = vendor.state();
    let Some(app) = state.apps.iter().find(|app| app.app_id == get("client_id")).cloned() else {
        return page_error(20_048, "app not found");
    };
    if app.other_brand {
        return page_error(20_046, "Brand inconsistency");
    }
    if get("response_type") != "code" {
        return page_error(20_001, "response_type");
    }
    let Some(redirect_uri) = Url::parse(get("redirect_uri")).ok().filter(|url| is_registered(&app.redirect_urls, url))
    else {
        return page_error(20_029, "redirect_uri unmatch");
    };
    let scopes: Vec<_> = get("scope").split_ascii_whitespace().collect();
    if scopes.len() > MAX_SCOPES || scopes.iter().any(|scope| !app.scopes.iter().any(|known| known == scope)) {
        return page_error(20_027, "scope not enabled");
    }
    let challenge = match (get("code_challenge"), get("code_challenge_method")) {
        ("", _) => None,
        (challenge, "S256") => Some(Challenge::S256(challenge.to_owned())),
        // The vendor's default.
        (challenge, "plain" | "") => Some(Challenge::Plain(challenge.to_owned())),
        _ => return page_error(20_001, "code_challenge_method"),
    };
    let (consent, person) = match said_by(&headers).or_else(|| consent::answer(&state.people, &query)) {
        Some(answer) => answer,
        None if state.people.is_empty() => return page_error(20_008, "nobody is signed in"),
        None => return consent::page(&state.people, &query),
    };
    let mut back = redirect_uri.clone();
    if consent {
        state.issued += 1;
        let code = format!("fake_{:058}_code", state.issued);
        let expire_time = now + CODE_LIFE_SECS * MICROS_PER_SEC;
        let redirect_uri = get("redirect_uri").to_owned();
        let entry = Code { app_id: app.app_id, person, redirect_uri, challenge, expire_time, used: false };
        state.codes.insert(code.clone(), entry);
        back.query_pairs_mut().append_pair("code", &code);
    } else {
        back.query_pairs_mut().append_pair("error", "access_denied");
    }
    if query.contains_key("state") {
        back.query_pairs_mut().append_pair("state", get("state"));
    }
    (StatusCode::FOUND, [(LOCATION, back.to_string())]).into_response()
}

/// What the header says: whether the app is let in, and by whom.
fn said_by(headers: &HeaderMap) -> Option<(bool, Person)> {
    let (consent, person): (bool, PersonHeader) = serde_json::from_str(headers.get(PERSON)?.to_str().ok()?).ok()?;
    Some((consent, person.into()))
}

/// A person as a header carries them.
#[derive(serde::Serialize, serde::Deserialize)]
struct PersonHeader(Vec<String>, Option<i64>, Option<i64>);

impl From<&Person> for PersonHeader {
    fn from(person: &Person) -> Self {
        let texts = [
            &person.open_id,
            &person.union_id,
            &person.tenant_key,
            &person.name,
            &person.en_name,
            &person.avatar_url,
            &person.email,
        ];
        Self(texts.into_iter().cloned().collect(), person.token_code, person.user_info_code)
    }
}

impl From<PersonHeader> for Person {
    fn from(header: PersonHeader) -> Self {
        let mut texts = header.0.into_iter();
        let mut next = || texts.next().unwrap_or_default();
        Self {
            open_id: next(),
            union_id: next(),
            tenant_key: next(),
            name: next(),
            en_name: next(),
            avatar_url: next(),
            email: next(),
            token_code: header.1,
            user_info_code: header.2,
        }
    }
}

/// What the browser comes back with: the query of the callback.
#[derive(Clone, Debug, Default)]
pub struct CameBack {
    /// Where it was sent, without the query.
    pub callback: String,
    /// Empty if refused.
    pub code: String,
    /// As sent there.
    pub state: String,
    /// `access_denied` if refused.
    pub error: String,
}

impl FakeFeishu {
    /// A browser in which this person is signed in over there opens the page that it was sent to.
    ///
    /// # Errors
    /// The page shows an error instead of sending the browser back: its body.
    pub async fn visit(&self, authorize_url: &str, person: &Person, consent: Consent) -> anyhow::Result<CameBack> {
        ensure!(authorize_url.starts_with(&self.url), "the browser was sent elsewhere: {authorize_url}");
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
        let header = serde_json::to_string(&(consent == Consent::Allow, PersonHeader::from(person)))?;
        // A header holds ASCII: everything else in its JSON escape.
        let header: String = header
            .chars()
            .map(|c| {
                if c.is_ascii() {
                    c.to_string()
                } else {
                    c.encode_utf16(&mut [0; 2]).iter().map(|u| format!("\\u{u:04x}")).collect()
                }
            })
            .collect();
        let answer = client.get(authorize_url).header(PERSON, header).send().await?;
        if answer.status() != StatusCode::FOUND {
            anyhow::bail!("the page says: {}", answer.text().await?);
        }
        let location = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok()).context("no location")?;
        let mut url = Url::parse(location)?;
        let mut back = CameBack::default();
        for (name, value) in url.query_pairs() {
            match name.as_ref() {
                "code" => back.code = value.into_owned(),
                "state" => back.state = value.into_owned(),
                "error" => back.error = value.into_owned(),
                _ => {}
            }
        }
        url.set_query(None);
        back.callback = url.into();
        Ok(back)
    }
}

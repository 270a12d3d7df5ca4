//! The authorize page as a person in a browser sees it: who they are over there, and whether they let the app in. Each
//! answer is a link to the same page with that answer in its query.

use std::collections::HashMap;

use axum::response::{Html, IntoResponse, Response};
use url::form_urlencoded;

use super::Person;

/// The parameter of the query by which a link says who lets the app in.
const ALLOWED_BY: &str = "fake_allowed_by";
/// That by which it says that they do not.
const REFUSED: &str = "fake_refused";

/// What a link of the page said: whether the app is let in, and by whom.
pub(super) fn answer(people: &[Person], query: &HashMap<String, String>) -> Option<(bool, Person)> {
    if query.contains_key(REFUSED) {
        return people.first().map(|person| (false, person.clone()));
    }
    let open_id = query.get(ALLOWED_BY)?;
    people.iter().find(|person| person.open_id == *open_id).map(|person| (true, person.clone()))
}

/// The page with its links.
pub(super) fn page(people: &[Person], query: &HashMap<String, String>) -> Response {
    let link = |name: &str, value: &str, text: &str| {
        let query =
            form_urlencoded::Serializer::new(String::new()).extend_pairs(query).append_pair(name, value).finish();
        format!("<p><a href=\"?{}\">{text}</a></p>", query.replace('&', "&amp;"))
    };
    let people: String = people.iter().map(|person| link(ALLOWED_BY, &person.open_id, &person.name)).collect();
    let refuse = link(REFUSED, "", "Refuse");
    Html(format!("<!doctype html><meta charset=utf-8><title>Feishu</title><h1>Let this app in?</h1>{people}{refuse}"))
        .into_response()
}

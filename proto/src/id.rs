//! Ids as they travel: a UUID in its hyphenated lower-case form.

use uuid::Uuid;

use crate::error::{ErrorReason, Failure};

/// Reads the id in `field`. Its absence and a wrong form are the caller's mistake.
///
/// # Errors
/// `INVALID_FIELD` naming the field.
pub fn parse(field: &'static str, text: &str) -> Result<Uuid, Failure> {
    parse_optional(field, text)?.ok_or_else(|| Failure::invalid(field, "is required"))
}

/// Reads the id in `field` where it may be empty.
///
/// # Errors
/// `INVALID_FIELD` naming the field.
pub fn parse_optional(field: &'static str, text: &str) -> Result<Option<Uuid>, Failure> {
    if text.is_empty() {
        return Ok(None);
    }
    // One form only, so that an id has one text and comparing texts compares ids.
    Uuid::try_parse(text)
        .ok()
        .filter(|id| text.len() == 36 && id.hyphenated().to_string() == text)
        .map(Some)
        .ok_or_else(|| Failure::invalid(field, "is not a UUID in its hyphenated lower-case form"))
}

/// Reads the id of a resource. A malformed one is as unknown as any other, so that nothing can be learnt from it.
///
/// # Errors
/// `NOT_FOUND`, the same as for an id that does not exist; `INVALID_FIELD` if it is empty.
pub fn parse_resource(field: &'static str, text: &str) -> Result<Uuid, Failure> {
    if text.is_empty() {
        return Err(Failure::invalid(field, "is required"));
    }
    parse(field, text).map_err(|_| Failure::new(ErrorReason::NotFound, "no such resource"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form_only() {
        let id = "01890a5d-ac96-774b-bcce-b302099a8057";
        assert_eq!(parse("x", id).expect("a good id").to_string(), id);
        for bad in [id.to_uppercase(), format!("{{{id}}}"), id.replace('-', ""), "x".into(), format!("{id} ")] {
            assert!(parse("x", &bad).is_err(), "{bad} was taken");
        }
        assert!(parse("x", "").is_err());
        assert_eq!(parse_optional("x", "").expect("may be empty"), None);
        assert_eq!(parse_resource("x", "nonsense").expect_err("not found").reason(), ErrorReason::NotFound);
    }
}

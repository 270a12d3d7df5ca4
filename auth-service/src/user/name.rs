//! The rules for names and passwords of local accounts, and the cleaning of names that come from outside.

/// Longest name for people, in characters.
pub(crate) const DISPLAY_NAME_MAX_CHARS: usize = 100;
/// Shortest and longest user name, in characters.
pub(crate) const USERNAME_CHARS: std::ops::RangeInclusive<usize> = 3..=64;
/// Shortest and longest password, in characters.
pub(crate) const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 10..=256;

/// Characters that a password has to have beside its user name and what everybody tries first.
const OWN_CHARS_MIN: usize = 4;
/// Different characters that a password has to have.
const DIFFERENT_CHARS_MIN: usize = 4;
/// What the passwords that are tried first are made of: words, and rows and columns of keyboards. Longer ones before those
/// that they contain.
const COMMON: [&str; 46] = [
    "qwertzuiop",
    "qwertyuiop",
    "1qaz2wsx3edc",
    "1q2w3e4r5t",
    "1qaz2wsx",
    "1q2w3e4r",
    "1q2w3e",
    "asdfghjkl",
    "zxcvbnm",
    "administrator",
    "passw0rd",
    "p@ssw0rd",
    "p@ssword",
    "password",
    "iloveyou",
    "princess",
    "sunshine",
    "football",
    "baseball",
    "superman",
    "trustno1",
    "whatever",
    "welcome",
    "letmein",
    "changeme",
    "dragon",
    "monkey",
    "master",
    "shadow",
    "michael",
    "jennifer",
    "qwerty",
    "asdfgh",
    "zxcvbn",
    "qazwsx",
    "abc123",
    "abcdef",
    "secret",
    "login",
    "admin",
    "woaini",
    "fenxi",
    "1234567890",
    "123456789",
    "12345678",
    "123456",
];

/// A name or password that does not meet its rule; the text completes a sentence that begins with the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unacceptable {
    /// Of a user name.
    #[error("must be 3 to 64 characters of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit")]
    Username,
    /// Of a password.
    #[error("must have at least 10 and at most 256 characters")]
    PasswordLength,
    /// Of a password.
    #[error(
        "must not be one character repeated, a simple sequence, one of those that everybody tries first, or made of the user name"
    )]
    PasswordSimple,
    /// Of a display name.
    #[error("must have at most 100 characters, none of them a control character")]
    DisplayName,
}

/// The user name as stored: lower case.
///
/// # Errors
/// [`Unacceptable::Username`].
pub(crate) fn username(text: &str) -> Result<String, Unacceptable> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
    let lower = text.to_ascii_lowercase();
    let begins = lower.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    if USERNAME_CHARS.contains(&lower.len()) && begins && lower.bytes().all(allowed) {
        Ok(lower)
    } else {
        Err(Unacceptable::Username)
    }
}

/// Checks a new password. Long passwords are taken whole: argon2 has no length limit that matters.
///
/// # Errors
/// [`Unacceptable::PasswordLength`] or [`Unacceptable::PasswordSimple`].
pub(crate) fn check_password(password: &str, username: &str) -> Result<(), Unacceptable> {
    let chars: Vec<char> = password.chars().take(PASSWORD_CHARS.end() + 1).collect();
    if !PASSWORD_CHARS.contains(&chars.len()) {
        return Err(Unacceptable::PasswordLength);
    }
    let step = |pair: &[char]| {
        pair.get(1).map_or(0, |b| i64::from(u32::from(*b))) - pair.first().map_or(0, |a| i64::from(u32::from(*a)))
    };
    let first = chars.windows(2).next().map_or(0, step);
    let sequence = first.abs() <= 1 && chars.windows(2).all(|pair| step(pair) == first);
    // From nine to nought is a step, too: as keyboards have them.
    let wraps = chars.iter().all(char::is_ascii_digit) && chars.windows(2).all(|pair| step(pair).rem_euclid(10) == 1);
    let different: std::collections::BTreeSet<_> = chars.iter().collect();
    let lower = password.to_lowercase();
    let without = |text: String, part: &str| if part.is_empty() { text } else { text.replace(part, "") };
    let own = COMMON.iter().fold(without(lower, username), |left, part| without(left, part));
    let poor = different.len() < DIFFERENT_CHARS_MIN || own.chars().count() < OWN_CHARS_MIN;
    if sequence || wraps || poor { Err(Unacceptable::PasswordSimple) } else { Ok(()) }
}

/// A name for people as given by a person: trimmed; one of which nothing can be seen means `fallback`.
///
/// # Errors
/// [`Unacceptable::DisplayName`].
pub(crate) fn display_name(text: &str, fallback: &str) -> Result<String, Unacceptable> {
    let text = text.trim();
    if text.chars().count() > DISPLAY_NAME_MAX_CHARS || text.chars().any(is_unprintable) {
        return Err(Unacceptable::DisplayName);
    }
    Ok(if text.chars().all(is_invisible) { fallback.to_owned() } else { text.to_owned() })
}

/// A text from another system, without control characters and direction overrides, trimmed and cut to `max_chars`; empty if
/// nothing of it can be seen.
#[must_use]
pub(crate) fn cleaned(text: &str, max_chars: usize) -> String {
    let printable: String = text.chars().filter(|c| !is_unprintable(*c)).collect();
    let cut: String = printable.trim().chars().take(max_chars).collect();
    if cut.chars().all(is_invisible) { String::new() } else { cut }
}

/// What takes no ink: some names are written with such characters, and none with them alone.
fn is_invisible(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200d}' | '\u{2060}')
}

/// Control characters, and those that turn the direction of the text around them.
fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_names_are_lowered_and_bounded() {
        assert_eq!(username("Ada.Lovelace_1-x").as_deref(), Ok("ada.lovelace_1-x"));
        let long = "a".repeat(65);
        for bad in ["", "ab", "-ab", ".ab", "a b c", "adä", "a@b.c", "abc\0", "абв", &long] {
            assert_eq!(username(bad), Err(Unacceptable::Username), "{bad:?}");
        }
    }

    #[test]
    fn passwords_are_long_and_not_simple() {
        let long = "long pass ".repeat(25);
        for good in ["correct horse", "十个字符的密码也可以用", "p4ssw0rd-x", "8305917264", "my own password", &long]
        {
            assert_eq!(check_password(good, "ada"), Ok(()), "{good:?}");
        }
        for short in ["", "123456789", &"ab".repeat(129)] {
            assert_eq!(check_password(short, "ada"), Err(Unacceptable::PasswordLength));
        }
        for simple in [
            "aaaaaaaaaaaa",
            "0123456789",
            "abcdefghijk",
            "9876543210",
            "1234567890",
            "7890123456",
            "qwertyuiop",
            "password123",
            "P@ssw0rd12",
            "Welcome123",
            "1q2w3e4r5t",
            "passwordpassword",
            "aaaaabbbbb",
            "administrator",
            "administrator1",
            "Administrator12",
        ] {
            assert_eq!(check_password(simple, "administrator"), Err(Unacceptable::PasswordSimple), "{simple:?}");
        }
    }

    #[test]
    fn names_for_people_are_printable() {
        assert_eq!(display_name("  Ada 爱达 ", "x").as_deref(), Ok("Ada 爱达"));
        for nothing in ["", " ", "\u{200b}", " \u{200d}\u{2060} "] {
            assert_eq!(display_name(nothing, "fallback").as_deref(), Ok("fallback"), "{nothing:?}");
        }
        assert_eq!(display_name("می\u{200c}نا", "x").as_deref(), Ok("می\u{200c}نا"), "a name may be written so");
        for nothing in ["\u{200f} \u{200f}", "\u{200b}"] {
            assert_eq!(cleaned(nothing, 9), "");
        }
        for bad in ["a\nb", "a\u{202e}b", &"x".repeat(101)] {
            assert_eq!(display_name(bad, "x"), Err(Unacceptable::DisplayName));
        }
        assert_eq!(cleaned(" a\r\n\u{1b}[31mb\u{202e}c ", 5), "a[31m");
    }
}

//! Keys over time: what is signed is verified by what is published, before, during and after a change of keys.

use std::os::unix::fs::PermissionsExt as _;

use fenxi_chassis::caller::{
    Caller, VerifyError,
    token::{AUDIENCE_AUTH, ISSUER, Role, Source},
};
use uuid::Uuid;

use super::{rotation::PUBLISH_AHEAD, *};

const DAY: Duration = Duration::from_secs(86_400);

fn rotation() -> Rotation {
    Rotation { age_max: DAY, overlap: Duration::from_secs(3_600) }
}

fn open(folder: &std::path::Path, clock: &Clock) -> (SigningKeys, Verifier) {
    let verifier = Verifier::new(AUDIENCE_AUTH, clock.clone(), None);
    let keys = SigningKeys::open(folder, rotation(), clock.clone(), verifier.clone()).expect("opened");
    (keys, verifier)
}

fn claims(clock: &Clock) -> Claims {
    let now = clock.now_micros() / 1_000_000;
    Claims {
        iss: ISSUER.into(),
        aud: AUDIENCE_AUTH.into(),
        sub: Uuid::from_u128(1),
        sid: Uuid::from_u128(2),
        src: Source::LoginSession,
        role: Role::Member,
        scp: String::new(),
        iat: now,
        nbf: now,
        exp: now + 300,
        jti: Uuid::from_u128(3),
    }
}

#[tokio::test]
async fn the_keys_outlive_a_restart_and_are_for_their_owner_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Clock::manual(1_795_000_000_000_000);
    let (keys, _) = open(folder.path(), &clock);
    let token = keys.sign(&claims(&clock)).expect("signed");
    let (again, verifier) = open(folder.path(), &clock);
    assert_eq!(keys.jwks(), again.jwks());
    assert!(matches!(verifier.verify(&token).await, Ok(Caller::User(_))));
    let file = folder.path().join("signing-keys.json");
    assert_eq!(std::fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
    assert!(!keys.jwks().contains("\"d\""), "a private half was published");
    std::fs::write(&file, "[{}]").expect("written");
    let verifier = Verifier::new(AUDIENCE_AUTH, clock.clone(), None);
    assert!(SigningKeys::open(folder.path(), rotation(), clock, verifier).is_err(), "a broken file was replaced");
}

#[tokio::test]
async fn a_change_of_keys_is_not_noticed_by_whoever_has_the_published_ones() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Clock::manual(1_795_000_000_000_000);
    let (keys, verifier) = open(folder.path(), &clock);
    let first = keys.sign(&claims(&clock)).expect("signed");

    clock.advance(DAY - PUBLISH_AHEAD);
    assert!(keys.tend().expect("tended"));
    let published = keys.jwks();
    clock.advance(PUBLISH_AHEAD);
    let second = keys.sign(&claims(&clock)).expect("signed");
    assert_ne!(first.split('.').next(), second.split('.').next(), "the old key signs still");
    let elsewhere = Verifier::new(AUDIENCE_AUTH, clock.clone(), None);
    elsewhere.set_keys(&serde_json::from_str(&published).expect("a key set"));
    assert!(elsewhere.verify(&second).await.is_ok(), "it was published before it signed");

    clock.advance(rotation().overlap);
    assert!(keys.tend().expect("tended"));
    assert!(!keys.tend().expect("tended"), "nothing more to do");
    assert_eq!(verifier.verify(&first).await, Err(VerifyError::UnknownKey), "the retired key is gone");
    assert!(keys.jwks().len() < published.len());
}

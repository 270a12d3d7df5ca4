//! Every way that a forged, stale or foreign token can come, each refused; and the good one, taken.

use std::time::Duration;

use ed25519_dalek::{SigningKey, pkcs8::EncodePrivateKey as _};
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;

const NOW_SECS: i64 = 1_795_000_000;

struct Forge {
    key: SigningKey,
    verifier: Verifier,
    clock: Clock,
}

fn forge() -> Forge {
    let key = SigningKey::from_bytes(&[7; 32]);
    let clock = Clock::manual(NOW_SECS * MICROS_PER_SEC);
    let services = [(ServiceName::Gateway, "fxs_good".to_owned())];
    let verifier = Verifier::with_services(token::AUDIENCE_AUTH, clock.clone(), None, services);
    let x = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
    let keys = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "k1", "x": x}]});
    verifier.set_keys(&serde_json::from_value(keys).expect("a key set"));
    Forge { key, verifier, clock }
}

fn claims() -> Value {
    json!({
        "iss": token::ISSUER, "aud": token::AUDIENCE_AUTH, "sub": Uuid::from_u128(1), "sid": Uuid::from_u128(2),
        "src": "api_token", "role": "member", "scp": "a:read b:write",
        "iat": NOW_SECS, "nbf": NOW_SECS, "exp": NOW_SECS + token::LIFE_SECS, "jti": Uuid::from_u128(3),
    })
}

fn header() -> Value {
    json!({"alg": "EdDSA", "typ": token::TYPE, "kid": "k1"})
}

impl Forge {
    /// Signs any header and claims with the good key.
    fn sign(&self, header: &Value, claims: &Value) -> String {
        use ed25519_dalek::Signer as _;
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.key.sign(signed.as_bytes()).to_bytes());
        format!("{signed}.{signature}")
    }

    async fn refuses(&self, what: &str, token: &str) {
        assert!(self.verifier.verify(token).await.is_err(), "taken: {what}");
    }
}

#[tokio::test]
async fn a_good_token_is_taken_until_its_end() {
    let forge = forge();
    let token = forge.sign(&header(), &claims());
    for _ in 0..2 {
        let Ok(Caller::User(user)) = forge.verifier.verify(&token).await else { panic!("refused") };
        assert_eq!((user.user_id, user.credential_id), (Uuid::from_u128(1), Uuid::from_u128(2)));
        assert_eq!(user.source, CredentialSource::ApiToken);
        assert_eq!(user.scopes, ["a:read", "b:write"]);
        assert!(!user.administrator);
    }
    forge.clock.advance(Duration::from_secs(330));
    assert!(forge.verifier.verify(&token).await.is_ok(), "the leeway is 30 s");
    forge.clock.advance(Duration::from_secs(1));
    assert_eq!(forge.verifier.verify(&token).await, Err(VerifyError::Expired), "remembered past its end");
    let fresh = self::forge();
    fresh.clock.advance(Duration::from_secs(331));
    assert_eq!(fresh.verifier.verify(&token).await, Err(VerifyError::Expired));
}

#[tokio::test]
async fn a_wrong_header_is_refused() {
    let forge = forge();
    for (key, value) in [
        ("alg", json!("none")),
        ("alg", json!("None")),
        ("alg", json!("HS256")),
        ("alg", json!("ES256")),
        ("typ", json!("JWT")),
        ("typ", Value::Null),
        ("kid", json!("k2")),
        ("kid", json!("../../dev/null")),
        ("kid", json!("' OR 1=1 --")),
        ("kid", json!("x".repeat(3_000))),
        ("kid", Value::Null),
        ("jku", json!("http://127.0.0.1:9/keys")),
        ("jwk", json!({"kty": "OKP"})),
        ("x5u", json!("http://127.0.0.1:9/")),
        ("crit", json!(["exp"])),
    ] {
        let mut header = header();
        header[key] = value;
        forge.refuses(&header.to_string(), &forge.sign(&header, &claims())).await;
    }
    let mut missing = header();
    missing.as_object_mut().expect("an object").remove("kid");
    forge.refuses("no kid", &forge.sign(&missing, &claims())).await;
}

#[tokio::test]
async fn a_wrong_claim_is_refused() {
    let forge = forge();
    for (key, value) in [
        ("aud", json!(token::AUDIENCE_ANALYSIS)),
        ("aud", json!([token::AUDIENCE_AUTH, "x"])),
        ("iss", json!("other")),
        ("exp", json!("1795000300")),
        ("exp", json!(-1)),
        ("exp", json!(1.5)),
        ("exp", json!(NOW_SECS - 31)),
        ("exp", json!(NOW_SECS + 86_400)),
        ("nbf", json!(NOW_SECS + 31)),
        ("nbf", json!("0")),
        ("iat", json!(NOW_SECS + 31)),
        ("sub", json!("nobody")),
        ("role", json!("root")),
        ("src", json!("cookie")),
        ("scp", Value::Null),
    ] {
        let mut claims = claims();
        claims[key] = value.clone();
        forge.refuses(&format!("{key} = {value}"), &forge.sign(&header(), &claims)).await;
    }
    for key in ["aud", "iss", "exp", "nbf", "iat", "sub", "sid", "src", "role", "jti"] {
        let mut claims = claims();
        claims.as_object_mut().expect("an object").remove(key);
        forge.refuses(&format!("no {key}"), &forge.sign(&header(), &claims)).await;
    }
    let huge = claims().to_string().replace(&format!("\"exp\":{}", NOW_SECS + token::LIFE_SECS), "\"exp\":1e400");
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let signed = format!("{}.{}", part(&header().to_string()), part(&huge));
    use ed25519_dalek::Signer as _;
    let signature = URL_SAFE_NO_PAD.encode(forge.key.sign(signed.as_bytes()).to_bytes());
    forge.refuses("exp = 1e400", &format!("{signed}.{signature}")).await;
}

#[tokio::test]
async fn a_wrong_signature_is_refused() {
    let forge = forge();
    let good = forge.sign(&header(), &claims());
    let unsigned = good.rsplit_once('.').expect("three parts").0;
    forge.refuses("empty signature", &format!("{unsigned}.")).await;
    forge.refuses("no signature", unsigned).await;
    let other = SigningKey::from_bytes(&[8; 32]).to_pkcs8_der().expect("a key");
    let mut head = Header::new(Algorithm::EdDSA);
    head.typ = Some(token::TYPE.into());
    head.kid = Some("k1".into());
    let forged = jsonwebtoken::encode(&head, &claims(), &EncodingKey::from_ed_der(other.as_bytes())).expect("signed");
    forge.refuses("another key", &forged).await;
    head.alg = Algorithm::HS256;
    let secret = EncodingKey::from_secret(forge.key.verifying_key().as_bytes());
    forge.refuses("HS256 by the public key", &jsonwebtoken::encode(&head, &claims(), &secret).expect("signed")).await;
    for text in ["", ".", "..", "a.b.c", "\u{0}", &"x".repeat(5_000), "fxs_", "fxs_wrong", "fxl_session"] {
        forge.refuses(text, text).await;
    }
    assert_eq!(forge.verifier.verify("fxs_good").await, Ok(Caller::Service(ServiceName::Gateway)));
}

#[tokio::test]
async fn a_key_that_is_taken_away_takes_its_tokens_along() {
    let forge = forge();
    let token = forge.sign(&header(), &claims());
    assert!(forge.verifier.verify(&token).await.is_ok());
    forge.verifier.set_keys(&JwkSet { keys: Vec::new() });
    assert_eq!(forge.verifier.verify(&token).await, Err(VerifyError::UnknownKey));
}

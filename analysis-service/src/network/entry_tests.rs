//! Entries and hosts, read and matched.

use proptest::prelude::*;

use super::*;

#[test]
fn an_entry_has_one_plain_form() {
    for (text, plain) in [
        ("api.example.com", "api.example.com:443"),
        ("API.Example.COM.:8443", "api.example.com:8443"),
        ("*.Example.com", "*.example.com:443"),
        ("intranet:80", "intranet:80"),
        ("xn--fiqs8s.example:443", "xn--fiqs8s.example:443"),
        ("_srv.example.com", "_srv.example.com:443"),
        ("10.0.0.0/8:5432", "10.0.0.0/8:5432"),
        ("192.0.2.7", "192.0.2.7:443"),
        ("192.0.2.7/32:80", "192.0.2.7:80"),
        ("0.0.0.0/0:443", "0.0.0.0/0:443"),
        ("[2001:DB8::/32]:80", "[2001:db8::/32]:80"),
        ("[::1]", "[::1]:443"),
    ] {
        let entry = Entry::parse(text).expect(text);
        assert_eq!(entry.to_string(), plain);
        assert_eq!(Entry::parse(plain), Ok(entry), "{plain}");
    }
}

#[test]
fn what_is_no_entry_is_refused_and_says_why() {
    for text in [
        "",
        " ",
        ":443",
        "a:0",
        "a:65536",
        "a:+80",
        "a:",
        "a:80:80",
        "::1",
        "2001:db8::1:80",
        "[::1",
        "[::1]80",
        "[::1]:",
        "[a]:80",
        "[10.0.0.1]",
        "[::ffff:10.0.0.1]:80",
        "*",
        "*:443",
        "*.com",
        "*.*.example.com",
        "a.*.com",
        "*a.example.com",
        "http://a.com",
        "a.com/x",
        "a..b",
        ".a.com",
        "-a.com",
        "a-.com",
        "münchen.de",
        "a b",
        "a\u{0}",
        "user@a.com",
        "127.1",
        "0x7f.0.0.1",
        "2130706433",
        "0x7f000001",
        "1.2.3.4.5",
        "010.0.0.1",
        "10.0.0.1/8",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/",
        "10.0.0.0/+8",
        "[2001:db8::1/32]:80",
        &"a".repeat(64),
        &"a.".repeat(150),
    ] {
        let refused = Entry::parse(text).expect_err(text);
        assert!(!refused.is_empty());
    }
}

#[test]
fn names_are_matched_whole() {
    let allows = |entry: &str, host: &str, port| {
        let Some(Destination::Host(host)) = Destination::parse(host) else { panic!("{host} is no name") };
        Entry::parse(entry).expect(entry).allows_name(&host, port)
    };
    assert!(allows("api.example.com", "API.example.com.", 443));
    assert!(!allows("api.example.com", "api.example.com", 80));
    assert!(!allows("api.example.com", "x.api.example.com", 443));
    assert!(!allows("api.example.com", "api.example.com.evil.net", 443));
    assert!(allows("*.example.com", "a.example.com", 443) && allows("*.example.com", "a.b.example.com", 443));
    for other in ["example.com", "badexample.com", "example.com.evil.net", "a.example.comx"] {
        assert!(!allows("*.example.com", other, 443), "{other}");
    }
    assert!(!allows("10.0.0.0/8", "example.com", 443), "a range allows no name");
}

#[test]
fn addresses_in_disguise_are_no_names() {
    for text in [
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "127.0.0.1.",
        "1.2.3",
        "999.1.1.1",
        "a.0x1",
        "a.1",
        "0x",
        "[127.0.0.1]",
        "[::1",
        "::1",
        "[fe80::1%1]",
        "",
        ".",
        "a b",
        "a\r\nb",
        "[::ffff:0x7f000001]",
    ] {
        assert_eq!(Destination::parse(text), None, "{text} was taken");
    }
    let mapped = Destination::parse("[::ffff:127.0.0.1]");
    assert_eq!(mapped, Some(Destination::Address(Ipv4Addr::LOCALHOST.into())), "it stays in its clothes");
    assert_eq!(Destination::parse("[::FFFF:7f00:1]"), mapped);
}

proptest! {
    #[test]
    fn no_text_breaks_the_readers(text in "\\PC{0,80}|[0-9a-fx.:/\\[\\]*-]{0,40}") {
        if let Ok(entry) = Entry::parse(&text) {
            prop_assert_eq!(Entry::parse(&entry.to_string()), Ok(entry));
        }
        if let Some(destination) = Destination::parse(&text) {
            prop_assert_eq!(Destination::parse(&destination.to_string()), Some(destination));
        }
    }

    #[test]
    fn every_address_is_read_as_itself(bits: u32) {
        let address = Ipv4Addr::from_bits(bits);
        prop_assert_eq!(Destination::parse(&address.to_string()), Some(Destination::Address(address.into())));
        let mapped = format!("[{}]", address.to_ipv6_mapped());
        prop_assert_eq!(Destination::parse(&mapped), Some(Destination::Address(address.into())));
    }
}

use proptest::prelude::*;

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn network(text: &str) -> Network {
    Network::parse(text).unwrap()
}

fn says(list: &str, address: &str) -> Match {
    AddressList::parse(list).unwrap().matches(Some(ip(address)))
}

fn refused(list: &str) -> String {
    AddressList::parse(list).unwrap_err().to_string()
}

#[test]
fn a_network_holds_what_shares_its_prefix() {
    let cases = [
        ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
        ("192.0.2.128/25", "192.0.2.200", "192.0.2.127"),
        ("192.0.2.7", "192.0.2.7", "192.0.2.6"),
        ("0.0.0.0/0", "255.255.255.255", "::1"),
        ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
        ("2001:db8::1/128", "2001:db8::1", "2001:db8::2"),
        ("::/0", "2001:db8::", "192.0.2.1"),
    ];
    for (text, inside, outside) in cases {
        assert!(network(text).contains(ip(inside)), "{inside} is in {text}");
        assert!(!network(text).contains(ip(outside)), "{outside} is not in {text}");
    }
}

#[test]
fn wrapped_ipv4_is_ipv4() {
    assert!(network("192.0.2.0/24").contains(ip("::ffff:192.0.2.9")));
    assert!(network("::ffff:192.0.2.0/120").contains(ip("192.0.2.9")));
    assert!(!network("::ffff:192.0.2.0/120").contains(ip("192.0.3.9")));
    assert_eq!(network("::ffff:192.0.2.0/120").to_string(), "192.0.2.0/24");
    assert_eq!(says("!192.0.2.9,*", "::ffff:192.0.2.9"), Match::Negated);
    // Not a wrapped address but a network around all of them: it stays IPv6.
    assert!(!network("::/80").contains(ip("192.0.2.9")));
}

#[test]
fn host_bits_are_refused_with_what_was_meant() {
    assert_eq!(
        Network::parse("192.0.2.1/24"),
        Err(Problem::HostBitsSet { network: ip("192.0.2.0"), prefix: 24 })
    );
    assert_eq!(
        refused("10.0.0.0/8,!192.0.2.1/24"),
        "column 12: \"!192.0.2.1/24\": bits are set after the prefix, expected 192.0.2.0/24"
    );
    assert!(Network::parse("2001:db8::1/64").is_err());
}

#[test]
fn prefixes_are_numbers_that_fit_the_family() {
    assert_eq!(Network::parse("10.0.0.0/33"), Err(Problem::PrefixTooLong { most: 32 }));
    assert_eq!(Network::parse("::/129"), Err(Problem::PrefixTooLong { most: 128 }));
    assert_eq!(Network::parse("::/99999999999"), Err(Problem::PrefixTooLong { most: 128 }));
    for text in ["10.0.0.0/", "10.0.0.0/+8", "10.0.0.0/8/8", "10.0.0.0/ 8", "10.0.0.0/255.0.0.0"] {
        assert_eq!(Network::parse(text), Err(Problem::PrefixNotANumber), "{text}");
    }
    for text in ["", "/8", "10.0.0/8", "localhost/8", "010.0.0.1"] {
        assert_eq!(Network::parse(text), Err(Problem::NotAnAddress), "{text}");
    }
}

#[test]
fn negation_excludes_wherever_it_stands() {
    assert_eq!(says("10.0.0.0/8,!10.6.0.0/16", "10.5.0.1"), Match::Yes);
    assert_eq!(says("10.0.0.0/8,!10.6.0.0/16", "10.6.0.1"), Match::Negated);
    assert_eq!(says("!10.6.0.0/16,10.0.0.0/8", "10.6.0.1"), Match::Negated);
    assert_eq!(says("!10.6.0.0/16", "10.5.0.1"), Match::No);
}

#[test]
fn patterns_match_the_text_of_an_address() {
    assert_eq!(says("192.0.2.*", "192.0.2.14"), Match::Yes);
    assert_eq!(says("192.0.2.1?", "192.0.2.14"), Match::Yes);
    assert_eq!(says("2001:DB8:*", "2001:db8::1"), Match::Yes);
    assert_eq!(says("*.example.org", "192.0.2.14"), Match::No);
}

#[test]
fn a_mistyped_address_is_an_error_and_not_a_pattern() {
    for list in ["10.1", "300.0.0.1", "fe80::1%eth0", "2001:db8", "host/8", "10.0.0.0/33", "!10.1"] {
        assert!(AddressList::parse(list).is_err(), "{list} would never match");
    }
    assert_eq!(refused(","), "column 1: \"\": empty, expected an address, a network or a pattern");
    assert_eq!(refused("*,!"), "column 3: \"!\": empty, expected an address, a network or a pattern");
    assert!(refused(&"x".repeat(MAX_PATTERN + 1)).ends_with("too long, expected at most 1023 bytes"));
}

#[test]
fn a_peer_without_an_address_is_in_no_list() {
    for list in ["*", "0.0.0.0/0,::/0", "!10.0.0.0/8,*"] {
        assert_eq!(AddressList::parse(list).unwrap().matches(None), Match::No);
        assert_eq!(AddressList::parse(list).unwrap().matches_host(None, None), Match::No);
    }
}

#[test]
fn a_host_matches_by_name_or_address_and_is_excluded_by_either() {
    let list = AddressList::parse("*.example.org,!bad.example.org,192.0.2.0/24,!192.0.2.66").unwrap();
    let says = |name, address| list.matches_host(name, Some(ip(address)));
    assert_eq!(says(Some("WWW.Example.org"), "198.51.100.1"), Match::Yes);
    assert_eq!(says(Some("elsewhere.test"), "192.0.2.1"), Match::Yes);
    assert_eq!(says(None, "192.0.2.1"), Match::Yes);
    assert_eq!(says(Some("bad.example.org"), "192.0.2.1"), Match::Negated);
    assert_eq!(says(Some("www.example.org"), "192.0.2.66"), Match::Negated);
    assert_eq!(says(Some("elsewhere.test"), "198.51.100.1"), Match::No);
}

#[test]
fn a_network_list_takes_nothing_but_networks() {
    let list = NetworkList::parse("192.0.2.0/24,2001:db8::1").unwrap();
    assert!(list.contains(ip("192.0.2.3")) && list.contains(ip("2001:db8::1")));
    assert!(!list.contains(ip("192.0.3.3")));
    for text in ["", "192.0.2.0/24,", "!192.0.2.0/24", "192.0.2.*", "*", "host.example.org", "192.0.2.1/24"] {
        assert!(NetworkList::parse(text).is_err(), "{text:?}");
    }
    assert_eq!(NetworkList::parse("192.0.2.1,x").unwrap_err().column, 11);
    let mapped = NetworkList::parse("::ffff:127.0.0.0/104,::ffff:0:0/96").unwrap();
    assert!(
        !mapped.contains("127.0.0.1".parse().unwrap())
            && !mapped.contains("::ffff:127.0.0.1".parse().unwrap())
    );
}

proptest! {
    #[test]
    fn containing_agrees_with_comparing_bits(address: u128, other: u128, prefix in 0_u8..=128, flip in 0_u8..128) {
        // Half of the addresses differ in one bit only, so that both answers happen.
        let other = if other & 1 == 0 { other } else { address ^ (1 << flip) };
        let base: u128 = (0..prefix).map(|bit| address & (1 << (127 - bit))).sum();
        let text = format!("{}/{prefix}", core::net::Ipv6Addr::from_bits(base));
        let wrapped = |bits: u128| bits >> 32 == 0xffff;
        prop_assume!(!wrapped(base) && !wrapped(other));
        let same = (0..prefix).all(|bit| (base ^ other) & (1 << (127 - bit)) == 0);
        let address = IpAddr::V6(core::net::Ipv6Addr::from_bits(other));
        prop_assert_eq!(Network::parse(&text).unwrap().contains(address), same);
    }

    #[test]
    fn parsing_an_address_list_never_panics(list in "[0-9a-f.:/!*?,x%]{0,40}") {
        if let Ok(list) = AddressList::parse(&list) {
            prop_assert_eq!(list.matches(None), Match::No);
        }
    }
}

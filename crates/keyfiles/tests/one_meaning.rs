//! What `keys` reads of a certificate by itself, because nothing about text lies below it, means what `text` says that it means.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use crypto::SeededRng;
use keys::{
    Certificate, CertificateError, CertificateKind, CertificateOption, CertificateRequest, PrivateKey,
    RequestError, SignatureAlg,
};
use proptest::prelude::*;
use text::cidr::NetworkList;
use text::pattern::{Case, matches};

fn certificate(
    kind: CertificateKind,
    change: impl FnOnce(&mut CertificateRequest),
) -> Result<Certificate, RequestError> {
    let authority = PrivateKey::from_seed(&[1; 32]);
    let mut request = CertificateRequest::new(kind, PrivateKey::from_seed(&[2; 32]).public(), b"id");
    change(&mut request);
    let algorithm = SignatureAlg::by_name("ssh-ed25519").unwrap();
    request.sign(&authority, algorithm, &mut SeededRng::new(1))
}

/// Words of an alphabet in which addresses are written, some of which are some.
fn networks() -> impl Strategy<Value = String> {
    let v4 = "(0|1|192|255|256)\\.(0|168)\\.0\\.(0|1|128)";
    let v6 = "(::|::1|2001:db8::|fe80::1|::ffff:192\\.0\\.2\\.0|1:2:3:4:5:6:7:8)";
    let prefix = "(|/0|/8|/16|/24|/25|/32|/33|/64|/120|/128|/129|/|/+8|/08|/x)";
    let pattern = format!("{v4}{prefix}|{v6}{prefix}|[0-9a-f:./ ]{{0,6}}");
    let one = proptest::string::string_regex(&pattern).unwrap();
    proptest::collection::vec(one, 1..3).prop_map(|list| list.join(","))
}

proptest! {
    #[test]
    fn the_names_of_a_host_certificate_are_patterns(pattern in "[ab*?]{0,8}", host in "[ab]{0,8}") {
        let named = |request: &mut CertificateRequest| request.principals = vec![pattern.clone().into_bytes()];
        let certificate = certificate(CertificateKind::Host, named).unwrap();
        prop_assert_eq!(certificate.names(host.as_bytes()), matches(&pattern, &host, Case::Exact));
    }

    #[test]
    fn source_addresses_are_networks(list in networks()) {
        let from = |request: &mut CertificateRequest| {
            request.critical = vec![CertificateOption::text("source-address", list.as_bytes())];
        };
        match certificate(CertificateKind::User, from) {
            Ok(_) => prop_assert!(NetworkList::parse(&list).is_ok()),
            Err(RequestError::Option(CertificateError::BadOption { .. })) => {
                prop_assert!(NetworkList::parse(&list).is_err());
            }
            Err(error) => panic!("{error}"),
        }
    }
}

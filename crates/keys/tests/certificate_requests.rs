//! Certificates that we make: the same ones as ssh-keygen, and no bad ones.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod fixtures;

use base64ct::{Base64, Encoding};
use crypto::{NoEntropy, Rng, SeededRng};
use fixtures::{part, parts};
use nacre_keys::{
    Certificate, CertificateError, CertificateFault, CertificateKind, CertificateOption, CertificateRequest,
    Identity, IdentityLine, KeyError, KeyFile, KeyLine, PrivateKey, PublicKey, RequestError, SIGNATURES,
    SignError, SignatureAlg, limits,
};
use proptest::prelude::*;

const CERTIFICATES: &str = include_str!("data/certificates.txt");
const AUTHORITY: &str = include_str!("data/authority-private.txt");
const PRIVATE: &str = include_str!("data/openssh-none.txt");
const PUBLIC: &str = include_str!("data/public.txt");

fn authority() -> PrivateKey {
    KeyFile::parse(part(AUTHORITY, "ca-ed25519").as_bytes()).unwrap().key
}

fn ed25519() -> &'static SignatureAlg {
    SignatureAlg::by_name("ssh-ed25519").unwrap()
}

fn key() -> PublicKey {
    PrivateKey::from_seed(&[1; 32]).public()
}

fn all() -> Vec<&'static SignatureAlg> {
    SIGNATURES.iter().collect()
}

/// The request that a certificate answers, with its options turned round.
fn request(certificate: &Certificate) -> CertificateRequest {
    let turned = |options: &[CertificateOption]| options.iter().rev().cloned().collect();
    CertificateRequest {
        key: certificate.key().clone(),
        kind: certificate.kind(),
        serial: certificate.serial(),
        key_id: certificate.key_id().0.to_vec(),
        principals: certificate.principals().map(<[u8]>::to_vec).collect(),
        valid_after: certificate.valid_after(),
        valid_before: certificate.valid_before(),
        critical: turned(certificate.critical_options()),
        extensions: turned(certificate.extensions()),
    }
}

#[test]
fn with_the_same_nonce_the_certificate_is_the_one_of_ssh_keygen() {
    struct Nonce(Vec<u8>);
    impl Rng for Nonce {
        fn fill(&mut self, out: &mut [u8]) -> Result<(), NoEntropy> {
            out.copy_from_slice(&self.0);
            Ok(())
        }
    }
    let mut made = 0;
    for (name, text) in parts(CERTIFICATES) {
        let blob = Base64::decode_vec(text.split(' ').nth(1).unwrap()).unwrap();
        let theirs = Certificate::parse(&blob).unwrap();
        if *theirs.authority() != authority().public() {
            continue;
        }
        let mut nonce = Nonce(theirs.nonce().to_vec());
        let ours = request(&theirs).sign(&authority(), ed25519(), &mut nonce).unwrap();
        assert_eq!(ours, theirs, "{name}");
        assert_eq!(ours.blob(), blob, "{name}");
        made += 1;
    }
    assert!(made > 30, "{made}");
}

#[test]
fn every_key_certifies_every_key_with_every_algorithm_that_it_has() {
    let mut rng = SeededRng::new(1);
    let mut names = Vec::new();
    for (name, text) in parts(PRIVATE) {
        let authority = KeyFile::parse(text.as_bytes()).unwrap().key;
        for algorithm in authority.algorithms().collect::<Vec<_>>() {
            for (subject, line) in parts(PUBLIC) {
                let line = line.lines().next().unwrap();
                let key = KeyLine::parse(line.as_bytes()).unwrap().key().clone();
                let request = CertificateRequest::new(CertificateKind::User, key.clone(), b"an id");
                let made = request.sign(&authority, algorithm, &mut rng).unwrap();
                assert_eq!((made.key(), made.authority()), (&key, &authority.public()), "{name} {subject}");
                let endorsed = made.verify_authority(&all()).unwrap();
                assert!(endorsed.options().unwrap().permit_pty);
                // A second reader, of the types that it knows.
                if !subject.starts_with("mldsa") && !name.starts_with("mldsa") {
                    let read = ssh_key::Certificate::from_bytes(made.blob()).unwrap();
                    assert_eq!((read.key_id(), read.nonce()), ("an id", made.nonce()));
                }
            }
            names.push(algorithm.name);
        }
    }
    for row in SIGNATURES.iter().filter(|row| !row.certificate) {
        let signs = !row.name.contains("sk-") && row.name != "ssh-mldsa44-ed25519@openssh.com";
        assert_eq!(names.contains(&row.name), signs, "{}", row.name);
    }
}

#[test]
fn a_request_for_nothing_more_is_what_ssh_keygen_makes_when_it_is_told_no_more() {
    let user = CertificateRequest::new(CertificateKind::User, key(), b"id");
    let made = user.sign(&authority(), ed25519(), &mut SeededRng::new(1)).unwrap();
    assert_eq!((made.serial(), made.valid_after(), made.valid_before()), (0, 0, u64::MAX));
    assert_eq!((made.principals().len(), made.critical_options().len()), (0, 0));
    let names: Vec<_> = made.extensions().iter().map(|option| option.name().to_string()).collect();
    let permits = [
        "permit-X11-forwarding",
        "permit-agent-forwarding",
        "permit-port-forwarding",
        "permit-pty",
        "permit-user-rc",
    ];
    assert_eq!(names, permits);
    let host = CertificateRequest::new(CertificateKind::Host, key(), b"id");
    let made = host.sign(&authority(), ed25519(), &mut SeededRng::new(1)).unwrap();
    assert!(made.extensions().is_empty() && made.kind() == CertificateKind::Host);
}

#[test]
fn two_certificates_of_one_request_have_two_nonces() {
    let request = CertificateRequest::new(CertificateKind::User, key(), b"id");
    let mut rng = SeededRng::new(1);
    let [one, other] = [(); 2].map(|()| request.sign(&authority(), ed25519(), &mut rng).unwrap());
    assert_eq!(one.nonce().len(), 32);
    assert_ne!(one.nonce(), other.nonce());
}

/// The refusal of a good request after one change.
fn refusal(change: impl FnOnce(&mut CertificateRequest)) -> RequestError {
    let mut request = CertificateRequest::new(CertificateKind::User, key(), b"id");
    change(&mut request);
    request.sign(&authority(), ed25519(), &mut SeededRng::new(1)).unwrap_err()
}

#[test]
fn what_could_not_be_read_is_not_made() {
    let nul = RequestError::Certificate(KeyError::Malformed(wire::WireError::Nul));
    assert_eq!(refusal(|request| request.key_id = b"a\0b".to_vec()), nul);
    assert_eq!(refusal(|request| request.principals = vec![b"a\0b".to_vec()]), nul);
    let many = refusal(|request| request.principals = vec![b"a".to_vec(); 257]);
    assert_eq!(many, RequestError::Certificate(CertificateFault::TooManyPrincipals.into()));
    let twice = refusal(|request| {
        request.extensions = vec![CertificateOption::new("x", b""), CertificateOption::new("x", b"")];
    });
    assert_eq!(twice, RequestError::Certificate(CertificateFault::OptionOrder.into()));
    let long = refusal(|request| request.key_id = vec![b'a'; limits::BLOB_MAX]);
    assert!(matches!(long, RequestError::Certificate(KeyError::Malformed(_))), "{long}");
}

#[test]
fn a_certificate_with_as_many_long_names_as_may_be_is_made_and_read_and_fits_into_a_line() {
    let mut request = CertificateRequest::new(CertificateKind::Host, key(), b"id");
    request.principals =
        (0..limits::PRINCIPALS_MAX).map(|number| format!("{number:0>255}").into_bytes()).collect();
    let certificate = request.sign(&authority(), ed25519(), &mut SeededRng::new(1)).unwrap();
    assert!(certificate.names(format!("{:0>255}", 255).as_bytes()));
    let line = certificate.to_string();
    assert!(certificate.blob().len() > 65 * 1024 && line.len() < limits::LINE_MAX);
    let read = IdentityLine::parse(line.as_bytes()).unwrap().into_identity();
    assert_eq!(read, Identity::Certificate(Box::new(certificate)));
}

#[test]
fn options_that_are_known_have_the_data_that_they_must_have() {
    let text = CertificateOption::text;
    let bad = |name: &str| RequestError::Option(CertificateError::BadOption { name: name.into() });
    for value in [
        "",
        "192.0.2.1,",
        "192.0.2.0/33",
        "192.0.2.1/24",
        "192.0.2.0/",
        "192.0.2.0/+8",
        "host.example.org",
        "*",
        "!192.0.2.1",
        "192.0.2.1 ",
        "2001:db8::/129",
        "2001:db8::1/32",
    ] {
        let error = refusal(|request| request.critical = vec![text("source-address", value.as_bytes())]);
        assert_eq!(error, bad("source-address"), "{value:?}");
    }
    for value in ["192.0.2.1", "0.0.0.0/0", "::/0", "2001:db8::1/128,10.0.0.0/8"] {
        let mut request = CertificateRequest::new(CertificateKind::User, key(), b"id");
        request.critical = vec![text("source-address", value.as_bytes())];
        assert!(request.sign(&authority(), ed25519(), &mut SeededRng::new(1)).is_ok(), "{value:?}");
    }
    for (name, data) in [
        ("force-command", &b""[..]),
        ("force-command", b"true"),
        ("force-command", &[0, 0, 0, 1, b'x', b'y']),
        ("force-command", &[0, 0, 0, 1, 0]),
        ("verify-required", &[0, 0, 0, 0]),
    ] {
        let error = refusal(|request| request.critical = vec![CertificateOption::new(name, data)]);
        assert_eq!(error, bad(name), "{data:?}");
    }
    for name in ["permit-pty", "no-touch-required", "permit-X11-forwarding"] {
        let error = refusal(|request| request.extensions = vec![text(name, b"yes")]);
        assert_eq!(error, bad(name));
    }
}

#[test]
fn the_same_rules_hold_for_who_reads_the_option() {
    // An extension among the critical options, and the other way round, is one that we do not know there.
    let sign = |critical: &[CertificateOption], extensions: &[CertificateOption], kind| {
        let mut request = CertificateRequest::new(kind, key(), b"id");
        (request.critical, request.extensions) = (critical.to_vec(), extensions.to_vec());
        request.sign(&authority(), ed25519(), &mut SeededRng::new(1)).unwrap()
    };
    let permit = [CertificateOption::new("permit-pty", b"")];
    let command = [CertificateOption::text("force-command", b"true")];
    let unknown = |name: &str| CertificateError::UnknownCritical { name: name.into() };

    let certificate = sign(&permit, &[], CertificateKind::User);
    let endorsed = certificate.verify_authority(&all()).unwrap();
    assert_eq!(endorsed.options().unwrap_err(), unknown("permit-pty"));
    let certificate = sign(&[], &command, CertificateKind::User);
    let options = certificate.verify_authority(&all()).unwrap().options().unwrap();
    assert_eq!((options.force_command, options.unknown_extensions.len()), (None, 1));
    // Hosts have no options at all.
    let certificate = sign(&command, &[], CertificateKind::Host);
    let endorsed = certificate.verify_authority(&all()).unwrap();
    assert_eq!(endorsed.options().unwrap_err(), unknown("force-command"));
    let certificate = sign(&[], &permit, CertificateKind::Host);
    assert!(!certificate.verify_authority(&all()).unwrap().options().unwrap().permit_pty);
}

#[test]
fn an_authority_signs_with_an_algorithm_of_its_own_and_with_none_of_certificates() {
    let request = CertificateRequest::new(CertificateKind::User, key(), b"id");
    for name in ["rsa-sha2-256", "ssh-ed25519-cert-v01@openssh.com"] {
        let algorithm = SignatureAlg::by_name(name).unwrap();
        let error = request.sign(&authority(), algorithm, &mut SeededRng::new(1)).unwrap_err();
        let wrong = SignError::WrongKeyType { algorithm: algorithm.name, key: "ssh-ed25519" };
        assert_eq!(error, RequestError::Sign(wrong));
    }
    struct Dry;
    impl Rng for Dry {
        fn fill(&mut self, _: &mut [u8]) -> Result<(), NoEntropy> {
            Err(NoEntropy)
        }
    }
    assert_eq!(request.sign(&authority(), ed25519(), &mut Dry).unwrap_err(), RequestError::NoEntropy);
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(1u8..=255, 0..20)
}

fn options() -> impl Strategy<Value = Vec<CertificateOption>> {
    let one = |(name, data): (String, Vec<u8>)| CertificateOption::new(&name, &data);
    prop::collection::btree_map("[a-z@.-]{1,12}", prop::collection::vec(any::<u8>(), 0..20), 0..5)
        .prop_map(move |options| options.into_iter().map(one).collect())
}

prop_compose! {
    fn requests()(
        seed in any::<[u8; 32]>(), host in any::<bool>(), serial in any::<u64>(), key_id in text(),
        principals in prop::collection::vec(text(), 0..8),
        valid_after in any::<u64>(), valid_before in any::<u64>(), critical in options(), extensions in options(),
    ) -> CertificateRequest {
        let kind = if host { CertificateKind::Host } else { CertificateKind::User };
        let key = PrivateKey::from_seed(&seed).public();
        CertificateRequest {
            key, kind, serial, key_id, principals, valid_after, valid_before, critical, extensions,
        }
    }
}

proptest! {
    #[test]
    fn what_is_made_is_what_was_asked_for(request in requests(), seed in any::<u64>()) {
        let made = request.sign(&authority(), ed25519(), &mut SeededRng::new(seed)).unwrap();
        let mut back = self::request(&made);
        back.critical.reverse();
        back.extensions.reverse();
        prop_assert_eq!(&back, &request);
        prop_assert_eq!(&Certificate::parse(made.blob()).unwrap(), &made);
        prop_assert!(made.verify_authority(&[ed25519()]).is_ok());
    }

    #[test]
    fn damaged_certificates_are_refused_without_a_panic(
        request in requests(), at in any::<prop::sample::Index>(), to in any::<u8>(), cut in any::<prop::sample::Index>(),
    ) {
        let made = request.sign(&authority(), ed25519(), &mut SeededRng::new(1)).unwrap();
        let mut blob = made.blob().to_vec();
        let at = at.index(blob.len());
        prop_assume!(blob[at] != to);
        blob[at] = to;
        if let Ok(changed) = Certificate::parse(&blob) {
            prop_assert!(changed.verify_authority(&all()).is_err());
        }
        prop_assert!(Certificate::parse(&made.blob()[..cut.index(made.blob().len())]).is_err());
    }
}

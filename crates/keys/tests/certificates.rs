//! Certificates of ssh-keygen: what they say, who vouches for them, whom they admit, and what they permit.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod fixtures;

use std::fmt::Write;

use base64ct::{Base64, Encoding};
use fixtures::{part, parts};
use nacre_keys::{
    Certificate, CertificateError, CertificateFault, CertificateKind, CertificateOption, CertificateOptions,
    Identity, KeyError, KeyLine, PublicKey, Refusal, SIGNATURES, Signature, SignatureAlg, VerifyError,
};
use wire::{NulFree, WireError, put_string};

const CERTIFICATES: &str = include_str!("data/certificates.txt");
const AUTHORITIES: &str = include_str!("data/authorities.txt");

/// 2024-01-01 and 2040-01-01, between which most of them are valid.
const VALID_AFTER: u64 = 1_704_067_200;
const VALID_BEFORE: u64 = 2_208_988_800;

fn of_line(line: &str) -> Certificate {
    let text = line.split(' ').nth(1).unwrap();
    Certificate::parse(&Base64::decode_vec(text).unwrap()).unwrap()
}

fn certificate(name: &str) -> Certificate {
    of_line(part(CERTIFICATES, name).lines().next().unwrap())
}

fn authority(name: &str) -> PublicKey {
    KeyLine::parse(part(AUTHORITIES, name).as_bytes()).unwrap().key().clone()
}

/// Every algorithm, as CASignatureAlgorithms would list them.
fn all() -> Vec<&'static SignatureAlg> {
    SIGNATURES.iter().collect()
}

fn options(certificate: &Certificate) -> Result<CertificateOptions<'_>, CertificateError> {
    certificate.verify_authority(&all()).unwrap().options()
}

/// What the five permits of an ordinary user certificate come to.
fn permissive<'a>() -> CertificateOptions<'a> {
    CertificateOptions {
        permit_x11_forwarding: true,
        permit_agent_forwarding: true,
        permit_port_forwarding: true,
        permit_pty: true,
        permit_user_rc: true,
        ..CertificateOptions::default()
    }
}

#[test]
fn every_certificate_says_what_ssh_keygen_says_of_it() {
    let mut types = Vec::new();
    for (name, text) in parts(CERTIFICATES) {
        let (line, listed) = text.split_once('\n').unwrap();
        let certificate = of_line(line);
        assert_eq!(list(&certificate), listed, "{name}");
        assert_eq!(certificate.to_string(), line.rsplitn(3, ' ').last().unwrap(), "{name}");
        assert_eq!(Certificate::parse(certificate.blob()).unwrap(), certificate);
        types.push(certificate.key_type());
    }
    for row in SIGNATURES.iter().filter(|row| row.certificate) {
        // The name that OpenSSH 10.6 knows no more.
        let known = types.contains(&row.key_type);
        assert_eq!(known, row.key_type != "ssh-mldsa44-ed25519-cert-v01@openssh.com", "{}", row.name);
    }
}

/// What `ssh-keygen -L` prints of a certificate in the file `copy-cert.pub`, in UTC.
fn list(certificate: &Certificate) -> String {
    let mut out = String::from("copy-cert.pub:\n");
    let (key, authority) = (certificate.key(), certificate.authority());
    let signature = Signature::parse(certificate.signature()).unwrap();
    writeln!(out, "        Type: {} {} certificate", certificate.key_type(), certificate.kind()).unwrap();
    writeln!(out, "        Public key: {}-CERT {}", key.short_type(), key.fingerprint()).unwrap();
    let by = signature.algorithm.as_str();
    writeln!(out, "        Signing CA: {} {} (using {by})", authority.short_type(), authority.fingerprint())
        .unwrap();
    writeln!(out, "        Key ID: \"{}\"", certificate.key_id()).unwrap();
    writeln!(out, "        Serial: {}", certificate.serial()).unwrap();
    let valid = match (certificate.valid_after(), certificate.valid_before()) {
        (0, u64::MAX) => "forever".to_owned(),
        (0, before) => format!("before {}", date(before)),
        (after, u64::MAX) => format!("after {}", date(after)),
        (after, before) => format!("from {} to {}", date(after), date(before)),
    };
    writeln!(out, "        Valid: {valid}").unwrap();
    let principals = certificate.principals().map(|name| String::from_utf8(name.to_vec()).unwrap());
    section(&mut out, "Principals", &principals.collect::<Vec<_>>());
    for (title, options) in
        [("Critical Options", certificate.critical_options()), ("Extensions", certificate.extensions())]
    {
        section(&mut out, title, &options.iter().map(option).collect::<Vec<_>>());
    }
    out
}

fn section(out: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        writeln!(out, "        {title}: (none)").unwrap();
        return;
    }
    writeln!(out, "        {title}: ").unwrap();
    for line in lines {
        writeln!(out, "                {line}").unwrap();
    }
}

fn option(option: &CertificateOption) -> String {
    let name = option.name().to_string();
    let known = ["permit-", "no-touch-required", "verify-required", "force-command", "source-address"];
    if !known.iter().any(|known| name.starts_with(known)) {
        if option.data().is_empty() {
            return format!("{name} UNKNOWN FLAG OPTION");
        }
        let hexadecimal: String = option.data().iter().map(|byte| format!("{byte:02x}")).collect();
        return format!("{name} UNKNOWN OPTION: {hexadecimal} (len {})", option.data().len());
    }
    option
        .value()
        .map_or_else(|| name.clone(), |value| format!("{name} {}", std::str::from_utf8(value.0).unwrap()))
}

/// A second since 1970 as a date, by counting years.
fn date(second: u64) -> String {
    let (mut days, mut year) = (second / 86_400, 1970);
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    assert_eq!(days, 0, "these certificates begin and end with years");
    format!("{year}-01-01T00:00:00")
}

#[test]
fn every_authority_vouches_for_what_it_signed_with_the_algorithm_that_it_used_and_no_other() {
    for (name, text) in parts(CERTIFICATES) {
        let certificate = of_line(text.lines().next().unwrap());
        let endorsed = certificate.verify_authority(&all()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(endorsed.certificate(), &certificate);

        let used = Signature::parse(certificate.signature()).unwrap().algorithm.as_str();
        let others: Vec<_> = SIGNATURES.iter().filter(|row| row.name != used).collect();
        assert_eq!(others.len(), SIGNATURES.len() - 1, "{name}");
        let refused = certificate.verify_authority(&others).unwrap_err();
        assert_eq!(refused, CertificateError::Algorithm { name: used.into() }, "{name}");
        let only = SignatureAlg::by_name(used).unwrap();
        assert!(certificate.verify_authority(&[only]).is_ok(), "{name}");
    }
    let refused = certificate("by rsa-sha2-256").verify_authority(&[]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "certificate signature algorithm rsa-sha2-256: signature algorithm not supported"
    );
}

#[test]
fn the_authority_is_the_key_that_signed() {
    for (name, expected) in
        [("by ed25519", "ca-ed25519"), ("by rsa-sha2-512", "ca-rsa"), ("by ecdsa521", "ca-ecdsa521")]
    {
        assert_eq!(*certificate(name).authority(), authority(expected), "{name}");
    }
}

#[test]
fn one_changed_byte_anywhere_is_no_certificate_or_one_that_nobody_vouches_for() {
    let certificate = certificate("all");
    let mut reached = 0;
    for at in 0..certificate.blob().len() {
        let mut blob = certificate.blob().to_vec();
        blob[at] ^= 1;
        if let Ok(changed) = Certificate::parse(&blob) {
            let refused = changed.verify_authority(&all()).unwrap_err();
            reached += usize::from(refused == CertificateError::Signature(VerifyError::BadSignature));
        }
    }
    assert!(reached > 100, "the signature decided {reached} times");
}

#[test]
fn a_certificate_is_no_plain_key_and_a_plain_key_no_certificate() {
    let certificate = certificate("user ed25519");
    assert_eq!(PublicKey::parse(certificate.blob()), Err(KeyError::UnknownType));
    assert_eq!(Certificate::parse(&certificate.key().blob()), Err(KeyError::UnknownType));
    assert_eq!(
        Identity::parse(certificate.blob()).unwrap(),
        Identity::Certificate(Box::new(certificate.clone()))
    );
    assert!(Certificate::is_type(certificate.key_type()) && !Certificate::is_type("ssh-ed25519"));
}

#[test]
fn a_certificate_admits_whom_it_names_while_it_is_valid_and_for_what_it_is() {
    let certificate = certificate("user ed25519");
    let endorsed = certificate.verify_authority(&all()).unwrap();
    let user = CertificateKind::User;
    for name in [b"alice", &b"bob"[..]] {
        assert_eq!(endorsed.admits(user, name, VALID_AFTER), Ok(()));
        assert_eq!(endorsed.admits(user, name, VALID_BEFORE - 1), Ok(()));
    }
    for (kind, name, now, text) in [
        (user, &b"alice"[..], VALID_AFTER - 1, "Certificate invalid: not yet valid"),
        (user, b"alice", 0, "Certificate invalid: not yet valid"),
        (user, b"alice", VALID_BEFORE, "Certificate invalid: expired"),
        (user, b"alice", u64::MAX, "Certificate invalid: expired"),
        (user, b"carol", VALID_AFTER, "Certificate invalid: name is not a listed principal"),
        (user, b"", VALID_AFTER, "Certificate invalid: name is not a listed principal"),
        (user, b"alice,bob", VALID_AFTER, "Certificate invalid: name is not a listed principal"),
        (user, b"Alice", VALID_AFTER, "Certificate invalid: name is not a listed principal"),
        (CertificateKind::Host, b"alice", VALID_AFTER, "Certificate invalid: not a host certificate"),
    ] {
        assert_eq!(endorsed.admits(kind, name, now).unwrap_err().to_string(), text, "{name:?}");
    }
}

#[test]
fn a_host_certificates_names_are_patterns_and_a_users_are_not() {
    let host = certificate("host ed25519");
    let endorsed = host.verify_authority(&all()).unwrap();
    for (name, admitted) in [
        ("host.example.org", true),
        ("a.example.net", true),
        ("a.b.example.net", true),
        (".example.net", true),
        ("example.net", false),
        ("hostxexample.org", false),
        ("host.example.org.evil.test", false),
        ("*.example.net", true),
        ("*", false),
    ] {
        let verdict = endorsed.admits(CertificateKind::Host, name.as_bytes(), VALID_AFTER);
        assert_eq!(verdict.is_ok(), admitted, "{name}");
        assert!(admitted || verdict == Err(Refusal::NotListed));
    }
    assert_eq!(
        endorsed.admits(CertificateKind::User, b"host.example.org", VALID_AFTER).unwrap_err().to_string(),
        "Certificate invalid: not a user certificate"
    );
}

#[test]
fn a_certificate_that_names_nobody_admits_nobody() {
    let certificate = certificate("nobody");
    let endorsed = certificate.verify_authority(&all()).unwrap();
    for name in [&b"alice"[..], b""] {
        assert!(!certificate.names(name));
        let refused = endorsed.admits(CertificateKind::User, name, VALID_AFTER).unwrap_err();
        assert_eq!(refused.to_string(), "Certificate lacks principal list");
    }
}

#[test]
fn a_certificate_for_ever_is_valid_at_any_second() {
    let certificate = certificate("forever");
    for now in [0, VALID_AFTER, u64::MAX - 1] {
        assert_eq!(certificate.valid_at(now), Ok(()));
    }
    assert_eq!(certificate.valid_at(u64::MAX), Err(Refusal::Expired));
}

#[test]
fn critical_options_are_understood_one_by_one() {
    let command = NulFree::new(b"echo \"a b\"; exit 3").unwrap();
    assert_eq!(
        options(&certificate("force-command")),
        Ok(CertificateOptions { force_command: Some(command), ..permissive() })
    );
    assert_eq!(
        options(&certificate("source-address")),
        Ok(CertificateOptions {
            source_address: Some("192.0.2.0/24,2001:db8::/32,198.51.100.7"),
            ..permissive()
        })
    );
    assert_eq!(
        options(&certificate("verify-required")),
        Ok(CertificateOptions { verify_required: true, ..permissive() })
    );
    assert_eq!(
        options(&certificate("no-touch-required")),
        Ok(CertificateOptions { no_touch_required: true, ..permissive() })
    );
    assert_eq!(
        options(&certificate("all")),
        Ok(CertificateOptions {
            force_command: Some(NulFree::new(b"/bin/true").unwrap()),
            source_address: Some("192.0.2.1/32"),
            verify_required: true,
            no_touch_required: true,
            ..permissive()
        })
    );
}

#[test]
fn what_is_not_permitted_is_not_permitted_and_each_permit_is_its_own() {
    assert_eq!(options(&certificate("user ed25519")), Ok(permissive()));
    assert_eq!(options(&certificate("clear")), Ok(CertificateOptions::default()));
    type Flag = for<'a, 'o> fn(&'a mut CertificateOptions<'o>) -> &'a mut bool;
    let flags: [(&str, Flag); 5] = [
        ("agent-forwarding", |options| &mut options.permit_agent_forwarding),
        ("port-forwarding", |options| &mut options.permit_port_forwarding),
        ("pty", |options| &mut options.permit_pty),
        ("user-rc", |options| &mut options.permit_user_rc),
        ("x11-forwarding", |options| &mut options.permit_x11_forwarding),
    ];
    for (name, flag) in flags {
        let (mut without, mut only) = (permissive(), CertificateOptions::default());
        *flag(&mut without) = false;
        *flag(&mut only) = true;
        assert_eq!(options(&certificate(&format!("no-{name}"))), Ok(without), "{name}");
        assert_eq!(options(&certificate(&format!("permit-{name}"))), Ok(only), "{name}");
    }
}

#[test]
fn an_unknown_critical_option_refuses_and_an_unknown_extension_is_listed() {
    let refused = options(&certificate("unknown critical")).unwrap_err();
    assert_eq!(refused.to_string(), "Certificate critical option \"x@example.org\" is not supported");

    let certificate = certificate("unknown extension");
    let found = options(&certificate).unwrap();
    let names: Vec<_> = found.unknown_extensions.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["a@example.org", "x@example.org"]);
    assert_eq!(CertificateOptions { unknown_extensions: Vec::new(), ..found }, permissive());
}

/// A certificate's blob made field by field, without a signature that verifies.
struct Draft {
    kind: u32,
    key_id: &'static [u8],
    principals: Vec<u8>,
    critical: Vec<u8>,
    extensions: Vec<u8>,
    reserved: &'static [u8],
    authority: Vec<u8>,
    after: &'static [u8],
}

impl Draft {
    fn good() -> Self {
        Self {
            kind: 1,
            key_id: b"id",
            principals: strings(&[b"alice"]),
            critical: Vec::new(),
            extensions: Vec::new(),
            reserved: b"",
            authority: authority("ca-ed25519").blob(),
            after: b"",
        }
    }

    fn blob(&self) -> Vec<u8> {
        let mut blob = Vec::new();
        put_string(&mut blob, b"ssh-ed25519-cert-v01@openssh.com");
        put_string(&mut blob, b"nonce");
        put_string(&mut blob, &[7; 32]);
        blob.extend_from_slice(&9u64.to_be_bytes());
        blob.extend_from_slice(&self.kind.to_be_bytes());
        put_string(&mut blob, self.key_id);
        put_string(&mut blob, &self.principals);
        blob.extend_from_slice(&0u64.to_be_bytes());
        blob.extend_from_slice(&u64::MAX.to_be_bytes());
        for section in [&self.critical[..], &self.extensions, self.reserved, &self.authority, b"signature"] {
            put_string(&mut blob, section);
        }
        blob.extend_from_slice(self.after);
        blob
    }

    fn parse(&self) -> Result<Certificate, KeyError> {
        Certificate::parse(&self.blob())
    }
}

fn strings(strings: &[&[u8]]) -> Vec<u8> {
    let mut packed = Vec::new();
    for string in strings {
        put_string(&mut packed, string);
    }
    packed
}

fn refusal(change: impl FnOnce(&mut Draft)) -> KeyError {
    let mut draft = Draft::good();
    change(&mut draft);
    draft.parse().unwrap_err()
}

#[test]
fn a_draft_without_a_fault_is_read_and_nobody_vouches_for_it() {
    let certificate = Draft::good().parse().unwrap();
    assert_eq!((certificate.nonce(), certificate.serial()), (&b"nonce"[..], 9));
    assert!(matches!(
        certificate.verify_authority(&all()),
        Err(CertificateError::Signature(VerifyError::Malformed(_)))
    ));
    // What is reserved is to be ignored.
    let reserved = Draft { reserved: b"anything", ..Draft::good() };
    assert_eq!(reserved.parse().unwrap().key_id().0, b"id");
}

#[test]
fn an_authority_is_a_plain_key_of_a_known_type() {
    let nested = certificate("user ed25519").blob().to_vec();
    let fault = refusal(|draft| draft.authority = nested);
    assert_eq!(fault, CertificateFault::AuthorityIsCertificate.into());
    assert_eq!(fault.to_string(), "certificate's authority is a certificate");
    let unknown = refusal(|draft| draft.authority = strings(&[b"ssh-dss", b"p"]));
    assert_eq!(unknown, CertificateFault::AuthorityUnknown.into());
    assert!(matches!(refusal(|draft| draft.authority.clear()), KeyError::Malformed(_)));
    assert!(matches!(
        refusal(|draft| draft.authority.push(0)),
        KeyError::Malformed(WireError::Trailing { .. })
    ));
}

#[test]
fn kinds_principals_and_ends_are_checked() {
    for kind in [0, 3, u32::MAX] {
        assert_eq!(refusal(|draft| draft.kind = kind), CertificateFault::Kind { got: kind }.into());
    }
    let many = |count| strings(&vec![&b"a"[..]; count]);
    assert_eq!(Draft { principals: many(256), ..Draft::good() }.parse().unwrap().principals().len(), 256);
    assert_eq!(refusal(|draft| draft.principals = many(257)), CertificateFault::TooManyPrincipals.into());
    let nul = KeyError::Malformed(WireError::Nul);
    assert_eq!(refusal(|draft| draft.principals = strings(&[b"root\0x"])), nul);
    assert_eq!(refusal(|draft| draft.key_id = b"a\0b"), nul);
    assert!(matches!(refusal(|draft| draft.principals = vec![0, 0, 0, 9]), KeyError::Malformed(_)));
    assert_eq!(refusal(|draft| draft.after = b"x"), KeyError::Malformed(WireError::Trailing { left: 1 }));
}

#[test]
fn options_stand_in_order_and_once() {
    for (critical, good) in [
        (&[&b"a"[..], b"", b"b", b"x"][..], true),
        (&[b"b", b"", b"a", b""], false),
        (&[b"a", b"", b"a", b""], false),
        (&[b"A", b"", b"a", b""], true),
    ] {
        let order = KeyError::from(CertificateFault::OptionOrder);
        let draft = Draft { critical: strings(critical), ..Draft::good() };
        assert_eq!(draft.parse().map(|_| ()), if good { Ok(()) } else { Err(order) }, "{critical:?}");
        let draft = Draft { extensions: strings(critical), ..Draft::good() };
        assert_eq!(draft.parse().map(|_| ()), if good { Ok(()) } else { Err(order) }, "{critical:?}");
    }
    assert!(matches!(refusal(|draft| draft.critical = strings(&[b"alone"])), KeyError::Malformed(_)));
}

//! What the signature of a security key must say: that somebody touched it, and that it knew who.

use crypto::{HashAlg, SeededRng};
use keys::{
    CertificateKind, CertificateOption, CertificateRequest, Ed25519PublicKey, PublicKey, Signature,
    SkEd25519PublicKey,
};

use super::*;
use crate::monitor::testing;

const PLAIN: &str = "sk-ssh-ed25519@openssh.com";
const CERTIFIED: &str = "sk-ssh-ed25519-cert-v01@openssh.com";

/// Flags of a signature.
const TOUCHED: u8 = 1;
const KNOWN: u8 = 4;

fn device_key() -> PublicKey {
    let PublicKey::Ed25519(key) = user_key().public() else { panic!("not Ed25519") };
    let key: Ed25519PublicKey = key;
    PublicKey::SkEd25519(SkEd25519PublicKey::new(key, b"ssh:").unwrap())
}

/// What a device signs: the application, what it says, and the message (OpenSSH's PROTOCOL.u2f).
fn device_signs(message: &[u8], flags: u8) -> Vec<u8> {
    let mut data = HashAlg::Sha256.digest(b"ssh:").as_slice().to_vec();
    data.push(flags);
    data.extend(5_u32.to_be_bytes());
    data.extend(HashAlg::Sha256.digest(message).as_slice());
    let row = SignatureAlg::by_name("ssh-ed25519").unwrap();
    let signed = user_key().sign(row, &data).unwrap();
    let signature = Signature::parse(&signed).unwrap().bytes.to_vec();
    let mut blob = Vec::new();
    wire::put_string(&mut blob, PLAIN.as_bytes());
    wire::put_string(&mut blob, &signature);
    blob.push(flags);
    blob.extend(5_u32.to_be_bytes());
    blob
}

/// Whether the key is let in that the line `keys` names, with `KEY` for it and `CA` for an authority.
fn let_in(lines: &str, keys: &str, shown: &[u8], flags: u8) -> (bool, Vec<String>) {
    let algorithm = PublicKey::type_of(shown).unwrap().as_str().to_owned();
    let mut bench = Bench::new("");
    let home = bench.made.home();
    testing::write(&home.join("authorities"), &format!("{}\n", authority().public()));
    let keys = keys.replace("KEY", &device_key().to_string());
    bench.made.authorize(&keys.replace("CA", &authority().public().to_string()));
    let lines = lines.replace("HOME", home.to_str().unwrap());
    bench.made.server.config = testing::config(&lines).unwrap();
    bench.exchange(1);
    bench.name(USER);
    let name = || Name::new(&algorithm).unwrap();
    // Nothing is signed yet, so nothing is missing.
    assert!(good(bench.send(&KeyOffer { algorithm: name(), key: Bytes(shown) })));
    let request = SignedRequest { user: USER, algorithm: &algorithm, key: shown, host_key: None };
    let signature = device_signs(&signed_data(&Exchange::new(1).hash(), &request), flags);
    bench.made.logged();
    let proof =
        KeyProof { algorithm: name(), key: Bytes(shown), signature: Bytes(&signature), host_bound: false };
    let outcome = bench.send(&proof);
    (matches!(outcome, Ok(Outcome::LogIn(_))), bench.made.logged())
}

fn authority() -> PrivateKey {
    PrivateKey::from_seed(&[9; 32])
}

/// A certificate of the device's key.
fn certificate(critical: &[&str], extensions: &[&str]) -> Vec<u8> {
    let options = |names: &[&str]| names.iter().map(|name| CertificateOption::new(name, b"")).collect();
    let mut request = CertificateRequest::new(CertificateKind::User, device_key(), b"the id");
    request.principals = vec![USER.into()];
    request.critical = options(critical);
    request.extensions = options(extensions);
    let row = SignatureAlg::by_name("ssh-ed25519").unwrap();
    request.sign(&authority(), row, &mut SeededRng::new(1)).unwrap().blob().to_vec()
}

/// For each of nothing, a touch, a PIN without a touch, and both: whether it lets in.
fn outcomes(lines: &str, keys: &str, shown: &[u8]) -> [bool; 4] {
    [0, TOUCHED, KNOWN, TOUCHED | KNOWN].map(|flags| let_in(lines, keys, shown, flags).0)
}

const ANYTHING: [bool; 4] = [true; 4];
const TOUCH: [bool; 4] = [false, true, false, true];
const PIN: [bool; 4] = [false, false, true, true];
const BOTH: [bool; 4] = [false, false, false, true];

#[test]
fn a_key_must_be_touched_unless_its_line_says_otherwise() {
    let key = device_key().blob();
    for (lines, options, wanted) in [
        ("", "", TOUCH),
        ("", "no-touch-required ", ANYTHING),
        ("", "no-touch-required,touch-required ", TOUCH),
        ("", "restrict,no-touch-required ", ANYTHING),
        ("", "verify-required ", BOTH),
        ("", "verify-required,no-touch-required ", PIN),
        ("", "verify-required,no-verify-required ", TOUCH),
        ("PubkeyAuthOptions touch-required\n", "no-touch-required ", TOUCH),
        ("PubkeyAuthOptions verify-required\n", "", BOTH),
        ("PubkeyAuthOptions verify-required\n", "no-touch-required,no-verify-required ", PIN),
        ("PubkeyAuthOptions touch-required verify-required\n", "no-touch-required ", BOTH),
        ("PubkeyAuthOptions none\n", "", TOUCH),
    ] {
        assert_eq!(outcomes(lines, &format!("{options}KEY\n"), &key), wanted, "{lines}{options}");
    }
}

#[test]
fn a_touch_is_needed_unless_both_certificate_and_line_say_otherwise() {
    let trusting = "TrustedUserCAKeys HOME/authorities\n";
    let options = |lines: &str| format!("{trusting}PubkeyAuthOptions {lines}\n");
    for (lines, keys, critical, extensions, wanted) in [
        (trusting, "", &[][..], &[][..], TOUCH),
        (trusting, "", &[], &["no-touch-required"], ANYTHING),
        (trusting, "", &["verify-required"], &[], BOTH),
        (trusting, "", &["verify-required"], &["no-touch-required"], PIN),
        (&options("touch-required"), "", &[], &["no-touch-required"], TOUCH),
        (&options("verify-required"), "", &[], &["no-touch-required"], PIN),
        ("", "cert-authority CA\n", &[], &["no-touch-required"], TOUCH),
        ("", "cert-authority,no-touch-required CA\n", &[], &[], TOUCH),
        ("", "cert-authority,no-touch-required CA\n", &[], &["no-touch-required"], ANYTHING),
        ("", "cert-authority,verify-required CA\n", &[], &[], BOTH),
        ("", "cert-authority,no-verify-required CA\n", &["verify-required"], &[], BOTH),
    ] {
        let shown = certificate(critical, extensions);
        assert_eq!(PublicKey::type_of(&shown).unwrap(), CERTIFIED);
        assert_eq!(outcomes(lines, keys, &shown), wanted, "{lines}{keys}{critical:?}{extensions:?}");
    }
}

#[test]
fn what_is_missing_is_told_in_openssh_s_words() {
    let key = device_key();
    let fingerprint = key.fingerprint();
    let told = |options: &str, flags, what: &str| {
        let (good, logged) = let_in("", &format!("{options}KEY\n"), &key.blob(), flags);
        let line = format!(
            "public key ED25519-SK {fingerprint} signature for {USER} from UNKNOWN port 65535 rejected: {what} requirement not met"
        );
        assert!(!good && logged.contains(&line), "{logged:?}");
    };
    told("", 0, "user presence (authenticator touch)");
    told("verify-required ", TOUCHED, "user verification");
}

//! What holds for the types of keys beside Ed25519: which bytes are a key, and which signatures verify.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use base64ct::{Base64UrlUnpadded, Encoding};
use crypto::{HashAlg, SeededRng};
use nacre_keys::{
    Assertion, CertificateKind, CertificateRequest, Curve, EcdsaPrivateKey, EcdsaPublicKey, Identity,
    IdentityLine, KeyError, KeyLine, NewKey, PrivateKey, PublicKey, RsaNumbers, RsaPrivateKey, RsaPublicKey,
    SIGNATURES, SignError, Signature, SignatureAlg, SkEcdsaPublicKey, SkEd25519PublicKey, VerifyError,
    verify,
};
use wire::{Encode, Mpint, WireError, put_string, put_u32};

const DATA: &[u8] = b"what is signed";

fn row(name: &str) -> &'static SignatureAlg {
    SignatureAlg::by_name(name).unwrap()
}

fn ecdsa(curve: Curve) -> (PrivateKey, &'static SignatureAlg) {
    let key = PrivateKey::generate_of(NewKey::Ecdsa(curve), &mut SeededRng::new(4)).unwrap();
    let algorithm = key.algorithms().next().unwrap();
    (key, algorithm)
}

fn strings(parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in parts {
        put_string(&mut out, part);
    }
    out
}

fn mpints(magnitudes: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for magnitude in magnitudes {
        Mpint::from_magnitude(magnitude).encode(&mut out);
    }
    out
}

/// The magnitudes of the two numbers of an ECDSA signature.
fn numbers(signature: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut input = wire::Reader::new(Signature::parse(signature).unwrap().bytes);
    let mut number = || {
        let bytes = input.string().unwrap();
        Mpint::from_magnitude(bytes).magnitude().to_vec()
    };
    (number(), number())
}

#[test]
fn an_ecdsa_key_is_an_uncompressed_point_of_the_curve_that_its_type_names() {
    for curve in Curve::ALL {
        let PublicKey::Ecdsa(key) = ecdsa(curve).0.public() else { panic!("another type") };
        let (name, curve_name) = (format!("ecdsa-sha2-{}", curve.name()), curve.name().as_bytes());
        let blob = |curve: &[u8], point: &[u8]| strings(&[name.as_bytes(), curve, point]);
        let point = key.point();
        assert_eq!(PublicKey::parse(&blob(curve_name, point)), Ok(PublicKey::Ecdsa(key.clone())));
        assert_eq!(PublicKey::parse(&blob(b"nistp224", point)), Err(KeyError::WrongCurve));
        let half = (point.len() - 1) / 2;
        let compressed = [&[2 + (point[point.len() - 1] & 1)], &point[1..=half]].concat();
        let wrong = KeyError::WrongLength { expected: 2 * half + 1, got: half + 1 };
        assert_eq!(PublicKey::parse(&blob(curve_name, &compressed)), Err(wrong));
        for form in [0, 2, 3, 5, 6, 7] {
            let hybrid = [&[form], &point[1..]].concat();
            assert_eq!(PublicKey::parse(&blob(curve_name, &hybrid)), Err(KeyError::BadPoint));
        }
    }
}

#[test]
fn a_point_that_is_not_on_the_curve_verifies_nothing() {
    for curve in Curve::ALL {
        let (key, algorithm) = ecdsa(curve);
        let signature = key.sign(algorithm, DATA).unwrap();
        let PublicKey::Ecdsa(public) = key.public() else { panic!("another type") };
        let length = public.point().len();
        let mut off = public.point().to_vec();
        off[length - 1] ^= 1;
        let zero = [&[4][..], &vec![0; length - 1]].concat();
        let beyond = [&[4][..], &vec![0xff; length - 1]].concat();
        for point in [off, zero, beyond] {
            let key = PublicKey::Ecdsa(EcdsaPublicKey::from_point(curve, &point).unwrap()).blob();
            assert_eq!(verify(algorithm, &key, DATA, &signature), Err(VerifyError::BadKey));
        }
    }
}

#[test]
fn an_ecdsa_signature_is_two_numbers_in_their_range_and_nothing_more() {
    let orders: [&[u8]; 3] = [
        b"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
        b"ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
        b"01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
    ];
    for (curve, order) in Curve::ALL.into_iter().zip(orders) {
        let (key, algorithm) = ecdsa(curve);
        let signature = key.sign(algorithm, DATA).unwrap();
        let (r, s) = numbers(&signature);
        let order: Vec<u8> = order
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        let result = |bytes: &[u8]| {
            let blob = strings(&[algorithm.name.as_bytes(), bytes]);
            verify(algorithm, &key.public().blob(), DATA, &blob)
        };
        assert!(result(&mpints(&[&r, &s])).is_ok());
        let long = [&[1][..], &vec![0; order.len()]].concat();
        for [r, s] in
            [[&[][..], &s], [&r, &[]], [&order, &s], [&r, &order], [&long, &s], [&r, &long], [&s, &r]]
        {
            assert_eq!(result(&mpints(&[r, s])), Err(VerifyError::BadSignature), "{curve:?}");
        }
        let trailing = [&mpints(&[&r, &s])[..], &[0]].concat();
        assert_eq!(result(&trailing), Err(VerifyError::Malformed(WireError::Trailing { left: 1 })));
        // Numbers with zero bytes that nothing asks for, and negative ones.
        let padded = strings(&[&[&[0, 0][..], &r].concat(), &s]);
        assert_eq!(result(&padded), Err(VerifyError::Malformed(WireError::BadMpint)));
        let negative = strings(&[&[0xff], &s]);
        assert_eq!(result(&negative), Err(VerifyError::Malformed(WireError::BadMpint)));
        assert!(matches!(result(&[r, s].concat()), Err(VerifyError::Malformed(_))));
    }
}

#[test]
fn an_ecdsa_private_number_is_in_its_range() {
    for curve in Curve::ALL {
        let length = curve.bits().div_ceil(8);
        for number in [vec![0; length], vec![0xff; length]] {
            assert_eq!(EcdsaPrivateKey::from_scalar(curve, &number).err(), Some(KeyError::BadPrivate));
        }
        let wrong = KeyError::WrongLength { expected: length, got: length - 1 };
        assert_eq!(EcdsaPrivateKey::from_scalar(curve, &vec![1; length - 1]).err(), Some(wrong));
    }
}

#[test]
fn an_rsa_key_has_a_size_and_an_exponent_that_are_worth_the_work() {
    let modulus = |bits: usize| {
        let mut n = vec![0xff; bits.div_ceil(8)];
        n[0] = 0xff >> (8 * n.len() - bits);
        n
    };
    let key = |e: &[u8], n: &[u8]| RsaPublicKey::new(e, n).map(|key| key.bits());
    let e = [1, 0, 1];
    for bits in [1024, 1025, 2047, 2048, 16384] {
        assert_eq!(key(&e, &modulus(bits)), Ok(bits));
    }
    for bits in [1, 512, 1023, 16385] {
        assert_eq!(key(&e, &modulus(bits)), Err(KeyError::BadModulus));
    }
    let even = [&modulus(2048)[..255], &[0xfe]].concat();
    assert_eq!(key(&e, &even), Err(KeyError::BadModulus));
    for e in [&[3][..], &[5], &[37], &[1, 0, 1], &[0xff; 4], &[1, 0xff, 0xff, 0xff, 0xff]] {
        assert_eq!(key(e, &modulus(2048)), Ok(2048), "{e:?}");
    }
    for e in [&[][..], &[0], &[1], &[2], &[4], &[2, 0, 0, 0, 1], &[0xff; 256]] {
        assert_eq!(key(e, &modulus(2048)), Err(KeyError::BadExponent), "{e:?}");
    }
}

/// The numbers of an RSA key of 3072 bits that `ssh-keygen` made: n, e, d, iqmp, p, q.
fn rsa_numbers() -> [Vec<u8>; 6] {
    let text = include_str!("../../../vectors/openssh-private-keys.txt");
    let (_, case) = text.split_once("case = ssh-keygen rsa\nfile = ").unwrap();
    let hex = case.lines().next().unwrap();
    let file: Vec<u8> =
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
    let key = nacre_keys::KeyFile::parse(&file).unwrap().key;
    let fields = key.fields();
    let mut input = wire::Reader::new(fields.expose());
    assert_eq!(input.string().unwrap(), b"ssh-rsa");
    [(); 6].map(|()| Mpint::from_magnitude(input.string().unwrap()).magnitude().to_vec())
}

fn rsa_of([n, e, d, iqmp, p, q]: &[Vec<u8>; 6]) -> Result<Option<RsaPrivateKey>, KeyError> {
    RsaPrivateKey::new(&RsaNumbers { n, e, d, iqmp, p, q })
}

#[test]
fn the_numbers_of_an_rsa_key_belong_together() {
    let good = rsa_numbers();
    let key = PrivateKey::Rsa(Box::new(rsa_of(&good).unwrap().unwrap()));
    for name in ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa", "rsa-sha2-512-cert-v01@openssh.com"] {
        let signature = key.sign(row(name), DATA).unwrap();
        let plain = row(row(name).signature_name);
        assert!(verify(plain, &key.public().blob(), DATA, &signature).is_ok(), "{name}");
    }
    for at in [0, 2, 3, 4, 5] {
        let mut numbers = good.clone();
        let last = numbers[at].len() - 1;
        numbers[at][last] ^= 2;
        assert!(rsa_of(&numbers).unwrap().is_none(), "{at}");
    }
    // The inverse is of the second prime modulo the first.
    let swapped = {
        let [n, e, d, iqmp, p, q] = good.clone();
        [n, e, d, iqmp, q, p]
    };
    assert!(rsa_of(&swapped).unwrap().is_none());
    for at in [2, 3, 4, 5] {
        for bytes in [vec![], vec![1], vec![2]] {
            let mut numbers = good.clone();
            numbers[at] = bytes;
            assert!(rsa_of(&numbers).unwrap().is_none(), "{at}");
        }
        let mut numbers = good.clone();
        numbers[at] = vec![1; numbers[0].len() + 1];
        assert_eq!(rsa_of(&numbers).err(), Some(KeyError::BadPrivate));
    }
}

#[test]
fn a_short_rsa_signature_is_padded_and_a_long_one_refused() {
    let key = PrivateKey::Rsa(Box::new(rsa_of(&rsa_numbers()).unwrap().unwrap()));
    let (algorithm, blob) = (row("rsa-sha2-256"), key.public().blob());
    let result = |data: &[u8], bytes: &[u8]| {
        verify(algorithm, &blob, data, &strings(&[b"rsa-sha2-256", bytes])).map(|_| ())
    };
    // One in 256 begins with a zero byte, so that some signers make it shorter.
    let (data, bytes) = (0_u32..4096)
        .find_map(|number| {
            let data = number.to_be_bytes();
            let signature = key.sign(algorithm, &data).unwrap();
            let bytes = Signature::parse(&signature).unwrap().bytes.to_vec();
            (bytes[0] == 0).then_some((data, bytes))
        })
        .unwrap();
    assert_eq!(bytes.len(), 384);
    assert_eq!(result(&data, &bytes), Ok(()));
    assert_eq!(result(&data, &bytes[1..]), Ok(()));
    assert_eq!(result(&data, &bytes[2..]), Err(VerifyError::BadSignature));
    assert_eq!(result(&data, &[]), Err(VerifyError::BadSignature));
    let long = VerifyError::WrongLength { expected: 384, got: 385 };
    assert_eq!(result(&data, &[&[0], &bytes[..]].concat()), Err(long));
}

/// What security keys sign.
fn by_device(application: &[u8], flags: u8, counter: u32, extensions: &[u8], message: &[u8]) -> Vec<u8> {
    let mut signed = HashAlg::Sha256.digest(application).as_slice().to_vec();
    signed.push(flags);
    put_u32(&mut signed, counter);
    signed.extend_from_slice(extensions);
    signed.extend_from_slice(HashAlg::Sha256.digest(message).as_slice());
    signed
}

/// The blobs of both types of keys in a device, and the key inside with its row.
fn devices() -> Vec<(&'static str, Vec<u8>, PrivateKey)> {
    let inner = [PrivateKey::from_seed(&[5; 32]), ecdsa(Curve::NistP256).0];
    inner
        .into_iter()
        .map(|key| match key.public() {
            PublicKey::Ed25519(public) => {
                let blob = PublicKey::SkEd25519(SkEd25519PublicKey::new(public, b"ssh:").unwrap()).blob();
                ("sk-ssh-ed25519@openssh.com", blob, key)
            }
            PublicKey::Ecdsa(public) => {
                let blob = PublicKey::SkEcdsa(SkEcdsaPublicKey::new(public, b"ssh:").unwrap()).blob();
                ("sk-ecdsa-sha2-nistp256@openssh.com", blob, key)
            }
            _ => panic!("another type"),
        })
        .collect()
}

#[test]
fn a_security_key_s_signature_covers_application_flags_and_counter() {
    for (name, blob, inner) in devices() {
        let made = |application: &[u8], flags, counter, told: (u8, u32)| {
            let signed = by_device(application, flags, counter, &[], DATA);
            let signature = inner.sign(inner.algorithms().next().unwrap(), &signed).unwrap();
            let mut blob = strings(&[name.as_bytes(), Signature::parse(&signature).unwrap().bytes]);
            blob.push(told.0);
            put_u32(&mut blob, told.1);
            blob
        };
        for flags in [0, 1, 4, 5, 0xff] {
            let verified = verify(row(name), &blob, DATA, &made(b"ssh:", flags, 7, (flags, 7))).unwrap();
            let expected =
                Assertion { user_present: flags & 1 != 0, user_verified: flags & 4 != 0, counter: 7 };
            assert_eq!(verified.assertion(), Some(expected));
        }
        for wrong in [
            made(b"ssh:other", 1, 7, (1, 7)),
            made(b"ssh:", 0, 7, (1, 7)),
            made(b"ssh:", 1, 7, (5, 7)),
            made(b"ssh:", 1, 7, (1, 8)),
        ] {
            assert_eq!(verify(row(name), &blob, DATA, &wrong), Err(VerifyError::BadSignature));
        }
        let good = made(b"ssh:", 1, 7, (1, 7));
        assert!(matches!(
            verify(row(name), &blob, DATA, &good[..good.len() - 1]),
            Err(VerifyError::Malformed(WireError::Truncated { .. }))
        ));
        let longer = [&good[..], &[0]].concat();
        let trailing = VerifyError::Malformed(WireError::Trailing { left: 1 });
        assert_eq!(verify(row(name), &blob, DATA, &longer), Err(trailing));
        // Without what the device says, the key inside is none of its own right.
        let plain = inner.sign(inner.algorithms().next().unwrap(), DATA).unwrap();
        assert!(verify(row(name), &blob, DATA, &plain).is_err());
    }
}

#[test]
fn an_application_s_name_has_no_nul() {
    for (name, blob, _) in devices() {
        let key = PublicKey::parse(&blob).unwrap();
        assert_eq!(key.key_type(), name);
        let changed = [&blob[..blob.len() - 1], &[0]].concat();
        assert_eq!(PublicKey::parse(&changed), Err(KeyError::BadApplication));
    }
}

/// A browser's signature blob, each of its parts as it comes.
fn by_browser(inner: &PrivateKey, flags: u8, origin: &str, client_data: &str, extensions: &[u8]) -> Vec<u8> {
    let signed = by_device(b"ssh:", flags, 9, extensions, client_data.as_bytes());
    let signature = inner.sign(row("ecdsa-sha2-nistp256"), &signed).unwrap();
    let name = b"webauthn-sk-ecdsa-sha2-nistp256@openssh.com";
    let mut blob = strings(&[name, Signature::parse(&signature).unwrap().bytes]);
    blob.push(flags);
    put_u32(&mut blob, 9);
    blob.extend_from_slice(&strings(&[origin.as_bytes(), client_data.as_bytes(), extensions]));
    blob
}

#[test]
fn a_browser_signs_what_it_was_asked_to_for_the_origin_that_it_names() {
    let (_, blob, inner) = devices().pop().unwrap();
    let algorithm = row("webauthn-sk-ecdsa-sha2-nistp256@openssh.com");
    let challenge = Base64UrlUnpadded::encode_string(DATA);
    let text = |kind: &str, challenge: &str, origin: &str, after: &str| {
        format!("{{\"type\":\"{kind}\",\"challenge\":\"{challenge}\",\"origin\":\"{origin}\"{after}")
    };
    let origin = "https://example.org";
    let check = |flags, origin: &str, client_data: &str, extensions: &[u8]| {
        let signature = by_browser(&inner, flags, origin, client_data, extensions);
        verify(algorithm, &blob, DATA, &signature).map(|verified| verified.assertion().unwrap())
    };
    let good = text("webauthn.get", &challenge, origin, "}");
    let seen = Assertion { user_present: true, user_verified: true, counter: 9 };
    assert_eq!(check(5, origin, &good, b""), Ok(seen));
    let more = text("webauthn.get", &challenge, origin, ",\"crossOrigin\":false}");
    assert_eq!(check(5, origin, &more, b""), Ok(seen));
    assert_eq!(check(0x85, origin, &good, b"\xa1"), Ok(seen));

    let other = Base64UrlUnpadded::encode_string(b"something else");
    for client_data in [
        text("webauthn.create", &challenge, origin, "}"),
        text("webauthn.get", &other, origin, "}"),
        text("webauthn.get", &challenge, "https://example.com", "}"),
        text("webauthn.get", &challenge, "https://example.org.evil", "}"),
        text("webauthn.get", &challenge, origin, ""),
        text("webauthn.get", &challenge, origin, ",\"crossOrigin\":false"),
        text("webauthn.get", &challenge, origin, "} "),
        text("webauthn.get", &challenge, origin, "x}"),
        format!(" {good}"),
        good.replace("\"type\"", "\"Type\""),
        good.replace(&challenge, &format!("{challenge}=")),
        String::new(),
    ] {
        assert_eq!(check(5, origin, &client_data, b""), Err(VerifyError::BadClientData), "{client_data}");
    }
    // An origin that would end its own string.
    let forged = "x\",\"challenge\":\"y";
    let client_data = text("webauthn.get", &challenge, forged, "}");
    assert_eq!(check(5, forged, &client_data, b""), Err(VerifyError::BadClientData));
    // Extensions that the flags do not tell of, and the other way; what belongs to registrations.
    for (flags, extensions) in [(5, &b"\xa1"[..]), (0x85, b""), (0x45, b""), (0xc5, b"\xa1")] {
        assert_eq!(check(flags, origin, &good, extensions), Err(VerifyError::BadClientData));
    }
    // A device's own signature is none of a browser's, nor the other way round, though the key is the same.
    let signature = by_browser(&inner, 5, origin, &good, b"");
    let plain = row("sk-ecdsa-sha2-nistp256@openssh.com");
    let error = VerifyError::WrongAlgorithm { declared: plain.name };
    assert_eq!(verify(plain, &blob, DATA, &signature), Err(error));
}

#[test]
fn every_row_verifies_its_own_kind_of_key_and_no_other() {
    let rng = &mut SeededRng::new(6);
    let mut keys = vec![PrivateKey::from_seed(&[5; 32])];
    keys.extend(Curve::ALL.map(|curve| ecdsa(curve).0));
    keys.push(PrivateKey::Rsa(Box::new(rsa_of(&rsa_numbers()).unwrap().unwrap())));
    #[cfg(feature = "mldsa")]
    keys.push(PrivateKey::generate_of(NewKey::MlDsa44Ed25519, rng).unwrap());
    let authority = PrivateKey::from_seed(&[8; 32]);
    let mut exercised = 0;
    for key in &keys {
        let request = CertificateRequest::new(CertificateKind::User, key.public(), b"id");
        let certificate = request.sign(&authority, row("ssh-ed25519"), rng).unwrap();
        for algorithm in SIGNATURES {
            let fits = algorithm.plain == key.public().key_type();
            let signature = key.sign(algorithm, DATA);
            if !fits {
                assert!(matches!(signature, Err(SignError::WrongKeyType { .. })), "{}", algorithm.name);
            }
            let own = key.algorithms().next().unwrap();
            let signature = signature.unwrap_or_else(|_| key.sign(own, DATA).unwrap());
            for (blob, certified) in [(key.public().blob(), false), (certificate.blob().to_vec(), true)] {
                let result = verify(algorithm, &blob, DATA, &signature);
                if fits && algorithm.certificate == certified {
                    let verified = result.unwrap();
                    assert_eq!(verified.key(), &key.public());
                    assert_eq!(verified.certificate().is_some(), certified);
                    assert_eq!(verified.identity().blob(), blob);
                    exercised += 1;
                } else {
                    assert!(matches!(result, Err(VerifyError::WrongKeyType { .. })), "{}", algorithm.name);
                }
            }
        }
    }
    // The rows of keys in devices have tests of their own.
    let devices = SIGNATURES.iter().filter(|row| row.plain.starts_with("sk-")).count();
    // Of the two names of composite keys, new keys have the one.
    let older = SIGNATURES.iter().filter(|row| row.plain == "ssh-mldsa44-ed25519@openssh.com").count();
    assert_eq!(exercised + devices + older, SIGNATURES.len());
}

#[test]
fn a_certificate_of_a_security_key_verifies_by_its_own_row() {
    for (name, blob, inner) in devices() {
        let request = CertificateRequest::new(CertificateKind::User, PublicKey::parse(&blob).unwrap(), b"id");
        let authority = PrivateKey::from_seed(&[8; 32]);
        let certificate = request.sign(&authority, row("ssh-ed25519"), &mut SeededRng::new(1)).unwrap();
        let signed = by_device(b"ssh:", 1, 2, &[], DATA);
        let signature = inner.sign(inner.algorithms().next().unwrap(), &signed).unwrap();
        let mut signature = strings(&[name.as_bytes(), Signature::parse(&signature).unwrap().bytes]);
        signature.push(1);
        put_u32(&mut signature, 2);
        let certified = SIGNATURES.iter().find(|row| row.certificate && row.signature_name == name).unwrap();
        let verified = verify(certified, certificate.blob(), DATA, &signature).unwrap();
        assert_eq!(verified.assertion().map(|assertion| assertion.counter), Some(2));
        assert!(verify(certified, &blob, DATA, &signature).is_err());
        assert!(verify(row(name), certificate.blob(), DATA, &signature).is_err());
    }
}

#[test]
fn an_identity_is_a_key_or_a_certificate_and_a_line_of_either_is_read() {
    let key = PrivateKey::from_seed(&[5; 32]);
    let request = CertificateRequest::new(CertificateKind::Host, key.public(), b"id");
    let certificate = request.sign(&key, row("ssh-ed25519"), &mut SeededRng::new(1)).unwrap();
    let plain = Identity::parse(&key.public().blob()).unwrap();
    let certified = Identity::parse(certificate.blob()).unwrap();
    assert_eq!((plain.key(), certified.key()), (&key.public(), &key.public()));
    assert_ne!(plain, certified);
    assert_eq!((plain.short_type(), certified.short_type()), ("ED25519".into(), "ED25519-CERT".into()));
    assert_eq!(certified.key_type(), "ssh-ed25519-cert-v01@openssh.com");
    assert_eq!(PublicKey::parse(certificate.blob()), Err(KeyError::UnknownType));
    for (identity, text) in [(plain, key.public().to_string()), (certified, certificate.to_string())] {
        let line = format!("{text} a comment\n");
        let line = IdentityLine::parse(line.as_bytes()).unwrap();
        assert_eq!((line.identity(), line.comment().0), (&identity, &b"a comment"[..]));
        let certificate = identity.certificate().is_some();
        assert_eq!(KeyLine::parse(text.as_bytes()).is_err(), certificate);
        assert_eq!(Identity::parse(&identity.blob()), Ok(identity));
    }
}

#[test]
fn keys_are_told_as_ssh_keygen_tells_them() {
    let rng = &mut SeededRng::new(6);
    let mut told: Vec<_> = Curve::ALL
        .map(|curve| ecdsa(curve).0.public())
        .into_iter()
        .chain(devices().into_iter().map(|(_, blob, _)| PublicKey::parse(&blob).unwrap()))
        .map(|key| (key.bits(), key.short_type()))
        .collect();
    #[cfg(feature = "mldsa")]
    told.push({
        let key = PrivateKey::generate_of(NewKey::MlDsa44Ed25519, rng).unwrap().public();
        (key.bits(), key.short_type())
    });
    let ed25519 = PrivateKey::generate(rng).unwrap().public();
    told.push((ed25519.bits(), ed25519.short_type()));
    let mut expected =
        vec![(256, "ECDSA"), (384, "ECDSA"), (521, "ECDSA"), (256, "ED25519-SK"), (256, "ECDSA-SK")];
    if cfg!(feature = "mldsa") {
        expected.push((512, "MLDSA44-ED25519"));
    }
    expected.push((256, "ED25519"));
    assert_eq!(told, expected);
}

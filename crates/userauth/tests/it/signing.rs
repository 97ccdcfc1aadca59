//! The bytes that a key signs.

use std::time::Instant;

use keys::VerifyError;
use nacre_userauth::server::{Ask, Output};
use nacre_userauth::{Proof, SignedRequest, signed_data, verify};

use crate::rig::{
    HOST_KEY, Payloads, SESSION, blob, bound_key_proof, config, ed25519, key, key_proof, ready, signed,
};

#[test]
fn the_signed_bytes_are_those_of_rfc_4252_section_7() {
    let request = SignedRequest { user: "u", algorithm: "a", key: b"k", host_key: None };
    let mut expected = Vec::new();
    expected.extend_from_slice(b"\0\0\0\x02id\x32\0\0\0\x01u\0\0\0\x0essh-connection\0\0\0\x09publickey\x01");
    expected.extend_from_slice(b"\0\0\0\x01a\0\0\0\x01k");
    assert_eq!(signed_data(b"id", &request), expected);
}

#[test]
fn the_host_bound_method_signs_its_own_name_and_the_host_key() {
    let request = SignedRequest { user: "u", algorithm: "a", key: b"k", host_key: Some(b"h") };
    let mut expected = Vec::new();
    expected.extend_from_slice(b"\0\0\0\x02id\x32\0\0\0\x01u\0\0\0\x0essh-connection");
    expected.extend_from_slice(b"\0\0\0\x23publickey-hostbound-v00@openssh.com\x01");
    expected.extend_from_slice(b"\0\0\0\x01a\0\0\0\x01k\0\0\0\x01h");
    assert_eq!(signed_data(b"id", &request), expected);
}

fn proof(payload: &[u8]) -> Proof {
    let now = Instant::now();
    match ready(config(), now).handle(now, payload, &mut Payloads::new()) {
        Ok(Output::Ask(Ask::KeyProof { proof })) => proof,
        other => panic!("{other:?}"),
    }
}

/// What key 1 signs of this, wrapped into a request by `alice` with `bound` or without.
fn request(session: &[u8], signed: SignedRequest<'_>, bound: bool) -> Vec<u8> {
    let signature = key(1).sign(ed25519(), &signed_data(session, &signed)).unwrap();
    if bound {
        bound_key_proof("alice", &blob(1), HOST_KEY, &signature)
    } else {
        key_proof("alice", "ssh-ed25519", &blob(1), &signature)
    }
}

#[test]
fn a_signature_over_exactly_the_request_proves_the_key() {
    let proven = verify(&proof(&signed("alice", 1))).unwrap();
    assert_eq!(
        (proven.key(), proven.algorithm().name, proven.is_host_bound()),
        (&blob(1)[..], "ssh-ed25519", false)
    );
    let key_blob = blob(1);
    let right =
        SignedRequest { user: "alice", algorithm: "ssh-ed25519", key: &key_blob, host_key: Some(HOST_KEY) };
    assert!(verify(&proof(&request(SESSION, right, true))).unwrap().is_host_bound());
}

#[test]
fn a_signature_over_anything_else_proves_nothing() {
    let (key_blob, other_key) = (blob(1), blob(2));
    let right = SignedRequest { user: "alice", algorithm: "ssh-ed25519", key: &key_blob, host_key: None };
    let bound = SignedRequest { host_key: Some(HOST_KEY), ..right };
    for (session, wrong, host_bound) in [
        (&b"another session"[..], right, false),
        (SESSION, SignedRequest { user: "bob", ..right }, false),
        (SESSION, SignedRequest { algorithm: "ssh-rsa", ..right }, false),
        (SESSION, SignedRequest { key: &other_key, ..right }, false),
        // One form's signature is none of the other's.
        (SESSION, bound, false),
        (SESSION, right, true),
        (SESSION, SignedRequest { host_key: Some(b"another host"), ..right }, true),
    ] {
        let result = verify(&proof(&request(session, wrong, host_bound))).map(|_| ());
        assert_eq!(result, Err(VerifyError::BadSignature), "{wrong:?}");
    }
    assert!(verify(&proof(&request(SESSION, right, false))).is_ok());
}

#[test]
fn a_proof_tells_its_parts_and_no_log_its_signature() {
    let proof = proof(&signed("alice", 1));
    assert_eq!((proof.user(), proof.key(), proof.host_key()), ("alice", &blob(1)[..], None));
    let shown = format!("{proof:?}");
    assert_eq!(shown, r#"Proof { user: "alice", algorithm: "ssh-ed25519", bound: false, .. }"#);
}

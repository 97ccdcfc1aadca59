//! The agent protocol, against requests that `ssh-add` of OpenSSH 10.6 made (`data/README.md`) and against agents that lie.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use keys::{Identity, PrivateKey, Secret, SignatureAlg, verify};
use nacre_keyfiles::agent::{
    AgentClient, AgentError, AgentIdentity, Answer, Constraint, Hop, HopKey, Permitted,
};
use nacre_keyfiles::limits::{MAX_AGENT_FRAME, MAX_AGENT_REQUESTS};
use proptest::prelude::*;
use wire::{WireError, put_string};

mod common;
use common::{data, identity, private};

fn algorithm(name: &str) -> &'static SignatureAlg {
    SignatureAlg::by_name(name).unwrap()
}

fn frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    put_string(&mut frame, payload);
    frame
}

/// What a client asks, without the length.
fn asked(ask: impl FnOnce(&mut AgentClient)) -> Vec<u8> {
    let mut agent = AgentClient::default();
    ask(&mut agent);
    let bytes = agent.transmit().to_vec();
    agent.sent(bytes.len());
    assert!(agent.transmit().is_empty());
    assert_eq!(bytes[..4], u32::try_from(bytes.len() - 4).unwrap().to_be_bytes());
    bytes[4..].to_vec()
}

/// What a client makes of this answer.
fn answered(ask: impl FnOnce(&mut AgentClient), payload: &[u8]) -> Result<Answer, AgentError> {
    let mut agent = AgentClient::default();
    ask(&mut agent);
    let bytes = frame(payload);
    let (taken, answer) = agent.receive(&bytes)?;
    assert_eq!((taken, agent.awaited()), (bytes.len(), 0));
    Ok(answer.unwrap())
}

fn list(agent: &mut AgentClient) {
    agent.request_identities().unwrap();
}

#[test]
fn keys_and_certificates_are_added_as_ssh_add_does() {
    let timed = [Constraint::Lifetime(3600), Constraint::Confirm];
    let device = [Constraint::SkProvider("internal")];
    for (name, comment, constraints) in [
        ("ed25519", "ed25519@example", &[][..]),
        ("ecdsa", "ecdsa@example", &timed),
        ("rsa", "rsa@example", &[]),
        ("mldsa44", "mldsa44@example", &[]),
        ("sk-ed25519", "sk", &device),
        ("sk-ecdsa", "sk", &device),
    ] {
        let (key, comment) = (private(name), comment.as_bytes());
        let added = asked(|agent| agent.add(&key, comment, constraints).unwrap());
        assert_eq!(added, data(&format!("agent/{name}.bin")), "{name}");
        let Identity::Certificate(certificate) = identity(&format!("keys/{name}-cert.pub")) else { panic!() };
        let added = asked(|agent| agent.add_certificate(&key, &certificate, comment, constraints).unwrap());
        assert_eq!(added, data(&format!("agent/{name}-cert.bin")), "{name}");
    }
    let Identity::Certificate(certificate) = identity("keys/ecdsa-cert.pub") else { panic!() };
    let mut agent = AgentClient::default();
    assert_eq!(
        agent.add_certificate(&private("rsa"), &certificate, b"", &[]),
        Err(AgentError::WrongCertificate)
    );
    assert!(agent.transmit().is_empty());
}

#[test]
fn destinations_are_restricted_as_ssh_add_does() {
    let blob = |name: &str| identity(&format!("keys/{name}.pub")).blob();
    let (hop, host, authority) = (blob("other"), blob("ecdsa"), blob("ca"));
    let hop_keys = [HopKey { blob: &hop, is_authority: false }];
    let keys = [HopKey { blob: &host, is_authority: false }, HopKey { blob: &authority, is_authority: true }];
    let permitted = [
        Permitted { from: Hop::default(), to: Hop { user: "", host: "dest.example", keys: &keys } },
        Permitted {
            from: Hop { user: "", host: "hop.example", keys: &hop_keys },
            to: Hop { user: "alice", host: "dest.example", keys: &keys },
        },
    ];
    let constraints = [Constraint::RestrictDestination(&permitted)];
    let added = asked(|agent| agent.add(&private("other"), b"other", &constraints).unwrap());
    assert_eq!(added, data("agent/other.bin"));
}

#[test]
fn other_constraints_are_as_protocol_agent_says() {
    let certificates = [&b"one"[..], b"two"];
    let constraints = [
        Constraint::SkProvider("internal"),
        Constraint::AssociatedCertificates { only: true, certificates: &certificates },
    ];
    let added =
        asked(|agent| agent.add_token("/lib/p11.so", &Secret::copy_of(b"123456"), &constraints).unwrap());
    let mut expected = vec![26];
    put_string(&mut expected, b"/lib/p11.so");
    put_string(&mut expected, b"123456");
    expected.push(255);
    put_string(&mut expected, b"sk-provider@openssh.com");
    put_string(&mut expected, b"internal");
    expected.push(255);
    put_string(&mut expected, b"associated-certs-v00@openssh.com");
    expected.push(1);
    put_string(&mut expected, b"\0\0\0\x03one\0\0\0\x03two");
    assert_eq!(added, expected);
    let without = asked(|agent| agent.add_token("p", &Secret::copy_of(b"1"), &[]).unwrap());
    assert_eq!(without, b"\x14\0\0\0\x01p\0\0\0\x011");
    let removed = asked(|agent| agent.remove_token("p", &Secret::copy_of(b"1")).unwrap());
    assert_eq!(removed, b"\x15\0\0\0\x01p\0\0\0\x011");
}

#[test]
fn small_requests_are_as_they_should_be() {
    let ed = identity("keys/ed25519.pub");
    assert_eq!(asked(|agent| agent.remove(&ed.blob()).unwrap()), data("agent/remove.bin"));
    assert_eq!(asked(|agent| agent.remove_all().unwrap()), data("agent/remove-all.bin"));
    assert_eq!(asked(list), [11]);
    assert_eq!(asked(|agent| agent.lock(&Secret::copy_of(b"pw")).unwrap()), b"\x16\0\0\0\x02pw");
    assert_eq!(asked(|agent| agent.unlock(&Secret::copy_of(b"pw")).unwrap()), b"\x17\0\0\0\x02pw");
    assert_eq!(asked(|agent| agent.query().unwrap()), b"\x1b\0\0\0\x05query");
    let bound = asked(|agent| agent.bind_session(b"k", b"id", b"s", true).unwrap());
    assert_eq!(bound, b"\x1b\0\0\0\x18session-bind@openssh.com\0\0\0\x01k\0\0\0\x02id\0\0\0\x01s\x01");
}

#[test]
fn flags_of_a_signature_follow_the_algorithm() {
    let rsa = identity("keys/rsa.pub");
    for (name, flags) in [("rsa-sha2-256", 2_u32), ("rsa-sha2-512", 4), ("ssh-rsa", 0)] {
        let mut expected = vec![13];
        put_string(&mut expected, &rsa.blob());
        put_string(&mut expected, b"data");
        expected.extend(flags.to_be_bytes());
        assert_eq!(asked(|agent| agent.sign(&rsa, algorithm(name), b"data").unwrap()), expected);
    }
    let certificate = identity("keys/rsa-cert.pub");
    let request = asked(|agent| {
        agent.sign(&certificate, algorithm("rsa-sha2-512-cert-v01@openssh.com"), b"d").unwrap()
    });
    assert_eq!(request.last(), Some(&4));
    let wrong = AgentError::WrongKeyType { algorithm: "ssh-ed25519" };
    assert_eq!(AgentClient::default().sign(&rsa, algorithm("ssh-ed25519"), b"d"), Err(wrong));
}

#[test]
fn answers_come_in_the_order_of_the_requests_however_they_are_cut() {
    let (ed, key) = (algorithm("ssh-ed25519"), PrivateKey::from_seed(&[1; 32]));
    let signature = key.sign(ed, b"data").unwrap();
    let mut identities = b"\x0c\0\0\0\x02".to_vec();
    put_string(&mut identities, &key.public().blob());
    put_string(&mut identities, b"mine");
    put_string(&mut identities, b"\0\0\0\x07ssh-new\xff");
    put_string(&mut identities, b"\xff");
    let mut signed = vec![14];
    put_string(&mut signed, &signature);
    let stream =
        [&identities, &signed, &vec![6], &vec![5], &b"\x1d\0\0\0\x05query\0\0\0\x01a".to_vec(), &vec![28]]
            .map(|payload| frame(payload))
            .concat();
    for chunk in [1, 2, 3, 5, 7, 64, stream.len()] {
        let mut agent = AgentClient::default();
        agent.request_identities().unwrap();
        agent.sign(&Identity::Key(key.public()), ed, b"data").unwrap();
        agent.remove_all().unwrap();
        agent.remove(b"blob").unwrap();
        agent.query().unwrap();
        agent.query().unwrap();
        while !agent.transmit().is_empty() {
            agent.sent(agent.transmit().len().min(chunk));
        }
        let mut answers = Vec::new();
        for mut bytes in stream.chunks(chunk) {
            while !bytes.is_empty() {
                let (taken, answer) = agent.receive(bytes).unwrap();
                assert!(taken > 0 || answer.is_some());
                bytes = &bytes[taken..];
                answers.extend(answer);
            }
        }
        let [Answer::Identities(found), Answer::Signature(blob), rest @ ..] = &answers[..] else {
            panic!("{answers:?}")
        };
        assert_eq!(
            *rest,
            [Answer::Success, Answer::Failure, Answer::Extensions(vec![b"a".to_vec()]), Answer::Failure]
        );
        let [AgentIdentity { identity, comment, .. }, AgentIdentity { identity: unknown, blob: other, .. }] =
            &found[..]
        else {
            panic!()
        };
        assert_eq!((identity, &comment[..]), (&Ok(Identity::Key(key.public())), &b"mine"[..]));
        assert!(unknown.is_err() && other == b"\0\0\0\x07ssh-new\xff");
        assert_eq!(verify(ed, &key.public().blob(), b"data", blob).unwrap().key(), &key.public());
    }
}

#[test]
fn a_lying_agent_gets_errors_and_no_room() {
    let sign = |agent: &mut AgentClient| {
        let key = Identity::Key(PrivateKey::from_seed(&[1; 32]).public());
        agent.sign(&key, algorithm("ssh-ed25519"), b"data").unwrap();
    };
    let query = |agent: &mut AgentClient| agent.query().unwrap();
    let number = |expected, got| AgentError::Malformed(WireError::WrongNumber { expected, got });
    assert_eq!(answered(list, &[6]), Err(number(12, 6)));
    assert_eq!(answered(list, &[6, 1]), Err(number(12, 6)));
    assert_eq!(answered(sign, b"\x0c\0\0\0\0"), Err(number(14, 12)));
    assert_eq!(answered(|agent| agent.remove_all().unwrap(), b"\x1d\0\0\0\x05query"), Err(number(6, 29)));
    assert_eq!(answered(list, b"\x0c\xff\xff\xff\xff"), Err(AgentError::TooManyIdentities));
    assert_eq!(answered(list, b"\x0c\0\0\x08\x01"), Err(AgentError::TooManyIdentities));
    let truncated = AgentError::Malformed(WireError::Truncated { needed: 4, left: 0 });
    assert_eq!(answered(list, b"\x0c\0\0\0\x01"), Err(truncated));
    assert_eq!(
        answered(list, b"\x0c\0\0\0\0\0"),
        Err(AgentError::Malformed(WireError::Trailing { left: 1 }))
    );
    let mut other = vec![14];
    put_string(&mut other, b"\0\0\0\x0crsa-sha2-512\0\0\0\x01x");
    assert_eq!(answered(sign, &other), Ok(Answer::OtherAlgorithm));
    put_string(&mut other, b"");
    assert_eq!(answered(sign, &other), Err(AgentError::Malformed(WireError::Trailing { left: 4 })));
    assert!(matches!(answered(sign, b"\x0e\0\0\0\x01x"), Err(AgentError::Malformed(_))));
    assert_eq!(answered(query, b"\x1d\0\0\0\x05other"), Err(AgentError::WrongExtension));
    let many = [&b"\x1d\0\0\0\x05query"[..], &[0; 4 * 257]].concat();
    assert_eq!(answered(query, &many), Err(AgentError::TooManyExtensions));
    assert!(
        matches!(answered(query, &many[..10 + 4 * 256]), Ok(Answer::Extensions(names)) if names.len() == 256)
    );

    for length in [0, u32::try_from(MAX_AGENT_FRAME).unwrap() + 1, u32::MAX] {
        let mut agent = AgentClient::default();
        agent.request_identities().unwrap();
        let error = Err(AgentError::FrameLength { got: length });
        assert_eq!(agent.receive(&length.to_be_bytes()), error);
        // It stays so.
        assert_eq!(agent.receive(&frame(&[5])), error);
        assert_eq!(agent.request_identities().map(|()| (0, None)), error);
        assert!(agent.transmit().is_empty());
    }
    let mut agent = AgentClient::default();
    assert_eq!(agent.receive(&[]), Ok((0, None)));
    assert_eq!(agent.receive(&frame(&[5])), Err(AgentError::Unasked));
}

#[test]
fn the_largest_messages_pass_and_larger_ones_are_not_made() {
    let mut agent = AgentClient::default();
    let most = vec![0; MAX_AGENT_FRAME - 5];
    agent.remove(&most).unwrap();
    assert_eq!(agent.transmit().len(), 4 + MAX_AGENT_FRAME);
    assert_eq!(agent.remove(&[0; MAX_AGENT_FRAME - 4]), Err(AgentError::RequestTooLong));
    for _ in 1..MAX_AGENT_REQUESTS {
        agent.remove_all().unwrap();
    }
    assert_eq!(agent.remove_all(), Err(AgentError::TooManyRequests));
    assert_eq!(agent.receive(&frame(&[6])), Ok((5, Some(Answer::Success))));
    agent.remove_all().unwrap();

    let mut big = b"\x0c\0\0\0\x01".to_vec();
    put_string(&mut big, b"");
    put_string(&mut big, &vec![b'c'; MAX_AGENT_FRAME - 13]);
    assert!(matches!(answered(list, &big), Ok(Answer::Identities(keys)) if keys.len() == 1));
}

proptest! {
    #[test]
    fn hostile_bytes_give_an_answer_or_an_error(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        number in prop_oneof![Just(5_u8), Just(6), Just(12), Just(14), Just(28), Just(29), any::<u8>()],
        kind in 0..3,
    ) {
        let mut agent = AgentClient::default();
        match kind {
            0 => agent.request_identities().unwrap(),
            1 => agent.query().unwrap(),
            _ => agent.remove_all().unwrap(),
        }
        let stream = frame(&[&[number][..], &bytes].concat());
        let whole = agent.receive(&stream);
        prop_assert!(matches!(whole, Err(_) | Ok((_, Some(_)))));
        let _ = agent.receive(&bytes);
    }
}

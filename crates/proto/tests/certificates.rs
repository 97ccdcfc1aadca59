//! Logging in with certificates, through both whole connections.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::cell::RefCell;
use std::rc::Rc;

use keys::limits::PRINCIPALS_MAX;
use keys::{CertificateKind, CertificateRequest, PrivateKey, SignatureAlg};
use nacre_proto::{ClientQuestion, ServerQuestion};
use testkit::Pair;
use userauth::KeyVerdict;
use userauth::client::Credential;

/// As many names as there may be, as long as a user's may be with nearly every directory.
#[test]
fn the_largest_certificate_logs_in_with_and_without_being_offered_first() {
    let ed25519 = SignatureAlg::by_name("ssh-ed25519").unwrap();
    let certified = SignatureAlg::by_name("ssh-ed25519-cert-v01@openssh.com").unwrap();
    let [key, authority] = [7, 8].map(|seed| PrivateKey::from_seed(&[seed; 32]));
    let mut request = CertificateRequest::new(CertificateKind::User, key.public(), b"id");
    request.principals = (0..PRINCIPALS_MAX).map(|number| format!("{number:0>255}").into_bytes()).collect();
    let certificate = request.sign(&authority, ed25519, &mut crypto::SeededRng::new(1)).unwrap();
    let blob = certificate.blob().to_vec();
    assert!(blob.len() > 65 * 1024);
    for (seed, query_first) in [(23, true), (24, false)] {
        let mut pair = Pair::seeded(seed);
        let (shown, seen) = (blob.clone(), Rc::new(RefCell::new(Vec::new())));
        let key = PrivateKey::from_seed(&[7; 32]);
        pair.client.app.hook = Some(Box::new(move |connection, question| {
            match question {
                ClientQuestion::Credential { ticket, .. } => {
                    let key = shown.clone();
                    let next = Credential::PublicKey { algorithm: certified, key, query_first };
                    connection.answer(ticket, next).unwrap();
                }
                ClientQuestion::Sign { ticket, algorithm, data, .. } => {
                    connection.answer(ticket, key.sign(algorithm, &data).unwrap()).unwrap();
                }
                other => return Some(other),
            }
            None
        }));
        let see = Rc::clone(&seen);
        pair.server.app.hook = Some(Box::new(move |connection, question| {
            match question {
                ServerQuestion::KeyOffer { ticket, key, .. } => {
                    see.borrow_mut().push(key.0.to_vec());
                    connection.answer(ticket, true).unwrap();
                }
                ServerQuestion::KeyProof { ticket, proof } => {
                    see.borrow_mut().push(proof.key().to_vec());
                    let proven = userauth::verify(&proof).unwrap();
                    connection.answer(ticket, KeyVerdict::Accept(proven)).unwrap();
                }
                other => return Some(other),
            }
            None
        }));
        pair.settle();
        assert!(pair.client.app.logged_in && pair.server.app.user.is_some());
        assert_eq!(seen.borrow().len(), 1 + usize::from(query_first));
        assert!(seen.borrow().iter().all(|key| *key == blob));
    }
}

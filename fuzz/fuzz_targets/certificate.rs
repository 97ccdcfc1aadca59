//! Certificates: what is understood has one encoding, and what they grant comes only from an authority that signed it.
#![no_main]

use keys::{Certificate, CertificateKind, Identity, KeyLine, PublicKey, SIGNATURES, SignatureAlg};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(line) = keys::IdentityLine::parse(data) {
        // A line of a key alone is the same key.
        if line.identity().certificate().is_none() {
            assert_eq!(KeyLine::parse(data).map(KeyLine::into_key).as_ref(), Ok(line.identity().key()));
        }
    }
    let Ok(certificate) = Certificate::parse(data) else { return };
    assert_eq!(certificate.blob(), data);
    let Ok(Identity::Certificate(same)) = Identity::parse(data) else { panic!("it is an identity") };
    assert_eq!(*same, certificate);
    // A certificate is no key, whoever asks.
    assert!(PublicKey::parse(data).is_err());
    assert!(!Certificate::is_type(certificate.key().key_type()));
    assert!(!Certificate::is_type(certificate.authority().key_type()));
    let _ =
        (certificate.key_id().to_string(), certificate.names(b"alice"), certificate.valid_at(1_700_000_000));
    let accepted: Vec<&'static SignatureAlg> = SIGNATURES.iter().collect();
    assert!(certificate.verify_authority(&[]).is_err());
    let Ok(endorsed) = certificate.verify_authority(&accepted) else { return };
    if let Ok(options) = endorsed.options() {
        let _ = format!("{options:?}");
    }
    for kind in [CertificateKind::User, CertificateKind::Host] {
        for principal in [&b""[..], b"alice", b"host.example.org"] {
            if endorsed.admits(kind, principal, 1_700_000_000).is_ok() {
                assert_eq!(certificate.kind(), kind);
                assert!(certificate.principals().len() > 0 && certificate.names(principal));
                assert!(
                    certificate.valid_after() <= 1_700_000_000 && 1_700_000_000 < certificate.valid_before()
                );
            }
        }
    }
});

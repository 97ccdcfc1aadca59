//! The table of signature algorithms (RFC 4253 §6.6, RFC 8332 §3, OpenSSH's PROTOCOL.certkeys and PROTOCOL.u2f).

use crypto::Status;

use crate::ecdsa::Curve;
#[cfg(feature = "mldsa")]
use crate::mldsa;
use crate::rsa::RsaHash;
use crate::{ecdsa, ed25519, rsa, sk};

/// A signature algorithm, as negotiation, `publickey` authentication and [`crate::verify`] see it.
#[derive(Debug, PartialEq, Eq)]
pub struct SignatureAlg {
    /// Its name in negotiation and in `publickey` requests.
    pub name: &'static str,
    /// The type of key that it belongs to: the first field of the key's blob, or of the certificate's.
    pub key_type: &'static str,
    /// Its name inside of every signature that it makes. A certificate does not sign, its key does.
    pub signature_name: &'static str,
    /// The type of the key that signs, without certificate.
    pub plain: &'static str,
    /// Whether it wants a certificate where the others want a plain key.
    pub certificate: bool,
    /// How it stands with us.
    pub status: Status,
    /// Where it is specified.
    pub reference: &'static str,
    pub(crate) scheme: Scheme,
}

/// What the bytes of a signature are. Together with the key it gives the one format that is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Null,
    Ed25519,
    Ecdsa(Curve),
    Rsa(RsaHash),
    SkEd25519,
    SkEcdsa,
    WebAuthn,
    #[cfg(feature = "mldsa")]
    MlDsa44Ed25519,
}

impl Scheme {
    /// Whether something follows the signature's bytes: what a security key says about the signing.
    pub(crate) fn has_assertion(self) -> bool {
        match self {
            Self::SkEd25519 | Self::SkEcdsa | Self::WebAuthn => true,
            Self::Null | Self::Ed25519 | Self::Ecdsa(_) | Self::Rsa(_) => false,
            #[cfg(feature = "mldsa")]
            Self::MlDsa44Ed25519 => false,
        }
    }
}

const CERTKEYS: &str = "OpenSSH PROTOCOL.certkeys";
const U2F: &str = "OpenSSH PROTOCOL.u2f";
#[cfg(feature = "mldsa")]
const COMPOSITE: &str = "draft-miller-sshm-mldsa44-ed25519-composite-sigs";

/// All signature algorithms, in the order of preference that OpenSSH has: certificates first.
pub static SIGNATURES: &[SignatureAlg] = &[
    certified("ssh-ed25519-cert-v01@openssh.com", CERTKEYS, &ED25519),
    certified("ecdsa-sha2-nistp256-cert-v01@openssh.com", CERTKEYS, &ECDSA_P256),
    certified("ecdsa-sha2-nistp384-cert-v01@openssh.com", CERTKEYS, &ECDSA_P384),
    certified("ecdsa-sha2-nistp521-cert-v01@openssh.com", CERTKEYS, &ECDSA_P521),
    certified("sk-ssh-ed25519-cert-v01@openssh.com", U2F, &SK_ED25519),
    certified("sk-ecdsa-sha2-nistp256-cert-v01@openssh.com", U2F, &SK_ECDSA),
    SignatureAlg {
        key_type: "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
        ..certified("webauthn-sk-ecdsa-sha2-nistp256-cert-v01@openssh.com", U2F, &WEBAUTHN)
    },
    SignatureAlg {
        key_type: "ssh-rsa-cert-v01@openssh.com",
        ..certified("rsa-sha2-512-cert-v01@openssh.com", CERTKEYS, &RSA_SHA512)
    },
    SignatureAlg {
        key_type: "ssh-rsa-cert-v01@openssh.com",
        ..certified("rsa-sha2-256-cert-v01@openssh.com", CERTKEYS, &RSA_SHA256)
    },
    ED25519,
    ECDSA_P256,
    ECDSA_P384,
    ECDSA_P521,
    SK_ED25519,
    SK_ECDSA,
    WEBAUTHN,
    RSA_SHA512,
    RSA_SHA256,
    #[cfg(feature = "mldsa")]
    certified("ssh-mldsa44-ed25519-cert", COMPOSITE, &MLDSA44_ED25519),
    #[cfg(feature = "mldsa")]
    MLDSA44_ED25519,
    #[cfg(feature = "mldsa")]
    certified("ssh-mldsa44-ed25519-cert-v01@openssh.com", COMPOSITE, &MLDSA44_ED25519_OPENSSH),
    #[cfg(feature = "mldsa")]
    MLDSA44_ED25519_OPENSSH,
    certified("ssh-rsa-cert-v01@openssh.com", CERTKEYS, &RSA_SHA1),
    RSA_SHA1,
];

const ED25519: SignatureAlg = plain(ed25519::KEY_TYPE, "RFC 8709", Scheme::Ed25519);
const ECDSA_P256: SignatureAlg = plain(ecdsa::P256, "RFC 5656 §3", Scheme::Ecdsa(Curve::NistP256));
const ECDSA_P384: SignatureAlg = plain(ecdsa::P384, "RFC 5656 §3", Scheme::Ecdsa(Curve::NistP384));
const ECDSA_P521: SignatureAlg = plain(ecdsa::P521, "RFC 5656 §3", Scheme::Ecdsa(Curve::NistP521));
const SK_ED25519: SignatureAlg = plain(sk::ED25519, U2F, Scheme::SkEd25519);
const SK_ECDSA: SignatureAlg = plain(sk::ECDSA, U2F, Scheme::SkEcdsa);
const WEBAUTHN: SignatureAlg =
    of_key("webauthn-sk-ecdsa-sha2-nistp256@openssh.com", sk::ECDSA, U2F, Scheme::WebAuthn);
const RSA_SHA512: SignatureAlg =
    of_key("rsa-sha2-512", rsa::KEY_TYPE, "RFC 8332", Scheme::Rsa(RsaHash::Sha512));
const RSA_SHA256: SignatureAlg =
    of_key("rsa-sha2-256", rsa::KEY_TYPE, "RFC 8332", Scheme::Rsa(RsaHash::Sha256));
const RSA_SHA1: SignatureAlg = SignatureAlg {
    status: Status::Insecure,
    ..plain(rsa::KEY_TYPE, "RFC 4253 §6.6", Scheme::Rsa(RsaHash::Sha1))
};
#[cfg(feature = "mldsa")]
const MLDSA44_ED25519: SignatureAlg =
    SignatureAlg { status: Status::Available, ..plain(mldsa::KEY_TYPE, COMPOSITE, Scheme::MlDsa44Ed25519) };
#[cfg(feature = "mldsa")]
const MLDSA44_ED25519_OPENSSH: SignatureAlg = SignatureAlg {
    status: Status::Available,
    ..plain(mldsa::KEY_TYPE_OPENSSH, COMPOSITE, Scheme::MlDsa44Ed25519)
};

/// A row whose only name is that of its key's type.
const fn plain(name: &'static str, reference: &'static str, scheme: Scheme) -> SignatureAlg {
    of_key(name, name, reference, scheme)
}

const fn of_key(
    name: &'static str,
    key_type: &'static str,
    reference: &'static str,
    scheme: Scheme,
) -> SignatureAlg {
    SignatureAlg {
        name,
        key_type,
        signature_name: name,
        plain: key_type,
        certificate: false,
        status: Status::Default,
        reference,
        scheme,
    }
}

/// The row of certificates whose keys sign by `row`.
const fn certified(name: &'static str, reference: &'static str, row: &SignatureAlg) -> SignatureAlg {
    SignatureAlg {
        name,
        key_type: name,
        signature_name: row.signature_name,
        plain: row.plain,
        certificate: true,
        status: row.status,
        reference,
        scheme: row.scheme,
    }
}

impl SignatureAlg {
    /// The row of [`SIGNATURES`] with this name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<&'static Self> {
        SIGNATURES.iter().find(|row| row.name == name)
    }

    /// The rows of [`SIGNATURES`] that a key of this type, or a certificate, can sign with, the preferred one first.
    pub fn for_key_type(key_type: &str) -> impl Iterator<Item = &'static Self> {
        SIGNATURES.iter().filter(move |row| row.key_type == key_type)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NULL_SIGNATURE;

    #[test]
    fn every_row_has_its_own_name_and_is_found_by_it() {
        for row in SIGNATURES {
            for name in [row.name, row.key_type, row.signature_name, row.plain] {
                assert!(wire::Name::new(name).is_ok());
            }
            assert!(std::ptr::eq(SignatureAlg::by_name(row.name).unwrap(), row));
            assert!(SignatureAlg::for_key_type(row.key_type).any(|other| other == row));
            assert_eq!(row.certificate, row.key_type != row.plain, "{}", row.name);
        }
        assert_eq!(SignatureAlg::by_name("ssh-ED25519"), None);
        assert_eq!(SignatureAlg::for_key_type("ssh-dss").next(), None);
    }

    #[test]
    fn a_certificate_s_row_signs_as_the_row_of_its_key_does() {
        let mut certified = 0;
        for row in SIGNATURES.iter().filter(|row| row.certificate) {
            let plain = SignatureAlg::by_name(row.signature_name).unwrap();
            assert!(!plain.certificate);
            assert_eq!((plain.scheme, plain.key_type, plain.status), (row.scheme, row.plain, row.status));
            certified += 1;
        }
        assert_eq!(certified * 2, SIGNATURES.len());
    }

    #[test]
    fn the_defaults_are_openssh_s_in_its_order() {
        let names: Vec<_> =
            SIGNATURES.iter().filter(|row| row.status == Status::Default).map(|row| row.name).collect();
        assert_eq!(
            names,
            [
                "ssh-ed25519-cert-v01@openssh.com",
                "ecdsa-sha2-nistp256-cert-v01@openssh.com",
                "ecdsa-sha2-nistp384-cert-v01@openssh.com",
                "ecdsa-sha2-nistp521-cert-v01@openssh.com",
                "sk-ssh-ed25519-cert-v01@openssh.com",
                "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
                "webauthn-sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
                "rsa-sha2-512-cert-v01@openssh.com",
                "rsa-sha2-256-cert-v01@openssh.com",
                "ssh-ed25519",
                "ecdsa-sha2-nistp256",
                "ecdsa-sha2-nistp384",
                "ecdsa-sha2-nistp521",
                "sk-ssh-ed25519@openssh.com",
                "sk-ecdsa-sha2-nistp256@openssh.com",
                "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
                "rsa-sha2-512",
                "rsa-sha2-256",
            ]
        );
        let insecure: Vec<_> =
            SIGNATURES.iter().filter(|row| row.status == Status::Insecure).map(|row| row.name).collect();
        assert_eq!(insecure, ["ssh-rsa-cert-v01@openssh.com", "ssh-rsa"]);
    }

    #[test]
    fn the_null_row_stands_in_no_table() {
        assert_eq!(SignatureAlg::by_name(NULL_SIGNATURE.name), None);
        assert!(SIGNATURES.iter().all(|row| row.scheme != Scheme::Null));
    }
}

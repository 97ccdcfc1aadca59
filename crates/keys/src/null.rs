//! A signature that proves nothing, for tests and fuzzing. It is chosen by value: no table holds it, so no
//! configuration and no peer can name it into use.

use crypto::Status;

use crate::algorithm::{Scheme, SignatureAlg};
use crate::ed25519;

/// **Insecure.** A signature without bytes, which every key can make and every key verifies over any data. It lets a
/// fuzzer or a test go through a key exchange or a login without curve arithmetic.
///
/// Its keys are Ed25519 keys, so there is no null key that a file or a peer could bring in. The signature blob is
/// `string "null"`, `string ""`, and nothing else.
pub static NULL_SIGNATURE: SignatureAlg = SignatureAlg {
    name: "null",
    key_type: ed25519::KEY_TYPE,
    signature_name: "null",
    plain: ed25519::KEY_TYPE,
    certificate: false,
    status: Status::Insecure,
    reference: "none: for tests",
    scheme: Scheme::Null,
};

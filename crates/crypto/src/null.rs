//! A suite that protects nothing, for tests and fuzzing. It is chosen by value: no table holds it, so no configuration
//! and no peer can name it into use.

use crate::cipher::{CipherAlg, CipherKind};
use crate::kex::{Family, KexAlg};
use crate::{HashAlg, Status};

/// A key exchange without a secret: both public values are empty, and K is zero.
pub static NULL_KEX: KexAlg = KexAlg {
    name: "null",
    hash: HashAlg::Sha256,
    status: Status::Insecure,
    reference: "none: for tests",
    family: Family::Null,
};

/// A cipher that leaves packets as they are. It says that it is an AEAD, though its tag is empty, so that no MAC is put
/// beside it; the length of a packet counts towards its padding, as before the first NEWKEYS.
pub static NULL_CIPHER: CipherAlg = CipherAlg {
    name: "null",
    key_len: 0,
    strength: 0,
    iv_len: 0,
    block_len: 8,
    tag_len: 0,
    aead: true,
    status: Status::Insecure,
    reference: "none: for tests",
    kind: CipherKind::Null,
};

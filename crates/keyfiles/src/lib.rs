//! Files about keys, from bytes to typed values.
//!
//! | module | noun |
//! |---|---|
//! | [`agent`] | the agent protocol, the client's side (RFC 9987) |
//! | [`allowed_signers`] | whose signatures of messages count (`ssh-keygen(1)`, ALLOWED SIGNERS) |
//! | [`authorized_keys`] | the keys that may log in as a user, and what each of them may do (`sshd(8)`, AUTHORIZED_KEYS FILE FORMAT) |
//! | [`authorized_principals`] | the names that a certificate may have to let a user in (`sshd_config(5)`, AuthorizedPrincipalsFile) |
//! | [`known_hosts`] | which keys are which hosts' (`sshd(8)`, SSH_KNOWN_HOSTS FILE FORMAT) |
//! | [`krl`] | keys and certificates that are revoked, in OpenSSH's binary form (PROTOCOL.krl) |
//! | [`revoked_keys`] | the same, or keys one a line (`sshd_config(5)`, RevokedKeys) |
//! | [`moduli`] | groups for Diffie-Hellman group exchange (`moduli(5)`) |
//! | [`sshsig`] | signatures of messages (PROTOCOL.sshsig) |
//! | [`limits`] | how much there may be |
//!
//! Nothing here opens a file; what is read is a user's, so nothing in it is trusted, every fault is of one line, and what cannot be
//! enforced is refused instead of ignored.
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

pub mod agent;
pub mod allowed_signers;
pub mod authorized_keys;
pub mod authorized_principals;
mod key_text;
pub mod known_hosts;
pub mod krl;
pub mod limits;
pub mod moduli;
pub mod revoked_keys;
pub mod sshsig;

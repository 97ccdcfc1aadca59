//! SSH's algorithms as values, and the glue between them that is ours.
//!
//! An algorithm is a row of a table: [`KEX`], [`CIPHERS`], [`MACS`], [`COMPRESSIONS`]. A row says what negotiation and
//! key derivation need to know (name, sizes, [`Status`], reference) and how to make the thing itself: an [`Ephemeral`]
//! of a key exchange, a [`SealingKey`] or an [`OpeningKey`] of a direction. Tables are in the order of preference that
//! OpenSSH has. A row cannot be made outside of this crate; [`NULL_KEX`] and [`NULL_CIPHER`] stand in no table and are
//! for tests and fuzzing, chosen by value.
//!
//! # What is ours and what is not
//! Field arithmetic, block ciphers, hashes and lattices come from crates that are made for them. Ours are the
//! constructs which SSH builds from them: the layouts of packets, the counters of GCM, ChaCha20-Poly1305 with two keys,
//! encrypt-then-MAC and encrypt-and-MAC, the encodings of K, the combiner of the hybrid exchanges, and the checks of
//! public values before they are computed with; of the curves of NIST also the multiples of their base points, and ECDSA
//! around those ([`NistCurve`]). Each is proven by vectors from outside and by a second composition that the tests write
//! on their own.
//!
//! # What is wiped
//! [`Secret`], [`SharedSecret`], [`Digest`], the states of hashes, MACs, AES in counter mode and CBC, ephemeral secrets
//! of every key exchange and what comes out of it before it is K, and the ChaCha20 keys of long packets are overwritten
//! when they are dropped. `ring`'s keys do not wipe themselves: we overwrite each one in place with a key of zeros when
//! it is dropped, which needs the compiler's good will (`std::hint::black_box`). Not wiped are the numbers of an
//! [`RsaSigner`], which `ring` keeps on the heap, copies that moving a value leaves on the stack, registers, and what
//! the crates below keep on their stacks, and those of numbers modulo a prime on the heap, while they compute.
//!
//! The encoder of [`Deflater`] keeps up to 32 KiB of plaintext and does not wipe them; what we keep beside it, and the
//! window of [`Inflater`], is wiped.
//!
//! # What this crate never does
//! It has no clock, opens nothing, and asks the operating system for nothing except in [`OsRng`], which is made by a
//! driver and handed in. It does not allocate per packet.

#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

pub mod limits;

mod cipher;
mod compression;
mod hash;
mod kex;
mod mac;
mod nist;
mod null;
mod packet;
mod rng;
mod rsa;
mod secret;
mod shared_secret;
mod status;
mod umac;

pub use cipher::{CIPHERS, CipherAlg};
pub use compression::{COMPRESSIONS, CompressionAlg, Deflater, InflateError, Inflater, NoRoom};
pub use hash::{Digest, HashAlg, Hasher};
pub use kex::{Ephemeral, Group, KEX, KexAlg, KexError, Response};
pub use mac::{MACS, MacAlg};
pub use nist::{EcdsaError, NistCurve};
pub use null::{NULL_CIPHER, NULL_KEX};
pub use packet::{KeyError, KeyPart, OpenError, OpeningKey, SealError, SealingKey};
pub use rng::{NoEntropy, OsRng, Rng, SeededRng};
pub use rsa::{RsaComponents, RsaSigner};
pub use secret::Secret;
pub use shared_secret::SharedSecret;
pub use status::Status;

//! Files of `tests/data`.

use std::fs;
use std::path::Path;

use keys::{Identity, PublicKey};

/// A file, by its path below `data`.
pub(crate) fn data(path: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(path);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The key or certificate of a `.pub` file.
pub(crate) fn identity(path: &str) -> Identity {
    let file = String::from_utf8(data(path)).unwrap();
    let text = file.split_whitespace().nth(1).unwrap();
    Identity::parse(&<base64ct::Base64 as base64ct::Encoding>::decode_vec(text).unwrap()).unwrap()
}

/// The plain key of a `.pub` file.
#[allow(dead_code, reason = "not every test file has plain keys")]
pub(crate) fn key(path: &str) -> PublicKey {
    identity(path).key().clone()
}

/// The private key of a file in `keys`.
#[allow(dead_code, reason = "not every test file has private keys")]
pub(crate) fn private(name: &str) -> keys::PrivateKey {
    keys::KeyFile::parse(&data(&format!("keys/{name}"))).unwrap().key
}

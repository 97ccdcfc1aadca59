//! Signatures of messages, armoured or not, and the lists of who may make them.
#![no_main]

use keyfiles::allowed_signers;
use keyfiles::sshsig::SshSignature;
use keys::{Identity, SignatureAlg};
use libfuzzer_sys::fuzz_target;
use nacre_fuzz::host_key;

/// A message of the fixtures, which some seeds are of.
const MESSAGE: &[u8] = b"message";

fuzz_target!(|data: &[u8]| {
    let Some((mode, bytes)) = data.split_first() else { return };
    if mode % 3 == 2 {
        for (number, line) in allowed_signers::lines(bytes) {
            assert!(number > 0);
            if let Ok(Some(entry)) = line {
                let _ = entry.names("alice@example.org");
            }
        }
        return;
    }
    let read = if mode % 3 == 0 { SshSignature::parse(bytes) } else { SshSignature::from_blob(bytes) };
    let Ok(signature) = read else { return };
    let blob = signature.blob();
    if mode % 3 == 1 {
        assert_eq!(blob, bytes);
    }
    let armored = signature.armored();
    let again = SshSignature::parse(armored.as_bytes()).expect("what was written can be read");
    assert_eq!(again.blob(), blob);
    // For another namespace than its own it is worth nothing.
    let other = [signature.namespace(), b"x"].concat();
    assert!(signature.verify(&other, MESSAGE).is_err());
    if let Ok(verified) = signature.verify(signature.namespace(), MESSAGE) {
        assert_eq!(verified.identity().key(), signature.identity().key());
    }
    // A good one by our key is good for this message only.
    let key = host_key();
    let algorithm = SignatureAlg::by_name("ssh-ed25519").expect("a row of the table");
    let identity = Identity::Key(key.public());
    let Ok(own) =
        SshSignature::sign(key, identity, algorithm, signature.namespace(), signature.hash(), bytes)
    else {
        return;
    };
    assert!(own.verify(signature.namespace(), bytes).is_ok());
    assert!(own.verify(signature.namespace(), &[bytes, b"x"].concat()).is_err());
});

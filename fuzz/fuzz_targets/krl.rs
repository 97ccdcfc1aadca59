//! Key revocation lists: what was read revokes the same when it was written again, and adding never takes away.
#![no_main]

use keyfiles::krl::KeyRevocationList;
use keyfiles::revoked_keys::RevokedKeys;
use keys::Identity;
use libfuzzer_sys::fuzz_target;
use nacre_fuzz::host_key;

fuzz_target!(|data: &[u8]| {
    let key = host_key().public();
    if let Ok(lines) = RevokedKeys::parse(data) {
        let _ = lines.revokes(&Identity::Key(key.clone()));
    }
    let Ok(list) = KeyRevocationList::parse(data) else { return };
    // Lists of ranges and bitmaps are small where what they stand for is not.
    let written = list.write();
    let again = KeyRevocationList::parse(&written).expect("what was written can be read");
    assert_eq!(again, list);
    assert_eq!(again.write(), written);
    let before = list.revokes_key(&key);
    assert_eq!(list.revokes(&Identity::Key(key.clone())), before);
    let mut more = list.clone();
    more.revoke_key(&key);
    assert!(more.revokes_key(&key));
    for blob in list.key_blobs() {
        if let Ok(identity) = Identity::parse(blob) {
            assert!(identity.certificate().is_some() || list.revokes(&identity) && more.revokes(&identity));
        }
    }
});

//! The vectors of RFC 4418 against the second UMAC, which packets are compared with. What packets are made with runs
//! them where it stands, as no packet has so long a nonce.

use crate::reference;
use crate::support::{cases, report};

#[test]
fn rfc4418_with_the_reference() {
    let mut run = 0;
    for case in cases("rfc4418.txt") {
        let message = case.text("text").repeat(case.text("times").parse().unwrap());
        for (field, tag_len) in [("umac-32", 4), ("umac-64", 8), ("umac-96", 12)] {
            let tag = reference::tag(&case.hex("key"), &case.hex("nonce"), message.as_bytes(), tag_len);
            assert_eq!(tag, case.hex(field), "{} {field}", case.text("case"));
            run += 1;
        }
    }
    report("rfc4418 with the reference", run);
}

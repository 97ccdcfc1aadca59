//! Files of groups: what is chosen was asked for and stands there.
#![no_main]

use crypto::SeededRng;
use keyfiles::limits::MODULI_FAULTS_MAX;
use keyfiles::moduli::{Sizes, choose, fallback};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [min, preferred, max, file @ ..] = data else { return };
    let bits = |byte: u8| u32::from(byte) * 64;
    let sizes = Sizes { min: bits(*min), preferred: bits(*preferred), max: bits(*max) };
    let choice = choose(file, sizes, &mut SeededRng::new(1)).expect("seeded");
    assert!(choice.faults.len() <= MODULI_FAULTS_MAX);
    for group in choice.group.iter().chain(fallback(sizes).iter()) {
        assert!((sizes.min..=sizes.max).contains(&group.bits()));
        assert!((2048..=8192).contains(&group.bits()));
    }
    for (number, fault) in &choice.faults {
        assert!(*number > 0 && !fault.to_string().is_empty());
    }
});

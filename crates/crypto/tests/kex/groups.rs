//! Groups of finite fields: which are taken, and where the well-known ones come from.

use nacre_crypto::{Group, KexError, SeededRng, limits};

use crate::{oakley, row};

fn all_ones(bits: u32) -> Vec<u8> {
    vec![0xff; (bits / 8).try_into().unwrap()]
}

#[test]
fn well_known_groups_are_those_of_the_formula_of_rfc_3526() {
    for (bits, constant) in [(2048, 124_476), (4096, 240_904), (8192, 4_743_158)] {
        let group = Group::well_known(bits).unwrap();
        assert_eq!(group.prime(), oakley(bits, constant), "{bits}");
        assert_eq!(group.generator(), [2]);
        assert_eq!(group.bits(), bits);
        assert_eq!(Group::new(group.prime(), group.generator()).unwrap(), group);
    }
    for bits in [0, 1024, 1536, 2047, 2049, 3072, 6144, u32::MAX] {
        assert_eq!(Group::well_known(bits), None, "{bits}");
    }
}

#[test]
fn a_group_has_an_odd_modulus_within_the_limits() {
    for bits in [limits::MIN_GROUP_BITS, 3072, limits::MAX_GROUP_BITS] {
        assert_eq!(Group::new(&all_ones(bits), &[2]).unwrap().bits(), bits);
        let mut even = all_ones(bits);
        *even.last_mut().unwrap() = 0xfe;
        assert_eq!(Group::new(&even, &[2]), Err(KexError::BadGroup));
    }
    let mut just_below = all_ones(limits::MIN_GROUP_BITS);
    just_below[0] = 0x7f;
    let just_above = [&[1], all_ones(limits::MAX_GROUP_BITS).as_slice()].concat();
    for modulus in [&[][..], &[0], &[1], &[7], &just_below, &just_above] {
        assert_eq!(Group::new(modulus, &[2]), Err(KexError::BadGroup), "{} bytes", modulus.len());
    }
}

#[test]
fn a_generator_is_neither_of_the_numbers_without_powers() {
    let modulus = all_ones(2048);
    let mut below = modulus.clone();
    for (last, accepted) in [(0xff, false), (0xfe, false), (0xfd, true), (0, true)] {
        below[255] = last;
        assert_eq!(Group::new(&modulus, &below).is_ok(), accepted, "{last:x}");
    }
    let above = [&[1], &[0; 256][..]].concat();
    for (generator, accepted) in
        [(&[][..], false), (&[0], false), (&[1], false), (&[2], true), (&[5], true), (&above, false)]
    {
        assert_eq!(Group::new(&modulus, generator).is_ok(), accepted, "{generator:?}");
    }
}

#[test]
fn leading_zeros_do_not_count() {
    let modulus = [&[0; 9], all_ones(2048).as_slice()].concat();
    let group = Group::new(&modulus, &[0, 0, 2]).unwrap();
    assert_eq!((group.prime().len(), group.generator(), group.bits()), (256, &[2][..], 2048));
    assert_eq!(format!("{group:?}"), "Group(2048 bits)");
}

#[test]
fn a_method_that_chooses_groups_needs_one_and_no_other_takes_one() {
    let group = Group::well_known(2048).unwrap();
    let mut rng = SeededRng::new(1);
    for name in ["diffie-hellman-group-exchange-sha256", "diffie-hellman-group-exchange-sha1"] {
        assert!(row(name).chooses_group());
        assert_eq!(row(name).start(&mut rng).err(), Some(KexError::NoGroup));
        assert_eq!(row(name).respond(&mut rng, &[2]).err(), Some(KexError::NoGroup));
    }
    for name in ["diffie-hellman-group14-sha256", "curve25519-sha256", "mlkem768x25519-sha256"] {
        assert!(!row(name).chooses_group());
        assert_eq!(row(name).start_in(&mut rng, &group).err(), Some(KexError::BadGroup));
        assert_eq!(row(name).respond_in(&mut rng, &group, &[2]).err(), Some(KexError::BadGroup));
    }
}

#[test]
fn a_group_of_any_size_and_generator_can_be_chosen() {
    let row = row("diffie-hellman-group-exchange-sha256");
    let mut rng = SeededRng::new(2);
    // Group 15 of RFC 3526, which no method names; and a length that is no multiple of a machine word's.
    let mut odd = all_ones(2056);
    odd[0] = 1;
    for (prime, generator) in [(oakley(3072, 1_690_314), 2), (odd, 3)] {
        let group = Group::new(&prime, &[generator]).unwrap();
        let client = row.start_in(&mut rng, &group).unwrap();
        let server = row.respond_in(&mut rng, &group, client.public()).unwrap();
        assert!(server.public.len() > prime.len() - 8);
        assert_eq!(client.complete(&server.public).unwrap().encoded(), server.secret.encoded());
    }
}

#[test]
fn a_generator_with_next_to_no_powers_is_found_out() {
    // Modulo 2^2048 - 1 the powers of 2 are the powers of 2 below it, of which the exponent can be read.
    let group = Group::new(&all_ones(2048), &[2]).unwrap();
    let row = row("diffie-hellman-group-exchange-sha256");
    let mut rng = SeededRng::new(3);
    assert_eq!(row.start_in(&mut rng, &group).err(), Some(KexError::BadGroup));
    assert_eq!(row.respond_in(&mut rng, &group, &[15]).err(), Some(KexError::BadGroup));
}

//! Public values that lie: both sides refuse each, whatever else is in the message.

use nacre_crypto::{KEX, KexAlg, KexError, SeededRng};

use crate::{group, lens, oakley, respond, row, start};

/// That both sides of `row` refuse a public value whose last part is `lie`, with `error`.
fn refused(row: &'static KexAlg, lie: &[u8], error: KexError) {
    let mut rng = SeededRng::new(1);
    let client = start(row, &mut rng).unwrap();
    let mut client_public = client.public().to_vec();
    let mut server_public = respond(row, &mut rng, &client_public).unwrap().public;
    for public in [&mut client_public, &mut server_public] {
        // A number is all of the value; a point is the last part.
        let kept = if lens(row).is_some() { public.len() - lie.len() } else { 0 };
        public.truncate(kept);
        public.extend_from_slice(lie);
    }
    assert_eq!(respond(row, &mut rng, &client_public).err(), Some(error), "{} {lie:x?}", row.name);
    assert_eq!(client.complete(&server_public).err(), Some(error), "{} {lie:x?}", row.name);
}

#[test]
fn a_public_value_of_any_other_length() {
    let mut rng = SeededRng::new(3);
    for row in KEX {
        let Some((client_len, server_len)) = lens(row) else { continue };
        let lengths = [
            0, 1, 31, 32, 33, 64, 65, 66, 97, 133, 1039, 1071, 1088, 1120, 1153, 1158, 1190, 1216, 1249,
            1568, 1665,
        ];
        for got in lengths.into_iter().chain([
            client_len - 1,
            client_len + 1,
            server_len - 1,
            server_len + 1,
            40_000,
        ]) {
            let value = vec![4; got];
            if got != client_len {
                let wrong = KexError::WrongLength { expected: client_len, got };
                assert_eq!(respond(row, &mut rng, &value).err(), Some(wrong), "{}", row.name);
            }
            if got != server_len {
                let wrong = KexError::WrongLength { expected: server_len, got };
                let client = start(row, &mut rng).unwrap();
                assert_eq!(client.complete(&value).err(), Some(wrong), "{}", row.name);
            }
        }
    }
}

#[test]
fn points_of_small_order_on_curve25519() {
    // Zero, one, p - 1, p, p + 1 and p with its unused top bit set: all of them little-endian.
    let mut points = vec![[0; 32], [0; 32]];
    points[1][0] = 1;
    for (low, top) in [(0xec, 0x7f), (0xed, 0x7f), (0xee, 0x7f), (0xed, 0xff)] {
        let mut point = [0xff; 32];
        (point[0], point[31]) = (low, top);
        points.push(point);
    }
    let mut tried = 0;
    for row in KEX.iter().filter(|row| row.name.contains("25519")) {
        for point in &points {
            refused(row, point, KexError::LowOrderPoint);
            tried += 1;
        }
    }
    assert_eq!(tried, 5 * 6);
}

/// The rows on a curve of NIST, with the length of its coordinates.
fn on_nist_curves() -> [(&'static KexAlg, usize); 5] {
    [
        (row("ecdh-sha2-nistp256"), 32),
        (row("ecdh-sha2-nistp384"), 48),
        (row("ecdh-sha2-nistp521"), 66),
        (row("mlkem768nistp256-sha256"), 32),
        (row("mlkem1024nistp384-sha384"), 48),
    ]
}

#[test]
fn points_that_are_not_on_the_curve_of_nist() {
    for (row, coordinate) in on_nist_curves() {
        let public = start(row, &mut SeededRng::new(2)).unwrap().public().to_vec();
        let point = &public[public.len() - 2 * coordinate - 1..];
        let lie = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut lie = point.to_vec();
            change(&mut lie);
            refused(row, &lie, KexError::BadPublicValue);
        };
        assert_eq!(point[0], 4);
        // Another y, another x, x and y exchanged; all zeros, which some libraries take for infinity.
        lie(&|lie| *lie.last_mut().unwrap() ^= 1);
        lie(&|lie| lie[coordinate] ^= 1);
        lie(&|lie| lie[1..].rotate_left(coordinate));
        lie(&|lie| lie[1..].fill(0));
        // Coordinates that are not below the prime.
        lie(&|lie| lie[1..].fill(0xff));
        lie(&|lie| lie[1..=coordinate].fill(0xff));
        // The forms of SEC 1 that are infinity, compressed, hybrid or compact, all padded to the right length.
        for form in [0, 1, 2, 3, 5, 6, 7, 0xff] {
            lie(&|lie| lie[0] = form);
        }
        lie(&|lie| lie.fill(0));
    }
}

#[test]
fn infinity_and_compressed_points_in_their_own_lengths() {
    for (row, coordinate) in on_nist_curves() {
        let mut rng = SeededRng::new(3);
        let public = start(row, &mut rng).unwrap().public().to_vec();
        let (before, point) = public.split_at(public.len() - 2 * coordinate - 1);
        let compressed = [&[2 | point[point.len() - 1] & 1], &point[1..=coordinate]].concat();
        for lie in [vec![0], compressed] {
            let value = [before, &lie].concat();
            let wrong = KexError::WrongLength { expected: public.len(), got: value.len() };
            assert_eq!(respond(row, &mut rng, &value).err(), Some(wrong), "{}", row.name);
        }
    }
}

#[test]
fn an_encapsulation_key_that_is_not_reduced() {
    let mut rng = SeededRng::new(5);
    for name in ["mlkem768x25519-sha256", "mlkem768nistp256-sha256", "mlkem1024nistp384-sha384"] {
        let row = row(name);
        let mut public = row.start(&mut rng).unwrap().public().to_vec();
        // The first of its 12-bit numbers becomes q itself, 3329 = 0xd01.
        public[0] = 0x01;
        public[1] = (public[1] & 0xf0) | 0x0d;
        assert_eq!(row.respond(&mut rng, &public).err(), Some(KexError::BadEncapsulationKey));
        public[0] = 0x00;
        assert!(row.respond(&mut rng, &public).is_ok());
    }
}

/// The contents of an `mpint`.
fn contents(magnitude: &[u8]) -> Vec<u8> {
    let padding: &[u8] = if magnitude[0] >= 0x80 { &[0] } else { &[] };
    [padding, magnitude].concat()
}

/// `number` with its last byte, which is 0xff as in all these primes, made less.
fn less(number: &[u8], by: u8) -> Vec<u8> {
    let mut number = number.to_vec();
    *number.last_mut().unwrap() -= by;
    number
}

#[test]
fn numbers_out_of_the_range_of_their_group() {
    for row in KEX.iter().filter(|row| lens(row).is_none()) {
        let prime = match group(row) {
            Some(group) => group.prime().to_vec(),
            None => oakley(1024, 129_093),
        };
        let above = [&[1], &prime[1..], &[0x0f]].concat();
        // One of 2^n - 1, which has more bits than any prime of n bits.
        let longest = vec![0xff; prime.len()];
        let lies = [
            vec![1],
            contents(&less(&prime, 1)),
            contents(&prime),
            contents(&above),
            contents(&longest),
            [&[0x7f], prime.as_slice()].concat(),
            vec![0x7f; 40_000],
        ];
        for lie in lies {
            refused(row, &lie, KexError::BadPublicValue);
        }
        // Powers of 2 and their like, of which the exponent could be read: fewer than 4 bits are set.
        for lie in [vec![2], vec![3], vec![7], vec![8, 0, 0, 0], contents(&[&[0x80], &[0; 90][..]].concat())]
        {
            refused(row, &lie, KexError::BadPublicValue);
        }
        // The first that is refused no more, on both sides of the range.
        for value in [vec![15], contents(&less(&prime, 2))] {
            let mut rng = SeededRng::new(6);
            assert!(respond(row, &mut rng, &value).is_ok(), "{}", row.name);
            assert!(start(row, &mut rng).unwrap().complete(&value).is_ok(), "{}", row.name);
        }
    }
}

#[test]
fn numbers_that_are_written_in_another_way_than_the_one() {
    for row in KEX.iter().filter(|row| lens(row).is_none()) {
        let public = start(row, &mut SeededRng::new(7)).unwrap().public().to_vec();
        let magnitude = if public[0] == 0 { public[1..].to_vec() } else { public.clone() };
        let mut negative = magnitude.clone();
        negative[0] |= 0x80;
        let lies = [
            vec![],
            vec![0],
            vec![0, 0],
            vec![0, 15],
            [&[0], public.as_slice()].concat(),
            negative,
            vec![0xff],
        ];
        for lie in lies {
            refused(row, &lie, KexError::BadPublicValue);
        }
    }
}

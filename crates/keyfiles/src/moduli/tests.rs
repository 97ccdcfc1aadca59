use std::collections::BTreeSet;

use crypto::{NoEntropy, Rng, SeededRng};
use proptest::prelude::*;

use super::*;

/// A modulus of so many bits that ends with `tail`, which is odd. Nobody looks whether it is prime.
fn prime(bits: u32, tail: &str) -> String {
    let digits = bits.div_ceil(4) as usize;
    let first = ["8", "1", "3", "7"][bits as usize % 4];
    format!("{first}{tail:0>width$}", width = digits - 1)
}

fn line(bits: u32, tail: &str) -> String {
    format!("20260101000000 2 6 100 {} 2 {}", bits - 1, prime(bits, tail))
}

fn sizes(min: u32, preferred: u32, max: u32) -> Sizes {
    Sizes { min, preferred, max }
}

const ANY: Sizes = Sizes { min: 2048, preferred: 3072, max: 8192 };

fn chosen(file: &str, sizes: Sizes) -> Choice {
    choose(file.as_bytes(), sizes, &mut SeededRng::new(1)).unwrap()
}

fn bits_of(file: &str, sizes: Sizes) -> Option<u32> {
    let choice = chosen(file, sizes);
    assert_eq!(choice.faults, []);
    choice.group.map(|group| group.bits())
}

#[test]
fn a_line_is_a_group() {
    let file = format!("# Time Type Tests Tries Size Generator Modulus\n\n  \t\n{}\n", line(2048, "abcdef"));
    let choice = chosen(&file, ANY);
    let group = choice.group.unwrap();
    assert_eq!((group.bits(), group.generator()), (2048, &[2][..]));
    assert_eq!(group.prime().len(), 256);
    assert_eq!((group.prime()[0], &group.prime()[252..]), (0x80, &[0, 0xab, 0xcd, 0xef][..]));
    assert_eq!(choice.faults, []);
    // Letters of either size, other blanks, a line end of another system, and none at the end of the file.
    let same = format!("1\t2 6  100\t2047 02 {}\r", prime(2048, "ABCDEF"));
    assert_eq!(chosen(&same, ANY).group, Some(group));
}

#[test]
fn sizes_that_are_no_whole_bytes_are_read_right() {
    for bits in [2049, 2050, 2051, 2052, 3071, 4095] {
        assert_eq!(bits_of(&line(bits, "1"), ANY), Some(bits));
    }
}

#[test]
fn the_best_size_is_the_smallest_that_is_large_enough_else_the_largest() {
    let forwards: Vec<String> = [2048, 3072, 4096, 6144, 7680, 8192].map(|bits| line(bits, "1")).into();
    let backwards: Vec<String> = forwards.iter().rev().cloned().collect();
    for file in [forwards.join("\n"), backwards.join("\n")] {
        for (wanted, best) in [
            (sizes(2048, 2048, 8192), Some(2048)),
            (sizes(2048, 3072, 8192), Some(3072)),
            (sizes(2048, 3073, 8192), Some(4096)),
            (sizes(2048, 7680, 8192), Some(7680)),
            (sizes(2048, 8192, 8192), Some(8192)),
            (sizes(2048, 8192, 5000), Some(4096)),
            (sizes(2048, 5000, 6000), Some(4096)),
            (sizes(4097, 4097, 6143), None),
            (sizes(0, 0, 2047), None),
            (sizes(8193, 9000, u32::MAX), None),
        ] {
            assert_eq!(bits_of(&file, wanted), best, "{wanted:?}");
        }
    }
}

#[test]
fn groups_that_no_side_should_use_are_not_chosen_whatever_is_asked_for() {
    let file = format!("{}\n{}", line(1024, "1"), line(16_384, "1"));
    assert_eq!(bits_of(&file, sizes(0, 1024, u32::MAX)), None);
}

#[test]
fn all_groups_of_the_best_size_are_given_and_no_others() {
    let file: Vec<String> = ["1", "3", "5", "7", "9"].map(|tail| line(3072, tail)).into();
    let file = format!("{}\n{}\n{}", line(2048, "b"), file.join("\n"), line(4096, "d"));
    let mut rng = SeededRng::new(7);
    let mut seen = BTreeSet::new();
    for _ in 0..200 {
        let group = choose(file.as_bytes(), ANY, &mut rng).unwrap().group.unwrap();
        assert_eq!(group.bits(), 3072);
        seen.insert(group.prime().last().copied());
    }
    assert_eq!(seen, [1, 3, 5, 7, 9].map(Some).into());
}

#[test]
fn the_choice_is_even_whatever_the_first_number_is() {
    /// Gives the largest number first.
    struct Largest(bool);
    impl Rng for Largest {
        fn fill(&mut self, out: &mut [u8]) -> Result<(), NoEntropy> {
            out.fill(if std::mem::take(&mut self.0) { 0xff } else { 0 });
            Ok(())
        }
    }
    // The largest is of an incomplete round, so that another one is drawn.
    assert_eq!(below(3, &mut Largest(true)), Ok(0));
    assert_eq!(below(1, &mut Largest(false)), Ok(0));
}

#[test]
fn without_randomness_nothing_is_chosen() {
    struct Dry;
    impl Rng for Dry {
        fn fill(&mut self, _: &mut [u8]) -> Result<(), NoEntropy> {
            Err(NoEntropy)
        }
    }
    assert!(choose(line(2048, "1").as_bytes(), ANY, &mut Dry).is_err());
    // Nothing is drawn for nothing.
    assert_eq!(choose(b"", ANY, &mut Dry), Ok(Choice::default()));
}

#[test]
fn a_line_with_a_fault_is_told_and_is_no_matter_to_others() {
    let good = line(3072, "1");
    let p = prime(3072, "5");
    let long = format!("1 2 6 100 3071 2 {}", "0".repeat(MAX_LINE));
    let wrong = |actual, listed| Fault::WrongSize { actual, listed };
    for (bad, fault) in [
        ("x".to_owned(), Fault::Fields),
        ("1 2 6 100 3071 2".to_owned(), Fault::Fields),
        (format!("1 2 6 100 3071 2 {p} x"), Fault::Fields),
        (long, Fault::TooLong),
        (format!("1 4 6 100 3071 2 {p}"), Fault::Type),
        (format!("1 0 6 100 3071 2 {p}"), Fault::Type),
        (format!("1 x 6 100 3071 2 {p}"), Fault::Type),
        (format!("1 2 0 100 3071 2 {p}"), Fault::Tests),
        (format!("1 2 1 100 3071 2 {p}"), Fault::Tests),
        (format!("1 2 7 100 3071 2 {p}"), Fault::Tests),
        (format!("1 2 32 100 3071 2 {p}"), Fault::Tests),
        (format!("1 2 -2 100 3071 2 {p}"), Fault::Tests),
        (format!("1 2 6 0 3071 2 {p}"), Fault::Tries),
        (format!("1 2 6 99999999999999999999 3071 2 {p}"), Fault::Tries),
        (format!("1 2 6 100 +3071 2 {p}"), Fault::Size),
        (format!("1 2 6 100 4294967295 2 {p}"), Fault::Size),
        (format!("1 2 6 100 3072 2 {p}"), wrong(3072, 3073)),
        (format!("1 2 6 100 2047 2 {p}"), wrong(3072, 2048)),
        ("1 2 6 100 3071 2 0000".to_owned(), wrong(0, 3072)),
        (format!("1 2 6 100 3071 0x2 {p}"), Fault::GeneratorText),
        (format!("1 2 6 100 3071 2 {p}h"), Fault::PrimeText),
        (format!("1 2 6 100 3071 2 {}", prime(3072, "4")), Fault::Group),
        (format!("1 2 6 100 3071 0 {p}"), Fault::Group),
        (format!("1 2 6 100 3071 01 {p}"), Fault::Group),
        (format!("1 2 6 100 3071 {p} {p}"), Fault::Group),
        (format!("1 2 6 100 3071 {} {p}", prime(3072, "4")), Fault::Group),
    ] {
        for (number, file) in [(1, format!("{bad}\n{good}")), (2, format!("{good}\n{bad}\n"))] {
            let choice = chosen(&file, ANY);
            assert_eq!(choice.faults, [(number, fault)], "{bad:.80}");
            assert_eq!(choice.group, chosen(&good, ANY).group, "{bad:.80}");
        }
    }
}

#[test]
fn a_group_that_is_refused_leaves_the_others_of_its_size_to_choose_from() {
    let p = prime(3072, "5");
    let below_p = prime(3072, "3");
    let refused = [format!("1 2 6 100 3071 {p} {p}"), format!("1 2 6 100 3071 1 {p}")];
    let file = format!("{}\n{}\n1 2 6 100 3071 {below_p} {p}\n", refused[0], refused[1]);
    for seed in 0..20 {
        let choice = choose(file.as_bytes(), ANY, &mut SeededRng::new(seed)).unwrap();
        assert_eq!(choice.faults, [(1, Fault::Group), (2, Fault::Group)]);
        // A generator as long as the modulus and below it is one.
        assert_eq!(choice.group.unwrap().generator().len(), 384);
    }
}

#[test]
fn a_file_of_nothing_but_faults_tells_of_the_first_ones() {
    let file = "garbage\n".repeat(10_000);
    let choice = chosen(&file, ANY);
    assert_eq!(choice.faults.len(), MODULI_FAULTS_MAX);
    assert_eq!(choice.faults[1], (2, Fault::Fields));
    assert_eq!(choice.group, None);
}

#[test]
fn without_a_file_the_well_known_group_is_as_large_as_will_do() {
    for (wanted, bits) in [
        (sizes(2048, 2048, 2048), Some(2048)),
        (sizes(2048, 3072, 4095), Some(2048)),
        (sizes(2048, 2048, 4096), Some(4096)),
        (sizes(2048, 2048, 8191), Some(4096)),
        (sizes(2048, 2048, 8192), Some(8192)),
        (sizes(2500, 2500, 3000), None),
        (sizes(5000, 5000, 6000), None),
        (sizes(0, 0, 0), None),
    ] {
        assert_eq!(fallback(wanted).map(|group| group.bits()), bits, "{wanted:?}");
    }
}

proptest! {
    #[test]
    fn no_file_brings_anything_but_a_group_of_a_size_that_will_do(
        lines in proptest::collection::vec(
            prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..200),
                "[0-9]{1,14} [0-9 ]{1,9} [0-9a-fA-F]{1,4} [0-9a-fA-F]{250,1030}".prop_map(String::into_bytes),
                (2000..2100_u32, 0..0x7fff_u32).prop_map(|(bits, tail)| line(bits, &format!("{tail:x}")).into_bytes()),
            ],
            0..8,
        ),
        min in 0..9000_u32, preferred in any::<u32>(), max in any::<u32>(), seed in any::<u64>(),
    ) {
        let file = lines.join(&b'\n');
        let sizes = Sizes { min, preferred, max };
        let choice = choose(&file, sizes, &mut SeededRng::new(seed)).unwrap();
        if let Some(group) = choice.group {
            prop_assert!(sizes.admit(group.bits()));
            prop_assert!((2048..=8192).contains(&group.bits()));
        }
        prop_assert!(choice.faults.len() <= MODULI_FAULTS_MAX);
    }
}

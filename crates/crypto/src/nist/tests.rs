use std::ops::{Add, Mul, Neg, Sub};

use p256::elliptic_curve::ff::{Field, PrimeField};
use p256::elliptic_curve::group::{Curve as _, Group};
use p256::elliptic_curve::{FieldBytes, ProjectivePoint, Scalar};

use super::*;
use crate::{Rng, SeededRng};

/// The point of the table that stands for a column: the sums and differences that make it, by the crate's own products.
fn column<C: Nist>(number: usize) -> ProjectivePoint<C> {
    let tooth = |tooth: usize| {
        let powers = u64::try_from(tooth * C::COLUMNS).unwrap();
        ProjectivePoint::<C>::generator().mul(Scalar::<C>::ONE.double().pow_vartime([powers]))
    };
    (0..5).fold(tooth(5), |sum, at| sum.add(if number >> at & 1 == 1 { tooth(at) } else { tooth(at).neg() }))
}

fn the_table_is_right<C: Nist>() {
    assert_eq!(C::sums().len(), 32);
    for (number, sum) in C::sums().iter().enumerate() {
        assert_eq!(*sum, column::<C>(number).to_affine(), "{number}");
    }
}

#[test]
fn tables_are_what_their_definition_says() {
    the_table_is_right::<NistP256>();
    the_table_is_right::<NistP384>();
    the_table_is_right::<NistP521>();
}

fn the_products_are_right<C: Nist>() {
    let (zero, one) = (Scalar::<C>::ZERO, Scalar::<C>::ONE);
    let mut scalars =
        vec![zero, one, one.double(), zero.sub(one), zero.sub(one.double()), Scalar::<C>::TWO_INV];
    scalars.extend(
        (1..Scalar::<C>::NUM_BITS).step_by(7).map(|bits| one.double().pow_vartime([u64::from(bits)])),
    );
    let mut rng = SeededRng::new(1);
    while scalars.len() < 200 {
        let mut bytes = FieldBytes::<C>::default();
        rng.fill(&mut bytes).unwrap();
        bytes[0] &= 1;
        scalars.extend(Option::<Scalar<C>>::from(Scalar::<C>::from_repr(bytes)));
    }
    for k in scalars {
        assert_eq!(base_times::<C>(&k), ProjectivePoint::<C>::generator().mul(k), "{k:?}");
    }
}

#[test]
fn products_of_the_base_point_are_those_of_any_point() {
    the_products_are_right::<NistP256>();
    the_products_are_right::<NistP384>();
    the_products_are_right::<NistP521>();
}

const CURVES: [(NistCurve, usize); 3] = [(NistCurve::P256, 32), (NistCurve::P384, 48), (NistCurve::P521, 66)];

#[test]
fn numbers_out_of_the_range_of_keys_are_none() {
    for (curve, length) in CURVES {
        let mut one = vec![0; length];
        assert_eq!(curve.public_point(&one), None, "{curve:?}: zero");
        assert_eq!(curve.sign(&one, b"data"), None, "{curve:?}: zero");
        one[length - 1] = 1;
        assert_eq!(curve.public_point(&one).map(|point| point.len()), Some(2 * length + 1));
        for other in [vec![0xff; length], one[1..].to_vec(), [&[0], &*one].concat(), Vec::new()] {
            assert_eq!(curve.public_point(&other), None, "{curve:?}: {other:?}");
            assert_eq!(curve.sign(&other, b"data"), None, "{curve:?}: {other:?}");
        }
    }
}

#[test]
fn a_signature_verifies_by_its_key_over_its_data_and_by_nothing_else() {
    for (curve, length) in CURVES {
        let secret = [&[0; 1], &*vec![0x5a; length - 1]].concat();
        let point = curve.public_point(&secret).unwrap();
        let signature = curve.sign(&secret, b"data").unwrap();
        assert_eq!(curve.verify(&point, b"data", &signature), Ok(()));
        let bad =
            |point: &[u8], data: &[u8], signature: &[u8]| curve.verify(point, data, signature).unwrap_err();
        assert_eq!(bad(&point, b"Data", &signature), EcdsaError::BadSignature);
        for at in [0, length - 1, length, 2 * length - 1] {
            let mut other = signature.clone();
            other[at] ^= 1;
            assert_eq!(bad(&point, b"data", &other), EcdsaError::BadSignature, "{curve:?}: byte {at}");
        }
        for zero in [0..length, length..2 * length, 0..2 * length] {
            let mut other = signature.clone();
            other[zero].fill(0);
            assert_eq!(bad(&point, b"data", &other), EcdsaError::BadSignature);
        }
        assert_eq!(bad(&point, b"data", &signature[1..]), EcdsaError::BadSignature);
        assert_eq!(bad(&point, b"data", &[&*signature, &[0]].concat()), EcdsaError::BadSignature);
        assert_eq!(bad(&point, b"data", &[]), EcdsaError::BadSignature);
        let mut other = point.clone();
        other[length] ^= 1;
        assert_eq!(bad(&other, b"data", &signature), EcdsaError::BadPoint);
        assert_eq!(bad(&point[..2 * length], b"data", &signature), EcdsaError::BadPoint);
        let compressed = [&[2 | point[2 * length] & 1], &point[1..=length]].concat();
        assert_eq!(bad(&compressed, b"data", &signature), EcdsaError::BadPoint);
        let other = curve.public_point(&[&[0; 1], &*vec![0x5b; length - 1]].concat()).unwrap();
        assert_eq!(bad(&other, b"data", &signature), EcdsaError::BadSignature);
    }
}

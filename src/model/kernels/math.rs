//! Elementary functions by polynomials: the same bits one at a time and sixteen at a time.

/// `e^x`, relative error below 2e-7; 0 below -87.3, saturating above 88.3; NaN stays NaN.
#[inline(always)]
#[allow(clippy::inline_always, clippy::excessive_precision, clippy::many_single_char_names)]
pub(crate) fn exp(x: f32) -> f32 {
    const LOW: f32 = -87.3;
    const HIGH: f32 = 88.3;
    /// Adding and subtracting it rounds to an integer, which its low bits then hold.
    const ROUND: f32 = 12_582_912.0;
    let bounded = if x < LOW { LOW } else { x };
    let bounded = if bounded > HIGH { HIGH } else { bounded };
    let shifted = bounded.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    // ln 2 in two parts, the first exact in few bits.
    let r = n.mul_add(-0.693_359_375, bounded);
    let r = n.mul_add(2.121_944_4e-4, r);
    let p = 1.987_569_150e-4_f32;
    let p = p.mul_add(r, 1.398_199_950_7e-3);
    let p = p.mul_add(r, 8.333_451_907_3e-3);
    let p = p.mul_add(r, 4.166_579_589_4e-2);
    let p = p.mul_add(r, 1.666_666_545_9e-1);
    let p = p.mul_add(r, 5.000_000_120_1e-1);
    let y = p.mul_add(r * r, r) + 1.0;
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    let y = y * power;
    if x < LOW { 0.0 } else { y }
}

/// `1 / (1 + e^-x)`.
#[inline(always)]
#[allow(clippy::inline_always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The hyperbolic tangent, absolute error below 2e-7, relative error the same near 0.
#[inline(always)]
#[allow(clippy::inline_always, clippy::excessive_precision)]
pub(crate) fn tanh(x: f32) -> f32 {
    let z = x * x;
    let p = -5.704_988_727_45e-3_f32;
    let p = p.mul_add(z, 2.063_908_879_54e-2);
    let p = p.mul_add(z, -5.373_971_555_31e-2);
    let p = p.mul_add(z, 1.333_144_220_36e-1);
    let p = p.mul_add(z, -3.333_328_194_22e-1);
    let near = (p * z).mul_add(x, x);
    let size = x.abs();
    let far = 1.0 - 2.0 / (exp(size + size) + 1.0);
    let far = far.copysign(x);
    if size < 0.625 { near } else { far }
}

/// The error function, absolute error below 5e-7.
#[inline(always)]
#[allow(clippy::inline_always, clippy::excessive_precision)]
pub(crate) fn erf(x: f32) -> f32 {
    let bounded = if x < -4.0 { -4.0 } else { x };
    let bounded = if bounded > 4.0 { 4.0 } else { bounded };
    let z = bounded * bounded;
    let p = -2.726_142_258_013_06e-10_f32;
    let p = p.mul_add(z, 2.770_681_424_959_02e-8);
    let p = p.mul_add(z, -2.101_024_020_821_08e-6);
    let p = p.mul_add(z, -5.692_506_394_623_46e-5);
    let p = p.mul_add(z, -7.349_906_303_268_55e-4);
    let p = p.mul_add(z, -2.954_599_808_540_25e-3);
    let p = p.mul_add(z, -1.609_603_332_624_15e-2);
    let q = -1.456_607_184_649_96e-5_f32;
    let q = q.mul_add(z, -2.133_740_552_789_05e-4);
    let q = q.mul_add(z, -1.682_826_974_382_03e-3);
    let q = q.mul_add(z, -7.373_329_167_204_68e-3);
    let q = q.mul_add(z, -1.426_473_905_141_89e-2);
    bounded * p / q
}

/// Sum of sixteen lanes, folded in halves.
#[inline(always)]
#[allow(clippy::inline_always)]
pub(crate) fn fold_sum(lanes: &[f32; super::LANES]) -> f32 {
    let mut folded = *lanes;
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            folded[lane] += folded[lane + half];
        }
    }
    folded[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every function against the same in double precision, on a grid.
    #[test]
    fn polynomials_agree_with_double_precision() {
        for i in -20_000..=20_000_i32 {
            let x = f64::from(i) * 0.004_321;
            #[allow(clippy::cast_possible_truncation)]
            let single = x as f32;
            let x = f64::from(single);
            let relative = |got: f32, expected: f64| (f64::from(got) - expected).abs() / expected.abs();
            assert!(relative(exp(single), x.exp()) < 2e-7, "exp({x})");
            assert!((f64::from(tanh(single)) - x.tanh()).abs() < 2e-7, "tanh({x})");
            if x.abs() > 1e-9 && x.abs() < 0.6 {
                assert!(relative(tanh(single), x.tanh()) < 3e-7, "tanh({x})");
            }
        }
    }

    /// Values of erf from the tables of Abramowitz and Stegun (7.1) and the symmetry of the function.
    #[test]
    fn the_error_function_agrees_with_printed_tables() {
        let table = [
            (0.1_f32, 0.112_462_916_0),
            (0.5, 0.520_499_877_8),
            (1.0, 0.842_700_792_9),
            (1.5, 0.966_105_146_5),
            (2.0, 0.995_322_265_0),
            (3.0, 0.999_977_909_5),
            (6.0, 1.0),
        ];
        for (x, expected) in table {
            assert!((f64::from(erf(x)) - expected).abs() < 5e-7, "erf({x}) = {}", erf(x));
            assert_eq!(erf(-x).to_bits(), (-erf(x)).to_bits());
        }
    }

    #[test]
    fn extremes_stay_what_they_are() {
        assert_eq!(exp(f32::NEG_INFINITY).to_bits(), 0);
        assert_eq!(exp(0.0).to_bits(), 1.0_f32.to_bits());
        assert!(exp(f32::NAN).is_nan() && tanh(f32::NAN).is_nan());
        assert!(exp(f32::INFINITY) > 1e38);
        assert_eq!(tanh(f32::INFINITY).to_bits(), 1.0_f32.to_bits());
    }
}

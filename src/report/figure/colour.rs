//! Colour ramps that readers with colour-vision deficiencies can tell apart, and text that is legible on them.

use std::fmt;

/// A colour in sRGB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rgb(pub u8, pub u8, pub u8);

impl fmt::Display for Rgb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

/// Ten equidistant colours of cividis (Nuñez, Anderton and Renslow 2018, doi:10.1371/journal.pone.0199239): lightness rises
/// evenly, for readers with and without red-green deficiency.
const CIVIDIS: [Rgb; 10] = [
    Rgb(0x00, 0x20, 0x4d),
    Rgb(0x00, 0x33, 0x6f),
    Rgb(0x39, 0x48, 0x6b),
    Rgb(0x57, 0x5c, 0x6d),
    Rgb(0x70, 0x71, 0x73),
    Rgb(0x8a, 0x87, 0x79),
    Rgb(0xa6, 0x9d, 0x75),
    Rgb(0xc4, 0xb5, 0x6c),
    Rgb(0xe4, 0xcf, 0x5b),
    Rgb(0xff, 0xea, 0x46),
];

/// Vermilion to blue through near-white: the ends are colours 6 and 5 of Okabe and Ito's palette.
const DIVERGING: [Rgb; 3] = [Rgb(0xd5, 0x5e, 0x00), Rgb(0xf7, 0xf7, 0xf5), Rgb(0x00, 0x72, 0xb2)];

/// Cividis at a share of the way from its dark end to its light end.
pub(super) fn sequential(share: f64) -> Rgb {
    ramp(&CIVIDIS, share)
}

/// Vermilion at -1, near-white at 0, blue at 1.
pub(super) fn diverging(signed_share: f64) -> Rgb {
    ramp(&DIVERGING, f64::midpoint(signed_share, 1.0))
}

fn ramp(colours: &[Rgb], share: f64) -> Rgb {
    let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    let place = share * colours.len().saturating_sub(1) as f64;
    let within = place.fract();
    // Between 0 and the number of colours.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let left = place.floor() as usize;
    let from = colours.get(left).copied().unwrap_or(Rgb(0, 0, 0));
    let to = colours.get(left + 1).copied().unwrap_or(from);
    Rgb(mixed(from.0, to.0, within), mixed(from.1, to.1, within), mixed(from.2, to.2, within))
}

fn mixed(from: u8, to: u8, share: f64) -> u8 {
    let value = f64::from(from) + (f64::from(to) - f64::from(from)) * share;
    // Between two bytes.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let byte = value.round() as u8;
    byte
}

/// Whether white text is more legible on a colour than near-black text, by WCAG 2's contrast ratio.
pub(super) fn wants_white_text(colour: Rgb) -> bool {
    contrast(colour, Rgb(255, 255, 255)) > contrast(colour, DARK_TEXT)
}

/// Dark text on light cells.
pub(super) const DARK_TEXT: Rgb = Rgb(0x11, 0x14, 0x17);

/// WCAG 2's contrast ratio, 1 to 21.
pub(super) fn contrast(one: Rgb, other: Rgb) -> f64 {
    let (a, b) = (luminance(one), luminance(other));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

fn luminance(colour: Rgb) -> f64 {
    let linear = |byte: u8| {
        let value = f64::from(byte) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * linear(colour.0) + 0.7152 * linear(colour.1) + 0.0722 * linear(colour.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cell_text_is_legible_on_every_colour_of_both_ramps() {
        for step in 0..=200 {
            let share = f64::from(step) / 200.0;
            for colour in [sequential(share), diverging(2.0 * share - 1.0)] {
                let text = if wants_white_text(colour) { Rgb(255, 255, 255) } else { DARK_TEXT };
                assert!(contrast(colour, text) >= 4.2, "{colour} at {share}: {}", contrast(colour, text));
            }
        }
    }

    #[test]
    fn lightness_of_the_sequential_ramp_rises() {
        let light = (0..=20).map(|step| luminance(sequential(f64::from(step) / 20.0))).collect::<Vec<_>>();
        assert!(light.is_sorted_by(|a, b| a < b), "{light:?}");
    }

    #[test]
    fn ends_and_middle_are_the_published_colours() {
        assert_eq!(sequential(0.0).to_string(), "#00204d");
        assert_eq!(sequential(1.0).to_string(), "#ffea46");
        assert_eq!(sequential(f64::NAN).to_string(), "#00204d");
        assert_eq!(diverging(0.0).to_string(), "#f7f7f5");
        assert_eq!(diverging(9.0).to_string(), "#0072b2");
    }
}

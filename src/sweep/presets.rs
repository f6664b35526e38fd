//! Sweeps that ship: the settings of the paper.

use std::fmt;
use std::str::FromStr;

/// A sweep that ships.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// LIMA, 5 epochs.
    Lima,
    /// Alpaca-Cleaned, 2 epochs.
    AlpacaCleaned,
    /// 150,000 rows of Tulu-v2, 1 epoch.
    TuluV2,
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Lima, Self::AlpacaCleaned, Self::TuluV2];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lima => "lima",
            Self::AlpacaCleaned => "alpaca_cleaned",
            Self::TuluV2 => "tulu_v2",
        }
    }

    /// Its file.
    pub fn text(self) -> &'static str {
        match self {
            Self::Lima => include_str!("../../docs/examples/sweeps/lima.toml"),
            Self::AlpacaCleaned => include_str!("../../docs/examples/sweeps/alpaca_cleaned.toml"),
            Self::TuluV2 => include_str!("../../docs/examples/sweeps/tulu_v2.toml"),
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Preset {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.replace('-', "_");
        Self::ALL.into_iter().find(|preset| preset.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("no sweep of that name ships; there are {names}")
        })
    }
}

//! The families whose configurations are understood.

use super::config::{ArchitectureError, Config};

/// A family of checkpoints, by `model_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Llama 1 to 3.
    Llama,
    /// Mistral.
    Mistral,
    /// `SmolLM` 3: layers without rotary embedding.
    SmolLm3,
    /// Qwen 2 and 2.5.
    Qwen2,
    /// Qwen 3.
    Qwen3,
    /// Gemma 1.
    Gemma,
    /// Gemma 2.
    Gemma2,
    /// Gemma 3, text only.
    Gemma3Text,
    /// Phi 3.
    Phi3,
    /// `OLMo` 2.
    Olmo2,
    /// GPT-NeoX and Pythia.
    GptNeox,
    /// GPT-2.
    Gpt2,
    /// GPT-Neo.
    GptNeo,
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Llama,
        Self::Mistral,
        Self::SmolLm3,
        Self::Qwen2,
        Self::Qwen3,
        Self::Gemma,
        Self::Gemma2,
        Self::Gemma3Text,
        Self::Phi3,
        Self::Olmo2,
        Self::GptNeox,
        Self::Gpt2,
        Self::GptNeo,
    ];

    /// The value of `model_type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Llama => "llama",
            Self::Mistral => "mistral",
            Self::SmolLm3 => "smollm3",
            Self::Qwen2 => "qwen2",
            Self::Qwen3 => "qwen3",
            Self::Gemma => "gemma",
            Self::Gemma2 => "gemma2",
            Self::Gemma3Text => "gemma3_text",
            Self::Phi3 => "phi3",
            Self::Olmo2 => "olmo2",
            Self::GptNeox => "gpt_neox",
            Self::Gpt2 => "gpt2",
            Self::GptNeo => "gpt_neo",
        }
    }

    pub(super) fn read(config: &Config) -> Result<Self, ArchitectureError> {
        let name = config.text("model_type")?.ok_or_else(|| config.missing("model_type"))?;
        Self::ALL.into_iter().find(|family| family.as_str() == name).ok_or_else(|| {
            let supported = Self::ALL.map(Self::as_str).join(", ");
            config.unsupported("model_type", &supported)
        })
    }
}

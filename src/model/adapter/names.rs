//! The names that PEFT gives to an adapter's tensors.

/// What PEFT puts before the path of every module.
pub const PREFIX: &str = "base_model.model.";

/// What a tensor of an adapter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// `A` of a projection: `(rank, inputs)`.
    Down,
    /// `B` of a projection: `(outputs, rank)`.
    Up,
    /// `A` of an embedding: `(rank, tokens)`.
    EmbeddingDown,
    /// `B` of an embedding: `(width, rank)`.
    EmbeddingUp,
    /// A whole tensor that stands for the base's.
    Whole,
}

/// Reads a name: what the tensor is, and of what. That is a module's path for the factors of a low-rank product, and a
/// stored tensor's name for a whole tensor. `None` for what no plain low-rank adapter has.
pub(super) fn parse(name: &str) -> Option<(Part, String)> {
    let path = name.strip_prefix(PREFIX)?;
    let factors = [
        (".lora_A.weight", Part::Down),
        (".lora_A.default.weight", Part::Down),
        (".lora_B.weight", Part::Up),
        (".lora_B.default.weight", Part::Up),
        (".lora_embedding_A", Part::EmbeddingDown),
        (".lora_embedding_A.default", Part::EmbeddingDown),
        (".lora_embedding_B", Part::EmbeddingUp),
        (".lora_embedding_B.default", Part::EmbeddingUp),
    ];
    for (end, part) in factors {
        if let Some(module) = path.strip_suffix(end) {
            return (!module.is_empty()).then(|| (part, module.to_owned()));
        }
    }
    if path.contains("lora_") {
        return None;
    }
    let (module, leaf) = path.rsplit_once('.')?;
    let wrappers = [".base_layer", ".modules_to_save.default", ".modules_to_save"];
    let module = wrappers.iter().find_map(|wrapper| module.strip_suffix(wrapper)).unwrap_or(module);
    Some((Part::Whole, format!("{module}.{leaf}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_all_layouts_are_read() {
        let read = |name: &str| parse(&format!("{PREFIX}{name}"));
        let some = |part, text: &str| Some((part, text.to_owned()));
        assert_eq!(read("model.layers.0.q_proj.lora_A.weight"), some(Part::Down, "model.layers.0.q_proj"));
        assert_eq!(read("h.c_attn.lora_B.default.weight"), some(Part::Up, "h.c_attn"));
        assert_eq!(read("model.embed_tokens.lora_embedding_A"), some(Part::EmbeddingDown, "model.embed_tokens"));
        assert_eq!(read("lm_head.base_layer.weight"), some(Part::Whole, "lm_head.weight"));
        assert_eq!(read("lm_head.modules_to_save.default.weight"), some(Part::Whole, "lm_head.weight"));
        assert_eq!(read("model.norm.weight"), some(Part::Whole, "model.norm.weight"));
        assert_eq!(read("model.layers.0.q_proj.lora_magnitude_vector"), None);
        assert_eq!(read("model.layers.0.q_proj.lora_B.bias"), None);
        assert_eq!(read("weight"), None);
        assert_eq!(parse("model.layers.0.q_proj.lora_A.weight"), None);
    }
}

//! What changed between two runs: paired, by task and perturbation, with the items that flipped.

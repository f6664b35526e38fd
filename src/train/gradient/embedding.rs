//! Token and position embedding.

use super::layer::Pass;
use super::structure::Structure;

/// `x[row] = scale * tokens[id] + positions[position]`.
pub fn forward(structure: &Structure, pass: Pass<'_>, tokens: &[u32], x: &mut [f32]) {
    let width = structure.hidden;
    let table = pass.bound.values(structure.tokens);
    for ((x, id), position) in x.chunks_exact_mut(width).zip(tokens).zip(pass.positions) {
        let stored = row(table, *id as usize, width);
        x.iter_mut().zip(stored).for_each(|(x, stored)| *x = stored * structure.token_scale);
        if let Some((slot, _)) = structure.positions {
            let stored = row(pass.bound.values(slot), *position, width);
            x.iter_mut().zip(stored).for_each(|(x, stored)| *x += stored);
        }
    }
}

/// Adds each row's gradient to its token's and its position's, in the order of rows.
pub fn backward(structure: &Structure, pass: Pass<'_>, tokens: &[u32], dx: &[f32], gradients: &mut [Vec<f32>]) {
    let width = structure.hidden;
    let mut add = |slot: usize, scale: f32, places: &mut dyn Iterator<Item = usize>| {
        let Some(table) = gradients.get_mut(slot).filter(|_| pass.bound.trained(slot)) else { return };
        for (place, dx) in places.zip(dx.chunks_exact(width)) {
            let row = table.get_mut(place * width..(place + 1) * width).unwrap_or_default();
            row.iter_mut().zip(dx).for_each(|(sum, dx)| *sum += scale * dx);
        }
    };
    add(structure.tokens, structure.token_scale, &mut tokens.iter().map(|id| *id as usize));
    if let Some((slot, _)) = structure.positions {
        add(slot, 1.0, &mut pass.positions.iter().copied());
    }
}

fn row(table: &[f32], index: usize, width: usize) -> &[f32] {
    table.get(index * width..(index + 1) * width).unwrap_or_default()
}

//! The analysis-of-variance tables of a design, and the components that their mean squares give.

use super::VarianceTerm;
use super::mean_squares::{Combination, MeanSquare, MeanSquares, Table};
use super::term::Term;

/// The tables that the terms are read from.
pub(super) struct Tables {
    pub(super) seeds: Vec<usize>,
    /// Arm means, or the checkpoints of the only arm.
    pub(super) main: Table,
    /// The seeds of each arm that has several, where there are several arms.
    pub(super) within: Vec<Table>,
}

impl Tables {
    pub(super) fn add(&mut self, item: &[f64], sign: f64) {
        let checkpoints = self.seeds.iter().sum::<usize>();
        if self.seeds.len() == 1 {
            self.main.add(item, sign);
            return;
        }
        let mut means = Vec::with_capacity(self.main.wordings * self.main.columns);
        let mut own = vec![Vec::new(); self.within.len()];
        for wording in item.chunks(checkpoints) {
            let (mut rest, mut replicated) = (wording, own.iter_mut());
            for seeds in &self.seeds {
                let (credits, others) = rest.split_at(*seeds);
                rest = others;
                means.push(credits.iter().sum::<f64>() / *seeds as f64);
                if *seeds > 1
                    && let Some(cells) = replicated.next()
                {
                    cells.extend_from_slice(credits);
                }
            }
        }
        self.main.add(&means, sign);
        for (table, cells) in self.within.iter_mut().zip(own) {
            table.add(&cells, sign);
        }
    }

    /// All terms that are identified, in the order of [`VarianceTerm`].
    pub(super) fn terms(&self) -> Vec<Term> {
        let main = self.main.mean_squares();
        let (v, m, n) = (self.main.wordings as f64, self.main.columns as f64, main.items);
        let mut terms = vec![over_items(VarianceTerm::Item, main.item_term(v, m))];
        if let Some(wording) = main.wording {
            let squares =
                [(1.0, Some(wording)), (-1.0, main.item_wording), (-1.0, main.wording_column), (1.0, main.all)];
            terms.push(over_levels(VarianceTerm::Variant, combination(1.0 / (n * m), &squares)));
        }
        if main.all.is_some() {
            let squares = [(1.0, main.item_wording), (-1.0, main.all)];
            terms.push(over_items(VarianceTerm::ItemByVariant, combination(1.0 / m, &squares)));
        }
        let (mut residual, mut levels) = main.residual(v);
        if self.seeds.len() == 1 {
            if m > 1.0 {
                terms.push(over_levels(VarianceTerm::Seed, main.column_term(v, 1.0)));
            }
        } else if self.within.is_empty() {
            levels.extend(main.column_term(v, 1.0));
        } else {
            let within = pooled(&self.within.iter().map(Table::mean_squares).collect::<Vec<_>>());
            let share = self.seeds.iter().map(|seeds| 1.0 / *seeds as f64).sum::<f64>() / m;
            terms.push(over_levels(VarianceTerm::Seed, within.column_term(v, 1.0)));
            let mut arm = main.column_term(v, 1.0);
            arm.extend(within.column_term(v, -share));
            terms.push(over_levels(VarianceTerm::Arm, arm));
            let (own, other) = within.residual(v);
            residual.extend(own.into_iter().map(|(factor, square)| (factor * (1.0 - share), square)));
            levels.extend(other.into_iter().map(|(factor, square)| (factor * (1.0 - share), square)));
        }
        terms.push(Term { name: VarianceTerm::Residual, over_items: residual, over_levels: levels });
        terms
    }
}

impl MeanSquares {
    fn item_term(&self, wordings: f64, columns: f64) -> Combination {
        let squares = [(1.0, self.item), (-1.0, self.item_wording), (-1.0, self.item_column), (1.0, self.all)];
        combination(1.0 / (wordings * columns), &squares)
    }

    fn column_term(&self, wordings: f64, factor: f64) -> Combination {
        let squares = [(1.0, self.column), (-1.0, self.item_column), (-1.0, self.wording_column), (1.0, self.all)];
        combination(factor / (self.items * wordings), &squares)
    }

    /// What is left: the part over items, and the part over wordings and columns.
    fn residual(&self, wordings: f64) -> (Combination, Combination) {
        if self.item_column.is_none() {
            return (combination(1.0, &[(1.0, self.item_wording)]), Vec::new());
        }
        let squares = [(1.0 / wordings, self.item_column), (1.0 - 1.0 / wordings, self.all)];
        let levels = [(1.0, self.wording_column), (-1.0, self.all)];
        (combination(1.0, &squares), combination(1.0 / self.items, &levels))
    }
}

fn over_items(name: VarianceTerm, over_items: Combination) -> Term {
    Term { name, over_items, over_levels: Vec::new() }
}

fn over_levels(name: VarianceTerm, over_levels: Combination) -> Term {
    Term { name, over_items: Vec::new(), over_levels }
}

/// The mean squares that there are, with their factors.
fn combination(factor: f64, squares: &[(f64, Option<MeanSquare>)]) -> Combination {
    squares.iter().filter_map(|(own, square)| Some((factor * own, (*square)?))).collect()
}

/// Mean squares over all arms, weighted by their degrees of freedom.
fn pooled(arms: &[MeanSquares]) -> MeanSquares {
    let pool = |part: fn(&MeanSquares) -> Option<MeanSquare>| {
        let found = arms.iter().filter_map(part).collect::<Vec<_>>();
        let df = found.iter().map(|square| square.df).sum::<f64>();
        let sum = found.iter().map(|square| square.value * square.df).sum::<f64>();
        (df > 0.0).then(|| MeanSquare { value: sum / df, df })
    };
    MeanSquares {
        items: arms.first().map_or(0.0, |arm| arm.items),
        item: pool(|arm| arm.item),
        wording: pool(|arm| arm.wording),
        column: pool(|arm| arm.column),
        item_wording: pool(|arm| arm.item_wording),
        item_column: pool(|arm| arm.item_column),
        wording_column: pool(|arm| arm.wording_column),
        all: pool(|arm| arm.all),
    }
}

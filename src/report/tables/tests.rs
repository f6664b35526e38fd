use super::*;
use crate::analyze::picture::{Count, Picture};
use crate::estimate::Estimate;
use crate::sensitivity::Measure;

fn bare(point: f64) -> Measure {
    Measure::Defined(Estimate { point, interval: None, standard_error: None, n: 1, clusters: 1 })
}

#[test]
fn a_table_without_intervals_says_so_once() {
    let row = |value: f64| vec![Cell::name("x"), Cell::number(&bare(value), Form::Plain)];
    let table = Table::new("t", ["", "Number"], vec![row(1.0), row(2.0)]);
    assert!(table.is_bare());
    assert!(!Table::new("t", ["", "Number"], vec![vec![Cell::name("x"), Cell::words("y")]]).is_bare());
    let none = Cell::number(&Measure::undefined("why"), Form::Plain);
    assert!(!Table::new("t", ["", "Number"], vec![vec![Cell::name("x"), none]]).is_bare());
}

#[test]
fn columns_that_hold_nothing_are_not_shown() {
    let rows = vec![vec![Cell::name("x"), Cell::name(""), Cell::counted(3)]];
    let table = Table::new("t", ["", "Stage", "Grids"], rows).without_empty_columns();
    assert_eq!(table.columns.iter().map(|column| column.name).collect::<Vec<_>>(), ["", "Grids"]);
    assert_eq!(table.rows[0].len(), 2);
}

#[test]
fn sections_without_content_are_absent() {
    assert_eq!(best::counts(&Picture::default()), None);
    let count = Count {
        name: "n".to_owned(),
        statement: "it holds".to_owned(),
        stage: None,
        hits: 61,
        of: 75,
        share: bare(61.0 / 75.0),
    };
    let section = best::counts(&Picture { counts: vec![count], ..Picture::default() }).unwrap();
    assert_eq!(section.tables[0].rows[0][1], Cell::words("61 of 75"));
}

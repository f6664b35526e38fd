//! The files of a report, and what is printed.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::bail;
use rayon::prelude::*;

use crate::analyze::Analysis;
use crate::cli::options::ReportOptions;
use crate::cli::progress::note;
use crate::report::figure::{Figure, FigureError, figures};
use crate::report::{Format, render};
use crate::store::write_atomically;

/// Where the figures lie beside the report.
const FIGURES: &str = "figures";

/// What a report is written in, beside figures.
const FORMATS: [Format; 4] = [Format::Html, Format::Markdown, Format::Json, Format::Csv];

/// Refuses an output folder in which a file of the report would take the place of one that the report is made from.
pub(super) fn keep<'a>(inputs: impl IntoIterator<Item = &'a PathBuf>, output: &Path) -> anyhow::Result<()> {
    let written = FORMATS.map(|format| output.join(format.file_name()));
    let written = written.iter().filter_map(|path| path.canonicalize().ok()).collect::<Vec<_>>();
    let figures = output.join(FIGURES).canonicalize().ok();
    for input in inputs {
        // What cannot be found is the reader's to complain about.
        let Ok(place) = input.canonicalize() else { continue };
        let is_drawn = place.extension().is_some_and(|ending| ending == "svg" || ending == "png");
        let is_figure = is_drawn && figures.is_some() && place.parent() == figures.as_deref();
        if written.contains(&place) || is_figure {
            bail!(
                "{}: the report would be written over this file, which it is made from; choose another --output_path",
                input.display()
            );
        }
    }
    Ok(())
}

/// Writes every file of a report, and prints one format.
pub(super) fn write(analysis: &Analysis, options: &ReportOptions, output: &Path, quiet: bool) -> anyhow::Result<()> {
    for format in FORMATS {
        write_atomically(&output.join(format.file_name()), render(analysis, format)?.as_bytes())?;
    }
    if !options.no_figures {
        write_figures(analysis, &output.join(FIGURES), quiet)?;
    }
    let text = render(analysis, options.format)?;
    std::io::stdout().lock().write_all(text.as_bytes())?;
    note(quiet, &format!("report: {}", output.join(Format::Html.file_name()).display()));
    Ok(())
}

/// A figure's name and its picture in both formats.
type Drawn = (String, String, Result<Vec<u8>, FigureError>);

/// Writes each figure as SVG and as PNG. A figure that has no PNG is named, and has its SVG all the same.
fn write_figures(analysis: &Analysis, folder: &Path, quiet: bool) -> anyhow::Result<()> {
    let figures = figures(analysis);
    if figures.is_empty() {
        return Ok(());
    }
    note(quiet, &format!("drawing {} figures as SVG and PNG under {}", figures.len(), folder.display()));
    let draw = |figure: &Figure| (file_name(&figure.name), figure.svg(), figure.png());
    let drawn: Vec<Drawn> = figures.par_iter().map(draw).collect();
    for (name, svg, png) in drawn {
        write_atomically(&folder.join(format!("{name}.svg")), svg.as_bytes())?;
        match png {
            Ok(png) => write_atomically(&folder.join(format!("{name}.png")), &png)?,
            Err(error) => note(false, &format!("{FIGURES}/{name}.png is left out: {error}")),
        }
    }
    Ok(())
}

/// Names of figures hold names of benchmarks: whatever they hold, the file stays in its folder.
fn file_name(name: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' };
    let name = name.chars().map(safe).collect::<String>();
    if name.trim_matches('.').is_empty() { "figure".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_never_leaves_its_folder() {
        assert_eq!(file_name("../../etc/x y"), ".._.._etc_x_y");
        assert_eq!(file_name(".."), "figure");
        assert_eq!(file_name("heat-mmlu_posix.1"), "heat-mmlu_posix.1");
    }
}

//! Colours and type of the figures, as one sheet: variables on a page, plain colours in a file of its own.

macro_rules! light {
    () => {
        "--wf-ink:#16191d;--wf-soft:#565e68;--wf-line:#d5d9de;--wf-faint:#eef0f2;--wf-paper:#ffffff;--wf-base:#c9ced4;\
         --wf-c0:#0072b2;--wf-c1:#d55e00;--wf-c2:#00805e;--wf-c3:#a8457f;--wf-c4:#8a6a00;--wf-c5:#4d5259;\
         --wf-v0:#9cc8e4;--wf-v1:#f2bd94;--wf-v2:#a3d6c5;--wf-v3:#e3bad3;--wf-v4:#e6d48f;--wf-v5:#d9dce0;"
    };
}

macro_rules! dark {
    () => {
        "--wf-ink:#e9ecef;--wf-soft:#a9b2bc;--wf-line:#3a4149;--wf-faint:#22272c;--wf-paper:#191d21;--wf-base:#4a525b;\
         --wf-c0:#56b4e9;--wf-c1:#ff9248;--wf-c2:#37c79b;--wf-c3:#e28cc0;--wf-c4:#e0bd45;--wf-c5:#c4cad1;\
         --wf-v0:#1d5273;--wf-v1:#7a3f14;--wf-v2:#15594a;--wf-v3:#6b2f54;--wf-v4:#5f4d0c;--wf-v5:#454c54;"
    };
}

macro_rules! rules {
    () => {
        ".wf-paper{fill:var(--wf-paper)}\
         .wf-t,.wf-l{fill:var(--wf-ink);font-size:11.5px}\
         .wf-s{fill:var(--wf-soft);font-size:10.5px}\
         .wf-h{fill:var(--wf-ink);font-size:13px;font-weight:600}\
         .wf-hh{fill:var(--wf-ink);font-size:17px;font-weight:650}\
         .wf-v{font-size:12px}.wf-i{font-size:10px}\
         .wf-on-dark{fill:#fff}.wf-on-light{fill:#111417}.wf-on-base{fill:var(--wf-ink)}\
         .wf-l{font-size:10.5px;stroke:var(--wf-paper);stroke-width:3px;stroke-linejoin:round;paint-order:stroke}\
         .wf-m{text-anchor:middle}.wf-e{text-anchor:end}.wf-b{font-weight:700}\
         .wf-grid{stroke:var(--wf-line);stroke-width:1}\
         .wf-zero{stroke:var(--wf-soft);stroke-width:1.25;stroke-dasharray:4 3}\
         .wf-leader{stroke:var(--wf-soft);stroke-width:.7}\
         .wf-front{fill:none;stroke:var(--wf-ink);stroke-width:1.5;stroke-linejoin:round}\
         .wf-base{fill:var(--wf-base)}.wf-none{fill:var(--wf-faint);stroke:var(--wf-line);stroke-width:1;stroke-dasharray:3 2}\
         .wf-may{fill:none;stroke:var(--wf-ink);stroke-width:1.5}.wf-may2{fill:none;stroke:var(--wf-paper);stroke-width:1}\
         .wf-best{fill:none;stroke:var(--wf-ink);stroke-width:3.5}\
         .wf-frame{fill:none;stroke:var(--wf-soft);stroke-width:.7}\
         .wf-w{stroke-width:1.6;fill:none}.wf-thick{stroke-width:2.4}.wf-faded{opacity:.35}.wf-faint{opacity:.25;stroke-width:1}.wf-plain{opacity:.5;stroke-width:1}\
         .wf-dash1{stroke-dasharray:7 3}.wf-dash2{stroke-dasharray:2 2.5}.wf-dash3{stroke-dasharray:9 3 2 3}\
         .wf-dash4{stroke-dasharray:5 5}.wf-dash5{stroke-dasharray:1 3}\
         .wf-hollow{fill:var(--wf-paper);stroke-width:1.8}\
         .wf-x0{stroke:var(--wf-c0)}.wf-x1{stroke:var(--wf-c1)}.wf-x2{stroke:var(--wf-c2)}\
         .wf-x3{stroke:var(--wf-c3)}.wf-x4{stroke:var(--wf-c4)}.wf-x5{stroke:var(--wf-c5)}\
         .wf-f0{fill:var(--wf-c0)}.wf-f1{fill:var(--wf-c1)}.wf-f2{fill:var(--wf-c2)}\
         .wf-f3{fill:var(--wf-c3)}.wf-f4{fill:var(--wf-c4)}.wf-f5{fill:var(--wf-c5)}\
         .wf-v0{fill:var(--wf-v0)}.wf-v1{fill:var(--wf-v1)}.wf-v2{fill:var(--wf-v2)}\
         .wf-v3{fill:var(--wf-v3)}.wf-v4{fill:var(--wf-v4)}.wf-v5{fill:var(--wf-v5)}"
    };
}

/// What a page needs for [`Figure::inline_svg`](super::Figure::inline_svg): put it into the page's style sheet. The colours
/// are the variables `--wf-*` of `.wf`, light and dark; a page may set its own after it.
pub const FIGURE_CSS: &str = concat!(
    ".wf{",
    light!(),
    "display:flex;flex-wrap:wrap;gap:1rem 1.5rem;align-items:flex-start;overflow-x:auto}\n",
    "@media (prefers-color-scheme:dark){.wf{",
    dark!(),
    "}}\n",
    "@media print{.wf{",
    light!(),
    "print-color-adjust:exact;-webkit-print-color-adjust:exact}.wf-panel{break-inside:avoid}}\n",
    ".wf-panel{display:block;flex:1 1 19rem;width:100%;min-width:min(100%,17rem);max-width:30rem;height:auto;overflow:visible;\
     font-variant-numeric:tabular-nums}\n",
    ".wf-wide{flex-basis:100%;min-width:34rem;max-width:none}\n",
    ".wf-mark:focus{outline:none}.wf-mark:focus-visible{outline:2px solid var(--wf-ink);outline-offset:1px}\n",
    rules!(),
    "\n"
);

/// Fonts of a file of its own: whatever the reader's system uses.
const FAMILY: &str =
    "svg{font-family:system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica Neue\",\"DejaVu Sans\",sans-serif}";

/// The one font of a PNG is light, so that a hairline of its own colour makes it legible.
const RASTER: &str = "svg{font-family:Ubuntu}\
     .wf-t,.wf-h,.wf-hh{stroke:var(--wf-ink);stroke-width:.25}.wf-s{stroke:var(--wf-soft);stroke-width:.2}\
     .wf-h,.wf-hh{stroke-width:.5}.wf-on-dark{stroke:#fff;stroke-width:.25}.wf-on-light{stroke:#111417;stroke-width:.25}\
     .wf-on-base{stroke:var(--wf-ink);stroke-width:.25}\
     .wf-b{stroke-width:.7}";

/// The style of a file of its own, light and dark.
pub(super) fn standalone() -> String {
    let light = with_colours(rules!(), light!());
    let dark = with_colours(rules!(), dark!());
    format!("{FAMILY}{light}@media (prefers-color-scheme:dark){{{dark}}}")
}

/// The style of a PNG: light.
pub(super) fn raster() -> String {
    with_colours(rules!(), light!()) + &with_colours(RASTER, light!())
}

/// Rules with the variables' values in their place: not every reader of SVG knows variables.
fn with_colours(rules: &str, colours: &str) -> String {
    let colours = colours.split(';').filter_map(|entry| entry.trim().split_once(':'));
    colours.fold(rules.to_owned(), |rules, (name, value)| rules.replace(&format!("var({name})"), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_has_a_light_and_a_dark_colour() {
        for css in [standalone(), raster()] {
            assert!(!css.contains("var("), "{css}");
        }
        let names = |text: &str| {
            text.split(';').filter_map(|e| Some(e.split_once(':')?.0.trim().to_owned())).collect::<Vec<_>>()
        };
        assert_eq!(names(light!()), names(dark!()));
        assert_eq!(FIGURE_CSS.matches('{').count(), FIGURE_CSS.matches('}').count());
    }
}

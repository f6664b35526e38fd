//! Reading a ranking of two models.

use super::literal::Literal;
use super::preference::Preference;

/// Name of the answer that is shown first.
const FIRST: &str = "model_1";

/// The preference that a ranking states, as `AlpacaEval`'s `ranking_parser` reads it: the text is a Python list of
/// dictionaries; the rank of the first entry whose `model` is `model_1` decides: 1 the first answer is better, 2 the
/// second is. The error says why there is none.
pub fn preferred_of_ranking(text: &str) -> Result<Preference, String> {
    let literal = Literal::parse(text).map_err(|fault| format!("no Python literal: {fault}"))?;
    let Literal::Sequence(entries) = literal else {
        return Err("no list of dictionaries".to_owned());
    };
    let mut rank = None;
    for entry in &entries {
        let model = entry.get("model").ok_or("an entry without `model`")?;
        if rank.is_none() && matches!(model, Literal::Text(name) if name == FIRST) {
            rank = Some(entry.get("rank").ok_or("an entry without `rank`")?);
        }
    }
    let rank = rank.ok_or_else(|| format!("`{FIRST}` is not ranked"))?;
    match rank.as_number() {
        Some(number) if (number - 1.0).abs() <= 0.0 => Ok(Preference::FIRST),
        Some(number) if (number - 2.0).abs() <= 0.0 => Ok(Preference::SECOND),
        _ => Err(format!("the rank of `{FIRST}` is neither 1 nor 2")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values are those of Python's `ast.literal_eval` with the rule above (`None`: no preference).
    #[test]
    fn rankings_are_read_as_python_reads_them() {
        let cases = [
            ("[{'model': 'model_1', 'rank': 1}, {'model': 'model_2', 'rank': 2}]", Some(Preference::FIRST)),
            ("[{'model': 'model_2', 'rank': 1}, {'model': 'model_1', 'rank': 2}]", Some(Preference::SECOND)),
            ("\n[\n    {\"model\": \"model_1\", \"rank\": 2,},\n]\n", Some(Preference::SECOND)),
            ("({'rank': 1.0, 'model': 'model' '_1'},)  # best", Some(Preference::FIRST)),
            ("{'model': 'model_1', 'rank': 1}, {'model': 'model_2', 'rank': 2}", Some(Preference::FIRST)),
            ("[{'model': 'model_1', 'rank': True}]", Some(Preference::FIRST)),
            ("[{'model': 'model_1', 'rank': 1, 'rank': 2}]", Some(Preference::SECOND)),
            ("[{'model': r'model_1', 'rank': 0x2}]", Some(Preference::SECOND)),
            ("[{'model': 'model\\x5f1', 'rank': 1}]", Some(Preference::FIRST)),
            ("[{'model': 'model_1', 'rank': 3}, {'model': 'model_2', 'rank': 1}]", None),
            ("[{'model': 'model_1', 'rank': '1'}]", None),
            ("[{'model': 'model_2', 'rank': 1}]", None),
            ("[{'model': 'model_1', 'rank': 1}, {'name': 'model_2'}]", None),
            ("{'model': 'model_1', 'rank': 1}", None),
            ("Sure! [{'model': 'model_1', 'rank': 1}]", None),
            ("```python\n[{'model': 'model_1', 'rank': 1}]\n```", None),
            ("[{'model': 'model_1', 'rank': 1}", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(preferred_of_ranking(text).ok(), expected, "{text:?}");
        }
    }

    #[test]
    fn a_deeply_nested_answer_is_refused_and_not_followed() {
        assert!(preferred_of_ranking(&"[".repeat(1_000_000)).is_err());
        assert!(preferred_of_ranking(&format!("{}1", "-".repeat(1_000_000))).is_err());
    }
}

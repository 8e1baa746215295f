//! What is said of a name that is not an attribute's.

use crate::ctxt::Ctxt;
use crate::items::Item;

/// Reports a name that is not known here, and gives the one that was probably meant.
pub(super) fn unknown(
    ctxt: &Ctxt,
    item: &Item,
    here: &str,
    known: &[(&'static str, &str)],
    elsewhere: &str,
    others: &[(&str, &str)],
) -> Option<&'static str> {
    let name = item.name.to_string();
    if let Some((_, form)) = others.iter().find(|(other, _)| *other == name) {
        ctxt.error(
            &item.name,
            format!("`{name}` does not go on {here}"),
            format!("put `#[cached({form})]` on {elsewhere}"),
        );
        return None;
    }
    let names = known.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let nearest = known
        .iter()
        .map(|(known, form)| (distance(known, &name), *known, *form))
        .min_by_key(|(distance, ..)| *distance)
        // Farther than this it is a guess, and not a slip.
        .filter(|(distance, ..)| *distance <= 1 + name.len() / 3);
    let help = match nearest {
        Some((_, _, form)) => format!("did you mean `{form}`?"),
        None => "remove it, or see the list of attributes in docs/ATTRIBUTES.md".to_owned(),
    };
    ctxt.error(
        &item.name,
        format!("unknown attribute `{name}` on {here}: expected one of {names}"),
        help,
    );
    nearest.map(|(_, known, _)| known)
}

/// How many letters to add, drop or replace.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, b) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

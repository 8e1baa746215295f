//! `docs/MODELS.md` names every protocol and defence as the models do.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::PROTOCOLS;

/// The rows ``| `name` | 1, 2 |`` under each heading that is a protocol's name.
fn rows(document: &str) -> BTreeSet<String> {
    let mut section = "";
    let mut found = BTreeSet::new();
    for line in document.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            section = heading.split('`').nth(1).unwrap_or_default();
        }
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if let ["", name, anomalies, ..] = cells[..]
            && let Some(name) = name.strip_prefix('`').and_then(|name| name.strip_suffix('`'))
        {
            found.insert(format!("{section} {name} {anomalies}"));
        }
    }
    found
}

#[test]
fn every_defence_is_documented() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/MODELS.md");
    let document = fs::read_to_string(&path).expect("docs/MODELS.md");
    let mut modelled = BTreeSet::new();
    for protocol in PROTOCOLS {
        for (defence, anomalies) in (protocol.defences)() {
            let numbers: Vec<String> = anomalies.iter().map(u8::to_string).collect();
            let numbers = if numbers.is_empty() { "spare".to_owned() } else { numbers.join(", ") };
            modelled.insert(format!("{} {defence} {numbers}", protocol.name));
        }
    }
    assert!(modelled.len() > 40, "only {} defences", modelled.len());
    assert_eq!(modelled, rows(&document), "left: the models, right: docs/MODELS.md");
}

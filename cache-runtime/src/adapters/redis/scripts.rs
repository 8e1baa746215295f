//! The scripts that run on the server, and their guards.
//!
//! A guard's lines stand between `-- guard: name` and `-- end guard`. With the
//! feature `mutants` they are cut out while a test has removed the guard.

#[cfg(feature = "mutants")]
use crate::values::guard::Guard;

/// A script's text and the hash by which the server knows it.
pub(super) struct Script {
    pub(super) text: String,
    pub(super) sha: String,
}

impl Script {
    fn new(text: String) -> Self {
        let sha = redis::Script::new(&text).get_hash().to_owned();
        Self { text, sha }
    }
}

/// The scripts of one build.
pub(super) struct Scripts {
    pub(super) lease: Script,
    pub(super) fill: Script,
    pub(super) release: Script,
    pub(super) invalidate: Script,
    pub(super) fence: Script,
    pub(super) renew: Script,
    pub(super) lift: Script,
    pub(super) fence_table: Script,
    pub(super) lift_table: Script,
    pub(super) void_table: Script,
    pub(super) mark: Script,
}

/// A script's text: what all begin with, its own, and that this is done for each entry.
macro_rules! text {
    ($file:literal) => {
        concat!(
            include_str!("begin.lua"),
            include_str!("fences.lua"),
            "local function one()\n",
            include_str!($file),
            "end\n",
            include_str!("each.lua")
        )
    };
}

impl Scripts {
    /// The scripts with these changes to each text.
    fn with(change: impl Fn(&str) -> String) -> Self {
        Self {
            lease: Script::new(change(text!("lease.lua"))),
            fill: Script::new(change(text!("fill.lua"))),
            release: Script::new(change(text!("release.lua"))),
            invalidate: Script::new(change(text!("invalidate.lua"))),
            fence: Script::new(change(text!("fence.lua"))),
            renew: Script::new(change(text!("renew.lua"))),
            lift: Script::new(change(text!("lift.lua"))),
            fence_table: Script::new(change(text!("fence_table.lua"))),
            lift_table: Script::new(change(text!("lift_table.lua"))),
            void_table: Script::new(change(text!("void_table.lua"))),
            mark: Script::new(change(text!("mark.lua"))),
        }
    }

    /// All of them.
    pub(super) fn all(&self) -> [&Script; 11] {
        [
            &self.lease,
            &self.fill,
            &self.release,
            &self.invalidate,
            &self.fence,
            &self.renew,
            &self.lift,
            &self.fence_table,
            &self.lift_table,
            &self.void_table,
            &self.mark,
        ]
    }
}

/// The scripts, as they are sent.
#[cfg(not(feature = "mutants"))]
pub(super) fn current() -> &'static Scripts {
    use std::sync::LazyLock;
    static SCRIPTS: LazyLock<Scripts> = LazyLock::new(|| Scripts::with(str::to_owned));
    &SCRIPTS
}

/// The scripts, without the guard that a test has removed. The text differs,
/// so the hash does, and the server never runs one for the other.
#[cfg(feature = "mutants")]
pub(super) fn current() -> &'static Scripts {
    use std::sync::OnceLock;
    const GUARDS: usize = Guard::ALL.len();
    // Made once each, so that a benchmark of this build measures what it sends, and not this.
    static WHOLE: OnceLock<Scripts> = OnceLock::new();
    static WITHOUT: [OnceLock<Scripts>; GUARDS] = [const { OnceLock::new() }; GUARDS];
    let removed = Guard::ALL.iter().zip(&WITHOUT).find(|((guard, _), _)| !guard.stands());
    match removed {
        None => WHOLE.get_or_init(|| Scripts::with(str::to_owned)),
        Some(((_, name), made)) => made.get_or_init(|| Scripts::with(|text| without(text, name))),
    }
}

/// The text without the lines of a guard.
#[cfg(any(test, feature = "mutants"))]
fn without(text: &str, guard: &str) -> String {
    let mut inside = false;
    let mut kept = String::with_capacity(text.len());
    for line in text.lines() {
        if line.trim() == format!("-- guard: {guard}") {
            inside = true;
        } else if inside && line.trim() == "-- end guard" {
            inside = false;
        } else if !inside {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::guard::Guard;

    #[test]
    fn every_marker_names_a_guard_and_is_closed() {
        for script in current().all() {
            let mut open = None;
            for line in script.text.lines().map(str::trim) {
                if let Some(name) = line.strip_prefix("-- guard: ") {
                    assert!(Guard::ALL.iter().any(|(_, known)| *known == name), "{name}");
                    assert_eq!(open.replace(name), None, "guards do not nest");
                } else if line == "-- end guard" {
                    assert!(open.take().is_some(), "an end without a guard");
                }
            }
            assert_eq!(open, None, "a guard without an end");
        }
    }

    #[test]
    fn removing_a_guard_removes_exactly_its_lines() {
        let text = "a\n-- guard: x\nb\n-- end guard\nc\n-- guard: y\nd\n-- end guard\n";
        assert_eq!(without(text, "x"), "a\nc\n-- guard: y\nd\n-- end guard\n");
        assert_eq!(without(text, "z"), text);
    }
}

//! Each mistake gives one error, at the right place, with the correct form.
//!
//! Parts of the messages are rustc's, and change with its releases: look at what
//! `TRYBUILD=overwrite cargo test -p cache-tests --test compile_fail` writes anew.

#[test]
fn mistakes_are_explained() {
    trybuild::TestCases::new().compile_fail("ui/*/*.rs");
}

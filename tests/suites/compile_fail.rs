//! Each mistake gives one error, at the right place, with the correct form.
//!
//! The messages are rustc's of one release, so they are compared on that one
//! alone: `TRYBUILD=overwrite cargo test -p cache-tests --test compile_fail`
//! writes them anew.

#[test]
fn mistakes_are_explained() {
    trybuild::TestCases::new().compile_fail("ui/*/*.rs");
}

//! The program of before a deploy, for the suite `skew`: it does not know the list.

mod program;

fn main() {
    program::run!(cache_tests::skew::old, |_, _| None::<usize>);
}

//! Collects mistakes, so that a user sees all of them at once.

use std::cell::RefCell;
use std::fmt::Display;
use std::thread;

use quote::ToTokens;

/// The mistakes found so far. It must be [`check`](Self::check)ed: dropping it
/// unchecked would lose them, and is a bug of this crate.
pub(crate) struct Ctxt {
    // None once checked.
    errors: RefCell<Option<Vec<syn::Error>>>,
}

impl Ctxt {
    /// No mistakes yet.
    pub(crate) fn new() -> Self {
        Self { errors: RefCell::new(Some(Vec::new())) }
    }

    /// Notes a mistake at these tokens, and what to write instead.
    pub(crate) fn error(&self, at: impl ToTokens, what: impl Display, help: impl Display) {
        let message = format!("{what}\nhelp: {help}");
        self.push(syn::Error::new_spanned(at.into_token_stream(), message));
    }

    fn push(&self, error: syn::Error) {
        if let Some(errors) = self.errors.borrow_mut().as_mut() {
            errors.push(error);
        }
    }

    /// Ends the collection.
    pub(crate) fn check(self) -> Result<(), syn::Error> {
        let errors = self.errors.borrow_mut().take().unwrap_or_default();
        let all = errors.into_iter().reduce(|mut all, error| {
            all.combine(error);
            all
        });
        all.map_or(Ok(()), Err)
    }
}

impl Drop for Ctxt {
    fn drop(&mut self) {
        // A second panic would abort and hide the first.
        if !thread::panicking() {
            assert!(self.errors.borrow().is_none(), "the mistakes were never looked at");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_mistakes_are_kept_with_their_help() {
        let ctxt = Ctxt::new();
        ctxt.error(quote::quote!(a), "first", "write b");
        ctxt.error(quote::quote!(c), "second", "write d");
        let messages: Vec<String> =
            ctxt.check().err().into_iter().flatten().map(|error| error.to_string()).collect();
        assert_eq!(messages, ["first\nhelp: write b", "second\nhelp: write d"]);
    }

    #[test]
    #[should_panic(expected = "never looked at")]
    fn mistakes_cannot_be_forgotten() {
        drop(Ctxt::new());
    }
}

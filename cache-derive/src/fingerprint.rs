//! The number that tells cached bytes of one shape of a model from another's.
//!
//! Positional codecs read a changed struct into wrong values without noticing.
//! So the fingerprint changes with each field's column, type and `with`, with
//! their order, and with `cache_version`, which is there for what the tokens
//! do not show: a changed definition of a field's type. It is FNV-1a 64 over
//! one line a field, the same on every compiler and every machine, since
//! processes of different builds share one cache.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;

use crate::model::Model;

/// The fingerprint of a model.
pub(crate) fn of(model: &Model) -> u64 {
    fnv1a(canonical(model).as_bytes())
}

/// `column:type:with` a line, and the version.
fn canonical(model: &Model) -> String {
    let mut text = String::new();
    for field in model.own() {
        let with = field.with.to_token_stream();
        text.push_str(&field.column.unraw().to_string());
        text.push(':');
        text.push_str(&compact(field.ty.to_token_stream()));
        text.push(':');
        text.push_str(&compact(with));
        text.push('\n');
    }
    text.push_str("cache_version:");
    text.push_str(&model.attrs.cache_version.value.unwrap_or_default().to_string());
    text
}

/// Tokens without any white space: how tokens are spaced is the compiler's affair.
pub(crate) fn compact(tokens: TokenStream) -> String {
    let mut text = String::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::None => ("", ""),
                };
                text.push_str(open);
                text.push_str(&compact(group.stream()));
                text.push_str(close);
            }
            token => text.extend(token.to_string().split_whitespace()),
        }
    }
    text
}

fn fnv1a(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctxt::Ctxt;
    use syn::parse_quote;

    fn fingerprint(input: &syn::DeriveInput) -> u64 {
        let ctxt = Ctxt::new();
        let model = Model::read(&ctxt, input);
        assert!(ctxt.check().is_ok(), "no mistakes");
        model.as_ref().map(of).unwrap_or_default()
    }

    #[test]
    fn the_value_is_fixed_for_ever() {
        // A change here would empty every user's cache at the next deployment.
        let golden = fingerprint(&parse_quote! {
            #[cached(cache_version = 3)]
            struct Plane { id: i64, #[cached(with = crate::hex)] tail: Option<Vec<u8>> }
        });
        assert_eq!(golden, fnv1a(b"id:i64:\ntail:Option<Vec<u8>>:crate::hex\ncache_version:3"));
        assert_eq!(golden, 0x79b3_d571_2030_7dc3);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8, "the published test vector");
    }

    #[test]
    fn every_change_of_meaning_changes_it() {
        let all = [
            fingerprint(&parse_quote! { struct P { id: i64, a: i32, b: i32 } }),
            fingerprint(&parse_quote! { struct P { id: i64, c: i32, b: i32 } }),
            fingerprint(&parse_quote! { struct P { id: i64, b: i32, a: i32 } }),
            fingerprint(&parse_quote! { struct P { id: i64, a: i64, b: i32 } }),
            fingerprint(&parse_quote! { struct P { id: i64, a: Option<i32>, b: i32 } }),
            fingerprint(&parse_quote! { struct P { id: i64, #[cached(with = w)] a: i32, b: i32 } }),
            fingerprint(&parse_quote! { struct P { id: i64, #[cached(with = v)] a: i32, b: i32 } }),
            fingerprint(
                &parse_quote! { #[cached(cache_version = 1)] struct P { id: i64, a: i32, b: i32 } },
            ),
            fingerprint(&parse_quote! { struct P { id: i64, a: i32 } }),
        ];
        let distinct: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
    }

    #[test]
    fn what_means_the_same_leaves_it() {
        let plain = fingerprint(&parse_quote! { struct P { id: i64, kind: Vec<u8> } });
        let same = fingerprint(&parse_quote! {
            #[cached(ttl = "1h")]
            pub struct Q { id: i64, #[diesel(column_name = kind)] pub r#type: Vec< u8 > }
        });
        assert_eq!(
            plain, same,
            "the struct's name, the field's name and the policy have no part in it"
        );
    }
}

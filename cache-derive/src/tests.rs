//! Snapshots of whole expansions, as a reader of `cargo expand` would see them.

use proc_macro2::TokenStream;
use syn::{DeriveInput, parse_quote};

fn pretty(tokens: TokenStream) -> String {
    // The backends' blocks are the arguments of a macro, which cannot be laid
    // out: take the switch away.
    let text = tokens.to_string().replace(":: cache_runtime :: __if_sqlite !", "mod __if_sqlite");
    let text = text.replace(":: cache_runtime :: __if_postgres !", "mod __if_postgres");
    let text = text.replace(":: cache_runtime :: __if_mysql !", "mod __if_mysql");
    syn2::parse_str(&text).map_or(text, |items| prettyplease::unparse(&items))
}

#[test]
fn a_simple_model() {
    let input: DeriveInput = parse_quote! {
        #[diesel(table_name = airlines, primary_key(carrier))]
        #[cached(pattern = "cache_aside", ttl = "10m", jitter = "10%", negative_ttl = "30s",
                 unique(name), insert = NewAirline, changeset = AirlineChanges)]
        pub struct Airline { carrier: String, name: String }
    };
    insta::assert_snapshot!(pretty(crate::expand::cached(&input)));
}

#[test]
fn a_model_with_everything() {
    let input: DeriveInput = parse_quote! {
        #[diesel(table_name = crate::schema::seats, check_for_backend(diesel::pg::Pg))]
        #[cached(pattern = "cache_aside", ttl = "1h 30m", on_write = "refresh", key(flight, seat_row),
                 unique(ticket), unique(passenger, gate), insert(NewSeat, Imported<i64>),
                 changeset(SeatChanges, Boarding), cache_version = 2, crate = crate::cache)]
        pub(crate) struct Seat {
            #[cached(with = crate::flight)]
            flight: Flight,
            #[diesel(column_name = seat_row)]
            row: i16,
            ticket: Option<i64>,
            passenger: String,
            #[cached(with = gate)]
            gate: Option<Gate>,
        }
    };
    insta::assert_snapshot!(pretty(crate::expand::cached(&input)));
}

#[test]
fn a_read_only_model() {
    let input: DeriveInput = parse_quote! {
        #[cached(pattern = "cache_aside", ttl = "1s", backends(sqlite))]
        struct BlogPost { id: i32, r#type: String }
    };
    insta::assert_snapshot!(pretty(crate::expand::cached(&input)));
}

#[test]
fn an_aggregate() {
    let root = crate::expand::cached(&parse_quote! {
        #[cached(pattern = "cache_aside", ttl = "10m", consistency = "strict(fenced)",
                 aggregate(owner = "sales", members(OrderLine, notes::Note)), backends(sqlite))]
        struct Order { id: i64 }
    });
    let member = crate::expand::cached(&parse_quote! {
        #[cached(member_of = Order, by(shop, order_id), consistency = "strict(fenced)", ttl = "1m",
                 backends(sqlite))]
        struct OrderLine { id: i64, shop: i64, order_id: Option<i64> }
    });
    insta::assert_snapshot!(pretty(root) + &pretty(member));
}

#[test]
fn a_stub_has_the_same_names() {
    let input: DeriveInput = parse_quote! {
        #[cached(pattern = "cache_aside", unique(name), unique(name), insert = New, changeset = Change<'a>)]
        struct Plane { id: i32, name: String }
    };
    insta::assert_snapshot!(pretty(crate::expand::cached(&input)));
}

#[test]
fn a_key_part() {
    let newtype = crate::cache_key::derive(&parse_quote!(
        struct UserId(i64);
    ));
    let parts = crate::cache_key::derive(&parse_quote!(
        struct Place {
            row: i16,
            letter: String,
        }
    ));
    let variants = crate::cache_key::derive(&parse_quote!(
        enum Kind {
            Small,
            r#Large,
        }
    ));
    insta::assert_snapshot!(pretty(newtype) + &pretty(parts) + &pretty(variants));
}

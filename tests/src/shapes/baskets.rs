//! An aggregate of tenants: the root's key is of two columns, and so are those that lead to it.

use cache_runtime::Cached;
use diesel::prelude::*;

diesel::table! {
    baskets (tenant, id) {
        tenant -> Text,
        id -> BigInt,
    }
}

diesel::table! {
    basket_items (tenant, basket, position) {
        tenant -> Text,
        basket -> BigInt,
        position -> BigInt,
        amount -> BigInt,
    }
}

pub const CREATE: &str = "CREATE TABLE baskets (tenant VARCHAR(60) NOT NULL, id BIGINT NOT NULL, PRIMARY KEY (tenant, id))";
pub const CREATE_ITEMS: &str = "CREATE TABLE basket_items (tenant VARCHAR(60) NOT NULL, basket BIGINT NOT NULL, position BIGINT NOT NULL, amount BIGINT NOT NULL, PRIMARY KEY (tenant, basket, position))";

#[derive(Queryable, Cached, Debug, PartialEq, Eq)]
#[diesel(table_name = baskets, primary_key(tenant, id))]
#[cached(pattern = "cache_aside", ttl = "10m", tenant = tenant, insert = NewBasket,
         aggregate(owner = "shop", members(BasketItem)))]
pub struct Basket {
    pub tenant: String,
    pub id: i64,
}

#[derive(Insertable)]
#[diesel(table_name = baskets)]
pub struct NewBasket {
    pub tenant: String,
    pub id: i64,
}

#[derive(Queryable, Cached, Debug, PartialEq, Eq)]
#[diesel(table_name = basket_items, primary_key(tenant, basket, position))]
#[cached(tenant = tenant, member_of = Basket, by = basket, insert = NewItem,
         changeset = ItemChanges)]
pub struct BasketItem {
    pub tenant: String,
    pub basket: i64,
    pub position: i64,
    pub amount: i64,
}

#[derive(Insertable)]
#[diesel(table_name = basket_items)]
pub struct NewItem {
    pub tenant: String,
    pub basket: i64,
    pub position: i64,
    pub amount: i64,
}

#[derive(AsChangeset)]
#[diesel(table_name = basket_items)]
pub struct ItemChanges {
    pub amount: i64,
}

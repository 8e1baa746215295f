//! The members of a model whose rows are the roots of aggregates: as part of that model's module.

/// The model of the members, and what a process does with them.
macro_rules! items {
    ($item:ident) => {
        use cache_runtime::ports::MemberRows;

        diesel::table! {
            items (id) {
                id -> BigInt,
                account -> BigInt,
                amount -> BigInt,
            }
        }

        #[derive(Queryable, cache_runtime::Cached)]
        #[diesel(table_name = items)]
        #[cached(member_of = Account, by = account, insert = NewItem, changeset = ItemChanges)]
        pub struct $item {
            pub id: i64,
            pub account: i64,
            pub amount: i64,
        }

        #[derive(Insertable)]
        #[diesel(table_name = items)]
        pub struct NewItem {
            pub id: i64,
            pub account: i64,
            pub amount: i64,
        }

        #[derive(AsChangeset)]
        #[diesel(table_name = items)]
        pub struct ItemChanges {
            pub account: Option<i64>,
            pub amount: i64,
        }

        impl From<&$item> for Item {
            fn from(item: &$item) -> Self {
                Self { id: item.id, account: item.account, amount: item.amount }
            }
        }

        impl From<Item> for NewItem {
            fn from(Item { id, account, amount }: Item) -> Self {
                Self { id, account, amount }
            }
        }

        impl<D: Database> Items for Opened<D>
        where
            Account: Statements<D::Backend>,
            $item: Statements<D::Backend> + MemberRows<Account, D::Backend>,
            NewItem: Insert<$item, D::Backend>,
            ItemChanges: Change<$item, D::Backend>,
        {
            fn whole(&self, account: i64) -> BoxFuture<'_, Result<Option<Whole>>> {
                Box::pin(async move {
                    let whole = self.accounts.find_aggregate(account).await?;
                    Ok(whole.map(|whole| {
                        let items = whole.members::<$item>().iter().map(Item::from);
                        (Row::from(whole.root()), items.collect())
                    }))
                })
            }

            fn find(&self, id: i64) -> BoxFuture<'_, Result<Option<Item>>> {
                Box::pin(async move {
                    let found = self.cache.repository::<$item>().find(id).await?;
                    Ok(found.as_deref().map(Item::from))
                })
            }

            fn insert(&self, item: Item) -> BoxFuture<'_, Result<()>> {
                Box::pin(async move {
                    self.cache.repository::<$item>().insert(NewItem::from(item)).await.map(drop)
                })
            }

            fn change(
                &self,
                id: i64,
                account: Option<i64>,
                amount: i64,
            ) -> BoxFuture<'_, Result<Option<Item>>> {
                Box::pin(async move {
                    let changes = ItemChanges { account, amount };
                    let changed = self.cache.repository::<$item>().update(id, changes).await?;
                    Ok(changed.as_deref().map(Item::from))
                })
            }

            fn delete(&self, id: i64) -> BoxFuture<'_, Result<Option<Item>>> {
                Box::pin(async move {
                    let gone = self.cache.repository::<$item>().delete(id).await?;
                    Ok(gone.as_deref().map(Item::from))
                })
            }
        }
    };
}

/// A step of a transaction with the members, where there are any.
macro_rules! item_step {
    ($tx:ident, $log:ident, $act:ident, $item:ident) => {
        match $act {
            ItemAct::Whole(id) => {
                let whole = $tx.repository::<Account>().find_aggregate(id).await?;
                $log.read(Register::Key(id), whole.as_ref().map(|whole| whole.root().balance));
                for item in whole.iter().flat_map(|whole| whole.members::<$item>()) {
                    $log.read(Register::Item(item.id), Some(item.amount));
                }
            }
            ItemAct::Find(id) => {
                let found = $tx.repository::<$item>().find(id).await?;
                $log.read(Register::Item(id), found.map(|item| item.amount));
            }
            ItemAct::Insert(item) => {
                let deed = Deed::set(Register::Item(item.id), item.amount);
                $tx.repository::<$item>().insert(NewItem::from(item)).await?;
                $log.deeds.push(deed);
            }
            ItemAct::Change(id, account, amount) => {
                let changes = ItemChanges { account, amount };
                if $tx.repository::<$item>().update(id, changes).await?.is_some() {
                    $log.deeds.push(Deed::set(Register::Item(id), amount));
                }
            }
            ItemAct::Delete(id) => {
                if let Some(gone) = $tx.repository::<$item>().delete(id).await? {
                    $log.deeds.push(Deed::Gone { of: Register::Item(id), number: gone.amount });
                }
            }
        }
    };
    ($tx:ident, $log:ident, $act:ident) => {
        let _ = $act;
    };
}

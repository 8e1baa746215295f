//! What a client does with the items of accounts: the members of aggregates.

use cache_runtime::ErrorKind;

use crate::accounts::ItemAct;
use crate::client::Client;
use crate::history::{Deed, Register, Value};

impl Client {
    pub async fn item(&self, act: ItemAct) {
        let Some(items) = self.accounts.items() else { return };
        match act {
            ItemAct::Whole(account) => self.whole(account).await,
            ItemAct::Find(id) => {
                let began = self.point();
                let found = items.find(id).await;
                if let Some(item) = self.found(found) {
                    self.has_read(Register::Item(id), Value::Item(item), began, None);
                }
            }
            ItemAct::Insert(item) => {
                let deed = Deed::set(Register::Item(item.id), item.amount);
                let told = items.insert(item).await;
                self.has_written(vec![deed], told);
            }
            ItemAct::Change(id, account, amount) => {
                let told = items.change(id, account, amount).await;
                let of = Register::Item(id);
                let found = match &told {
                    Ok(found) => found.is_some(),
                    // Committed, but nobody says whether there was such an item.
                    Err(error) if error.kind() == ErrorKind::Unreleased => self.holds(&of, amount),
                    Err(_) => true,
                };
                let deed = found.then_some(Deed::set(of, amount));
                self.has_written(deed.into_iter().collect(), told.map(drop));
            }
            ItemAct::Delete(id) => {
                let told = items.delete(id).await;
                let gone = told.as_ref().ok().cloned().flatten();
                let of = Register::Item(id);
                let deed = gone.map(|item| Deed::Gone { of, number: item.amount });
                self.has_written(deed.into_iter().collect(), told.map(drop));
            }
        }
    }

    /// Finds an account with its items: none of these is from before the account.
    pub async fn whole(&self, account: i64) {
        let Some(items) = self.accounts.items() else { return };
        let began = self.point();
        let found = items.whole(account).await;
        let Some(whole) = self.found(found) else { return };
        let (row, items) = whole.unzip();
        let root = self.has_read(Register::Key(account), Value::Row(row), began, None);
        if let Some(items) = items {
            if items.iter().any(|item| item.account != account) {
                self.fault(format!("the items of {account} are {items:?}"));
            }
            self.has_read(Register::Items(account), Value::Items(items), began, Some(root));
        }
    }
}

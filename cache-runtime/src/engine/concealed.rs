//! Lookups by columns that a model leaves out. What its rows do not tell is read beside them, before
//! a write and after it, so that the entries of the old value and of the new are found.

use super::debt::Touch;
use super::keeper::Keeper;
use super::session::Session;
use crate::ports::database::{Database, Dialect};
use crate::ports::load::Load;
use crate::ports::model::{Concealed, Statements};
use crate::values::error::Result;

impl<M: Statements<D::Backend>, D: Database> Keeper<M, D> {
    /// Touches the entries of what the rows with these keys conceal, as they are now.
    pub(crate) async fn touch_concealed(
        &self,
        session: &mut Session<D>,
        keys: impl IntoIterator<Item = M::Key>,
    ) -> Result<()> {
        if M::DESCRIPTOR.concealed.lookups.is_empty() {
            return Ok(());
        }
        let keys: Vec<M::Key> = keys.into_iter().collect();
        let most = <D::Backend as Dialect>::MAX_BINDS / M::DESCRIPTOR.key.len().max(1);
        for keys in keys.chunks(most.max(1)) {
            let load = Load::<_, Concealed<M>>::concealed(M::among(keys.to_vec()));
            let rows = session.load(load).await?;
            session.touch(self.concealed(rows));
        }
        Ok(())
    }

    /// What becomes of the entries of what rows conceal.
    pub(crate) fn concealed(&self, rows: Vec<Concealed<M>>) -> Vec<Touch> {
        let values = rows.into_iter().flat_map(|row| row.values);
        let entries = values.filter_map(|(index, value)| self.tier.lookup_key(index, &value));
        entries.map(|entry| self.remove(entry)).collect()
    }
}

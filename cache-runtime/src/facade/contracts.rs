//! Which contracts the models of a cache make, taken together.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::Arc;

use super::registration::Registration;
use crate::ports::contract::{Contract, Contracts};
use crate::ports::database::Database;
use crate::values::error::Result;

/// Each model's contract, with the models that depend on it.
pub(super) fn contracts<D: Database>(
    models: &[Registration<D>],
) -> Result<HashMap<TypeId, Arc<Contract>>> {
    let mut contracts = HashMap::new();
    for model in models {
        let mut contract = Contract::new(model.descriptor, (model.table)()?);
        for other in models {
            if (other.dependencies)().iter().any(|dependency| dependency.on == model.id) {
                contract.dependents.push(other.descriptor.model);
            }
        }
        contracts.insert(model.id, Arc::new(contract));
    }
    Ok(contracts)
}

impl Contracts {
    pub(super) fn of(contracts: HashMap<TypeId, Arc<Contract>>) -> Self {
        let mut all: Vec<Arc<Contract>> = contracts.into_values().collect();
        all.sort_by_key(|contract| contract.descriptor.model);
        Self(all)
    }
}

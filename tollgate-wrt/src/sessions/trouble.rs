//! Whether the gate works, by what it was last asked for.

use std::sync::PoisonError;

use super::Keeper;
use crate::gate;

impl Keeper {
    /// Why the gate did not do what it was last asked for, if it did not, or
    /// what it says of itself.
    pub fn gate_trouble(&self) -> Option<String> {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        self.gate.trouble(trouble.clone())
    }

    /// Remembers what came of asking the gate.
    pub(super) fn noted<T>(&self, result: Result<T, gate::Error>) -> Result<T, gate::Error> {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        *trouble = result.as_ref().err().map(ToString::to_string);
        result
    }
}

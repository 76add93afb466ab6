//! Rows that nobody reads become dead letters.

use crate::batch::Batch;
use crate::dead_letter::{Refusal, Refuser, letters};
use crate::error::Result;
use crate::operator::{Operator, Outputs};
use crate::plan::LettersPlan;

pub struct Letters {
    plan: LettersPlan,
    refuser: Refuser,
}

impl Letters {
    pub fn new(plan: &LettersPlan) -> Self {
        let refuser = Refuser { step: plan.step.clone(), plugin: None };
        Self { plan: plan.clone(), refuser }
    }
}

impl Operator for Letters {
    fn process(&mut self, batch: Batch, out: &mut Outputs) -> Result<()> {
        let refusal = |row| Refusal::new(row, self.plan.code, self.plan.message);
        let refusals: Vec<Refusal> = (0..batch.len()).map(refusal).collect();
        out.emit(0, letters(&self.refuser, &batch, &refusals)?);
        Ok(())
    }
}

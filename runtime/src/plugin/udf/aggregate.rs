//! A component of the world `aggregate` as a function of SQL.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, not_impl_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};

use super::groups::PluginGroups;
use super::{PluginFunction, result_field};

#[derive(Debug, PartialEq, Eq, Hash)]
pub struct PluginAggregate {
    function: Arc<PluginFunction>,
    signature: Signature,
}

pub fn new(function: Arc<PluginFunction>) -> PluginAggregate {
    PluginAggregate { function, signature: Signature::user_defined(Volatility::Immutable) }
}

impl PluginAggregate {
    fn groups(&self, args: &AccumulatorArgs) -> Result<PluginGroups> {
        if args.is_distinct || !args.order_bys.is_empty() {
            return not_impl_err!(
                "DISTINCT or ORDER BY in `{}(...)`: a plugin sees all rows, in any order",
                self.function.name()
            );
        }
        let types = args.expr_fields.iter().map(|field| field.data_type().clone());
        PluginGroups::new(self.function.clone(), types.collect())
    }
}

impl AggregateUDFImpl for PluginAggregate {
    fn name(&self) -> &str {
        self.function.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        self.function.coerce(arguments)
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        let described = self.function.describe(arguments)?;
        Ok(result_field(&described, self.name()).data_type().clone())
    }

    /// One column of bytes. Its name has the version, so that state of another one is not taken
    /// for its own.
    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let types: Vec<DataType> =
            args.input_fields.iter().map(|field| field.data_type().clone()).collect();
        let version = self.function.describe(&types)?.state_version;
        let name = format!("{}[state_v{version}]", args.name);
        Ok(vec![Arc::new(Field::new(name, DataType::Binary, true))])
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(One(self.groups(&args)?)))
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        self.groups(&args).is_ok()
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(self.groups(&args)?))
    }
}

/// The accumulator of one group.
#[derive(Debug)]
struct One(PluginGroups);

impl Accumulator for One {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let rows = values.first().map_or(0, |values| values.len());
        self.0.update_batch(values, &vec![0; rows], None, 1)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let rows = states.first().map_or(0, |states| states.len());
        self.0.merge_batch(states, &vec![0; rows], 1)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.0.reserve(1);
        ScalarValue::try_from_array(&self.0.evaluate(EmitTo::All)?, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.0.reserve(1);
        let states = self.0.state(EmitTo::All)?;
        states.iter().map(|states| ScalarValue::try_from_array(states, 0)).collect()
    }

    fn size(&self) -> usize {
        self.0.size()
    }
}

//! A component of the world `scalar` as a function of SQL.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::compute::concat;
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use super::super::function::evaluate_scalar;
use super::{PluginFunction, refused, result_field, types};
use crate::config::BATCH_ROWS_MAX;

#[derive(Debug, PartialEq, Eq, Hash)]
pub struct PluginScalar {
    function: Arc<PluginFunction>,
    signature: Signature,
}

pub fn new(function: Arc<PluginFunction>) -> PluginScalar {
    PluginScalar { function, signature: Signature::user_defined(Volatility::Immutable) }
}

impl ScalarUDFImpl for PluginScalar {
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

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let columns = args.args.into_iter().map(|argument| argument.into_array(rows));
        let columns = columns.collect::<Result<Vec<ArrayRef>>>()?;
        let types = types(&columns);
        let described = self.function.describe(&types)?;
        let mut parts: Vec<ArrayRef> = Vec::new();
        for start in (0..rows).step_by(BATCH_ROWS_MAX) {
            let count = BATCH_ROWS_MAX.min(rows - start);
            let part: Vec<ArrayRef> = columns.iter().map(|c| c.slice(start, count)).collect();
            let (values, refusals) = self.function.call(&types, |instance| {
                evaluate_scalar(instance, &part, count, &described.result)
            })?;
            if !refusals.is_empty() {
                return refused(self.name(), &refusals);
            }
            parts.push(values);
        }
        let values = match parts.as_slice() {
            [] => arrow::array::new_empty_array(described.result[0].data_type()),
            [only] => only.clone(),
            _ => concat(&parts.iter().map(AsRef::as_ref).collect::<Vec<_>>())?,
        };
        Ok(ColumnarValue::Array(values))
    }
}

//! Lengths of time that are computed: DataFusion multiplies no interval, and the gap of a session
//! may stand in the row as a number.

use std::sync::{Arc, LazyLock};

use arrow::array::{AsArray, IntervalMonthDayNanoArray};
use arrow::datatypes::{
    DataType, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit,
};
use datafusion::common::{DFSchema, Result, exec_datafusion_err};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{
    ColumnarValue, ExprSchemable, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use datafusion::sql::sqlparser::ast::BinaryOperator;

const INTERVAL: DataType = DataType::Interval(IntervalUnit::MonthDayNano);

static TIMES: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    let signature = Signature::exact(vec![DataType::Int64, INTERVAL], Volatility::Immutable);
    Arc::new(ScalarUDF::new_from_impl(Times { signature }))
});

/// Plans `number * interval` and `interval * number`.
#[derive(Debug)]
pub(super) struct Multiply;

impl ExprPlanner for Multiply {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        if expr.op != BinaryOperator::Multiply {
            return Ok(PlannerResult::Original(expr));
        }
        let is_interval = |data_type: DataType| matches!(data_type, DataType::Interval(_));
        let types = (expr.left.get_type(schema), expr.right.get_type(schema));
        let (Ok(left), Ok(right)) = types else { return Ok(PlannerResult::Original(expr)) };
        let (number, interval) = match (left, right) {
            (left, right) if left.is_integer() && is_interval(right.clone()) => {
                (expr.left, expr.right)
            }
            (left, right) if right.is_integer() && is_interval(left.clone()) => {
                (expr.right, expr.left)
            }
            _ => return Ok(PlannerResult::Original(expr)),
        };
        Ok(PlannerResult::Planned(TIMES.call(vec![number, interval])))
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Times {
    signature: Signature,
}

impl ScalarUDFImpl for Times {
    fn name(&self) -> &str {
        "interval_times"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(INTERVAL)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let number = args.args[0].to_array(args.number_rows)?;
        let interval = args.args[1].to_array(args.number_rows)?;
        let number = number.as_primitive::<Int64Type>().iter();
        let interval = interval.as_primitive::<IntervalMonthDayNanoType>().iter();
        let product = number.zip(interval).map(|(number, interval)| {
            number.zip(interval).map(|(number, interval)| times(number, interval)).transpose()
        });
        let product = product.collect::<Result<IntervalMonthDayNanoArray>>()?;
        Ok(ColumnarValue::Array(Arc::new(product)))
    }
}

fn times(number: i64, interval: IntervalMonthDayNano) -> Result<IntervalMonthDayNano> {
    let small = |part: i32| i32::try_from(number.checked_mul(i64::from(part))?).ok();
    let product = || {
        Some(IntervalMonthDayNano::new(
            small(interval.months)?,
            small(interval.days)?,
            number.checked_mul(interval.nanoseconds)?,
        ))
    };
    product().ok_or_else(|| exec_datafusion_err!("{number} times an interval is too long"))
}

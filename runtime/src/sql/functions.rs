//! The functions by which SQL speaks of windows.
//!
//! Of one row `tumble` gives the window, `session` the session that the row would be alone, and
//! `hop` the part of time in which rows have the same windows. What rows share is found where they
//! are grouped; outside of GROUP BY only `tumble` means something.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray, StructArray};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Field, Fields, IntervalMonthDayNanoType, IntervalUnit, TimeUnit,
    TimestampMicrosecondType,
};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::plan::WindowKind;

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Which function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Function {
    Tumble,
    Hop,
    Session,
    /// The parts of a window.
    Start,
    End,
    /// The last microsecond within a window.
    Time,
}

const FUNCTIONS: [Function; 6] = [
    Function::Tumble,
    Function::Hop,
    Function::Session,
    Function::Start,
    Function::End,
    Function::Time,
];

impl Function {
    fn name(self) -> &'static str {
        match self {
            Self::Tumble => "tumble",
            Self::Hop => "hop",
            Self::Session => "session",
            Self::Start => "window_start",
            Self::End => "window_end",
            Self::Time => "window_time",
        }
    }

    fn usage(self) -> &'static str {
        match self {
            Self::Tumble => "tumble(time, size) or tumble(time, size, offset)",
            Self::Hop => "hop(time, slide, size) or hop(time, slide, size, offset)",
            Self::Session => "session(time, gap)",
            Self::Start => "window_start(window)",
            Self::End => "window_end(window)",
            Self::Time => "window_time(window)",
        }
    }

    /// How many arguments there are: the time or window and so many intervals.
    fn intervals(self) -> std::ops::RangeInclusive<usize> {
        match self {
            Self::Tumble => 1..=2,
            Self::Hop => 2..=3,
            Self::Session => 1..=1,
            Self::Start | Self::End | Self::Time => 0..=0,
        }
    }
}

/// A function of windows, as DataFusion sees it.
#[derive(Debug, PartialEq, Eq, Hash)]
struct WindowFunction {
    function: Function,
    signature: Signature,
}

static ALL: LazyLock<Vec<Arc<ScalarUDF>>> = LazyLock::new(|| {
    let udf = |function: Function| {
        let signature = Signature::user_defined(Volatility::Immutable);
        Arc::new(ScalarUDF::new_from_impl(WindowFunction { function, signature }))
    };
    FUNCTIONS.into_iter().map(udf).collect()
});

/// All of them, to be registered.
pub(super) fn all() -> &'static [Arc<ScalarUDF>] {
    &ALL
}

/// The function that is called, and its arguments.
pub(super) fn called(expr: &Expr) -> Option<(Function, &[Expr])> {
    let Expr::ScalarFunction(call) = expr else { return None };
    let known = call.func.inner().downcast_ref::<WindowFunction>()?;
    Some((known.function, &call.args))
}

/// A call of `function`.
pub(super) fn call(function: Function, args: Vec<Expr>) -> Expr {
    let at = FUNCTIONS.iter().position(|f| *f == function).unwrap_or_default();
    ALL[at].call(args)
}

impl ScalarUDFImpl for WindowFunction {
    fn name(&self) -> &str {
        self.function.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let usage = self.function.usage();
        let Some((first, intervals)) = given.split_first() else {
            return plan_err!("{}() lacks its arguments: {usage}", self.name());
        };
        if !self.function.intervals().contains(&intervals.len()) {
            return plan_err!("{} has {} arguments: {usage}", self.name(), given.len());
        }
        let first = match (self.function, first) {
            (Function::Start | Function::End | Function::Time, window) if is_window(window) => {
                window.clone()
            }
            (Function::Start | Function::End | Function::Time, other) => {
                return plan_err!("{}({other}): a window is needed: {usage}", self.name());
            }
            (_, DataType::Timestamp(_, zone)) => {
                DataType::Timestamp(TimeUnit::Microsecond, zone.clone())
            }
            (_, window) if is_window(window) => window.clone(),
            (_, other) => {
                return plan_err!(
                    "{}() over {other}: the first argument must be a timestamp: {usage}",
                    self.name()
                );
            }
        };
        let mut types = vec![first];
        for interval in intervals {
            match interval {
                DataType::Interval(_) | DataType::Duration(_) | DataType::Utf8 | DataType::Null => {
                    types.push(DataType::Interval(IntervalUnit::MonthDayNano));
                }
                other => {
                    return plan_err!(
                        "{}() with {other} for a length of time: write INTERVAL '5 minutes': \
                         {usage}",
                        self.name()
                    );
                }
            }
        }
        Ok(types)
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        let time = match &args[0] {
            DataType::Struct(fields) if !fields.is_empty() => fields[0].data_type().clone(),
            time => time.clone(),
        };
        Ok(match self.function {
            Function::Start | Function::End | Function::Time => time,
            Function::Tumble | Function::Hop | Function::Session => {
                DataType::Struct(window_fields(&time))
            }
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let first = args.args[0].to_array(args.number_rows)?;
        if let Function::Start | Function::End | Function::Time = self.function {
            return Ok(ColumnarValue::Array(part(self.function, &first)?));
        }
        let time = match first.data_type() {
            DataType::Struct(_) => part(Function::Time, &first)?,
            _ => first,
        };
        let time = time.as_primitive::<TimestampMicrosecondType>();
        let window = match self.function {
            Function::Session => session(time, &args.args[1].to_array(args.number_rows)?)?,
            _ => match constant_kind(self.function, &args.args[1..])? {
                WindowKind::Tumble { size, offset } => {
                    from_start(time, size, |at| floor(at, size, offset))
                }
                WindowKind::Hop { slide, size, offset } => {
                    let pane = gcd(slide, size);
                    from_start(time, pane, |at| floor(at, pane, offset))
                }
                WindowKind::Session | WindowKind::Instant => {
                    return exec_err!("{} of no constant", self.name());
                }
            },
        };
        Ok(ColumnarValue::Array(Arc::new(window)))
    }
}

/// Whether a value of this type is a window.
pub(super) fn is_window(data_type: &DataType) -> bool {
    let DataType::Struct(fields) = data_type else { return false };
    let is_time = |field: &Field| matches!(field.data_type(), DataType::Timestamp(..));
    matches!(fields.as_ref(), [start, end] if start.name() == "start" && end.name() == "end"
        && is_time(start) && is_time(end))
}

/// The fields of a window over times of this type.
pub(super) fn window_fields(time: &DataType) -> Fields {
    let field = |name| Field::new(name, time.clone(), true);
    Fields::from(vec![field("start"), field("end")])
}

/// The start of the section of `size` that `at` is in.
fn floor(at: i64, size: i64, offset: i64) -> i64 {
    let from = at.wrapping_sub(offset);
    at.wrapping_sub(from.rem_euclid(size))
}

/// The longest time of which both are multiples.
pub(crate) fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn from_start(
    time: &PrimitiveArray<TimestampMicrosecondType>,
    size: i64,
    start: impl Fn(i64) -> i64,
) -> StructArray {
    let starts: ScalarBuffer<i64> = time.values().iter().map(|at| start(*at)).collect();
    let ends = starts.iter().map(|start| start.wrapping_add(size)).collect();
    window(time.data_type(), starts, ends, time.nulls().cloned())
}

fn window(
    time: &DataType,
    starts: ScalarBuffer<i64>,
    ends: ScalarBuffer<i64>,
    nulls: Option<NullBuffer>,
) -> StructArray {
    let column = |values| {
        let column = PrimitiveArray::<TimestampMicrosecondType>::new(values, nulls.clone());
        Arc::new(column.with_data_type(time.clone())) as ArrayRef
    };
    StructArray::new(window_fields(time), vec![column(starts), column(ends)], nulls.clone())
}

/// Windows from columns of their starts and ends, in the type of times `time`.
pub(crate) fn windows(time: &DataType, starts: Vec<i64>, ends: Vec<i64>) -> StructArray {
    window(time, starts.into(), ends.into(), None)
}

fn session(
    time: &PrimitiveArray<TimestampMicrosecondType>,
    gaps: &ArrayRef,
) -> Result<StructArray> {
    let gaps = gaps.as_primitive::<IntervalMonthDayNanoType>();
    let nulls = NullBuffer::union(time.nulls(), gaps.nulls());
    let mut ends = Vec::with_capacity(time.len());
    for (row, at) in time.values().iter().enumerate() {
        if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            ends.push(0);
            continue;
        }
        match micros(gaps.value(row)) {
            Some(gap) if gap > 0 => ends.push(at.saturating_add(gap)),
            Some(_) => return exec_err!("the gap of a session must be above 0"),
            None => return exec_err!("months have no fixed length: give the gap in days"),
        }
    }
    Ok(window(time.data_type(), time.values().clone(), ends.into(), nulls))
}

fn part(function: Function, windows: &ArrayRef) -> Result<ArrayRef> {
    let Some(windows) = windows.as_any().downcast_ref::<StructArray>() else {
        return exec_err!("{} of {}", function.name(), windows.data_type());
    };
    let column = windows.column(usize::from(function != Function::Start)).clone();
    let nulls = NullBuffer::union(column.nulls(), windows.nulls());
    let target = column.data_type().clone();
    let micros = match &target {
        DataType::Timestamp(TimeUnit::Microsecond, _) => column,
        DataType::Timestamp(_, zone) => {
            cast(&column, &DataType::Timestamp(TimeUnit::Microsecond, zone.clone()))?
        }
        other => return exec_err!("{} of a window of {other}", function.name()),
    };
    let values = micros.as_primitive::<TimestampMicrosecondType>().values();
    let values = match function {
        Function::Time => values.iter().map(|end| end.wrapping_sub(1)).collect(),
        _ => values.clone(),
    };
    let column = PrimitiveArray::<TimestampMicrosecondType>::new(values, nulls);
    Ok(Arc::new(column.with_data_type(micros.data_type().clone())))
}

/// A length of time in microseconds; `None` if it has months.
fn micros(interval: arrow::datatypes::IntervalMonthDayNano) -> Option<i64> {
    if interval.months != 0 {
        return None;
    }
    let days = i64::from(interval.days).checked_mul(MICROS_PER_DAY)?;
    days.checked_add(interval.nanoseconds / 1000)
}

/// The windows of a call whose lengths are constants.
///
/// # Errors
/// Which of them can't be.
fn constant_kind(function: Function, args: &[ColumnarValue]) -> Result<WindowKind> {
    let scalar = |arg: &ColumnarValue| match arg {
        ColumnarValue::Scalar(value) => Some(value.clone()),
        ColumnarValue::Array(_) => None,
    };
    let scalars: Option<Vec<ScalarValue>> = args.iter().map(scalar).collect();
    match scalars.map(|scalars| kind(function, &scalars)) {
        Some(Ok(kind)) => Ok(kind),
        Some(Err(message)) => exec_err!("{message}"),
        None => exec_err!("{}", not_constant(function)),
    }
}

fn not_constant(function: Function) -> String {
    format!("the lengths in {}() must be constants: {}", function.name(), function.usage())
}

/// The windows of a call, its first argument left out.
///
/// # Errors
/// Which length can't be, and what to write instead.
pub(super) fn kind_of(function: Function, args: &[Expr]) -> Result<WindowKind, String> {
    // The gap of a session may be computed from the row.
    if function == Function::Session && !matches!(args, [Expr::Literal(_, _)]) {
        return Ok(WindowKind::Session);
    }
    let scalar = |arg: &Expr| match arg {
        Expr::Literal(value, _) => Ok(value.clone()),
        _ => Err(not_constant(function)),
    };
    kind(function, &args.iter().map(scalar).collect::<Result<Vec<_>, _>>()?)
}

fn kind(function: Function, args: &[ScalarValue]) -> Result<WindowKind, String> {
    let name = function.name();
    let length = |at: usize, what: &str, may_be_zero: bool| {
        let Some(value) = args.get(at) else { return Ok(0) };
        let target = DataType::Interval(IntervalUnit::MonthDayNano);
        let value = value.cast_to(&target).map_err(|e| e.strip_backtrace())?;
        let ScalarValue::IntervalMonthDayNano(Some(interval)) = value else {
            return Err(format!("the {what} of {name}() is no length of time"));
        };
        match micros(interval) {
            None => Err(format!(
                "the {what} of {name}() has months, which have no fixed length: give it in days"
            )),
            Some(length) if length > 0 || may_be_zero => Ok(length),
            Some(_) => Err(format!("the {what} of {name}() must be above 0")),
        }
    };
    match function {
        Function::Tumble => Ok(WindowKind::Tumble {
            size: length(0, "size", false)?,
            offset: length(1, "offset", true)?,
        }),
        Function::Hop => {
            let (slide, size) = (length(0, "slide", false)?, length(1, "size", false)?);
            if slide > size {
                return Err("hop() with a slide above the size would leave rows out: it is \
                            hop(time, slide, size)"
                    .to_owned());
            }
            Ok(WindowKind::Hop { slide, size, offset: length(2, "offset", true)? })
        }
        Function::Session => length(0, "gap", false).map(|_| WindowKind::Session),
        Function::Start | Function::End | Function::Time => {
            Err(format!("{name}() has no constant length"))
        }
    }
}

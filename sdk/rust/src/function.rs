//! The traits that functions for SQL implement.

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{Field, Schema};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{ConfigErrors, Failure, RowError};

/// An aggregate function for SQL.
///
/// The host collects the rows of a group in any number of states and merges them later, in any
/// order and grouping, so the result may only depend on which rows a group has.
///
/// ```
/// use millrace_plugin::prelude::*;
///
/// /// The longest text of a group.
/// struct Longest;
///
/// impl Aggregate for Longest {
///     type Config = serde::de::IgnoredAny;
///     type State = Option<String>;
///
///     fn start(_: Self::Config, arguments: &Schema) -> Result<(Self, Field), ConfigErrors> {
///         match arguments.fields().len() {
///             1 => Ok((Self, Field::new("longest", DataType::Utf8, true))),
///             n => Err(ConfigErrors::whole(format!("one argument is needed, and not {n}"))),
///         }
///     }
///
///     fn update(
///         &mut self,
///         states: &mut [Self::State],
///         groups: &[u32],
///         rows: &RecordBatch,
///     ) -> Result<(), Failure> {
///         for (text, group) in rows.utf8("a0")?.iter().zip(groups) {
///             if let Some(text) = text {
///                 self.merge(&mut states[*group as usize], Some(text.to_owned()))?;
///             }
///         }
///         Ok(())
///     }
///
///     fn merge(&mut self, state: &mut Self::State, other: Self::State) -> Result<(), Failure> {
///         // Of two of one length the smaller one, or the result would depend on their order.
///         let rank = |t: &Option<String>| t.clone().map(|t| (t.len(), std::cmp::Reverse(t)));
///         if rank(&other) > rank(state) {
///             *state = other;
///         }
///         Ok(())
///     }
///
///     fn evaluate(&mut self, states: Vec<Self::State>) -> Result<ArrayRef, Failure> {
///         Ok(Arc::new(states.into_iter().collect::<StringArray>()))
///     }
/// }
///
/// export_aggregate!(Longest);
/// # fn main() {}
/// ```
pub trait Aggregate: Sized + 'static {
    /// The function's `config`.
    type Config: DeserializeOwned;
    /// What is kept of a group's rows; the default is that of no rows. It is kept in the format of
    /// `postcard`: fields by their order and without names, so any change is a new version.
    type State: Serialize + DeserializeOwned + Default;
    /// The version of [`State`](Self::State).
    const STATE_VERSION: u32 = 1;

    /// Makes an instance for arguments of these types, named `a0`, `a1` and so on, and says what
    /// type the result has.
    ///
    /// # Errors
    /// Shown to the author of the pipeline before anything runs.
    fn start(config: Self::Config, arguments: &Schema) -> Result<(Self, Field), ConfigErrors>;

    /// Adds rows to states; `groups` has for each row the number of its state.
    ///
    /// # Errors
    /// Fails the call, which changes nothing.
    fn update(
        &mut self,
        states: &mut [Self::State],
        groups: &[u32],
        rows: &RecordBatch,
    ) -> Result<(), Failure>;

    /// Adds the rows of `other` to `state`.
    ///
    /// # Errors
    /// Fails the call, which changes nothing.
    fn merge(&mut self, state: &mut Self::State, other: Self::State) -> Result<(), Failure>;

    /// The result for each state.
    ///
    /// # Errors
    /// Fails the call.
    fn evaluate(&mut self, states: Vec<Self::State>) -> Result<ArrayRef, Failure>;
}

/// A scalar function for SQL.
///
/// ```
/// use millrace_plugin::prelude::*;
///
/// /// The square root.
/// struct Root;
///
/// impl Scalar for Root {
///     type Config = serde::de::IgnoredAny;
///
///     fn start(_: Self::Config, _: &Schema) -> Result<(Self, Field), ConfigErrors> {
///         Ok((Self, Field::new("root", DataType::Float64, true)))
///     }
///
///     fn evaluate(
///         &mut self,
///         arguments: &RecordBatch,
///         errors: &mut Errors,
///     ) -> Result<ArrayRef, Failure> {
///         let root = |(row, x): (usize, Option<f64>)| match x {
///             Some(x) if x < 0.0 => {
///                 errors.error(row as u32, "negative", format!("{x} has no root"));
///                 None
///             }
///             x => x.map(f64::sqrt),
///         };
///         let roots: Float64Array = arguments.float64("a0")?.iter().enumerate().map(root).collect();
///         Ok(Arc::new(roots))
///     }
/// }
///
/// export_scalar!(Root);
/// # fn main() {}
/// ```
pub trait Scalar: Sized + 'static {
    /// The function's `config`.
    type Config: DeserializeOwned;

    /// Makes an instance for arguments of these types, named `a0`, `a1` and so on, and says what
    /// type the result has.
    ///
    /// # Errors
    /// Shown to the author of the pipeline before anything runs.
    fn start(config: Self::Config, arguments: &Schema) -> Result<(Self, Field), ConfigErrors>;

    /// One value for each row. The result may depend on the arguments alone. What is returned for
    /// a row that is refused does not matter.
    ///
    /// # Errors
    /// Fails the call: the host tries again with fewer rows.
    fn evaluate(
        &mut self,
        arguments: &RecordBatch,
        errors: &mut Errors,
    ) -> Result<ArrayRef, Failure>;
}

/// Rows whose arguments have no result.
#[derive(Debug, Default)]
pub struct Errors(pub(crate) Vec<RowError>);

impl Errors {
    /// Refuses a row.
    pub fn error(&mut self, row: u32, code: &str, message: impl Into<String>) {
        let message = message.into();
        self.0.push(RowError { row, code: code.to_owned(), message, column: None });
    }
}

//! What an expression fails on, set apart from what it does not.

use std::ops::Range;

use crate::batch::Batch;
use crate::codec::isolate;
use crate::dead_letter::{Refusal, Refuser, letters};
use crate::error::{Error, ErrorKind, Result};
use crate::operator::Outputs;

/// Does `work` on a batch and sends the result to `main`. Where it fails, the rows that it fails on
/// go to `errors` instead: a cast, a division by zero, an overflow. A join may make more rows than a
/// batch can have; they go on in several.
///
/// # Errors
/// If the refused rows can't be written down, or something is unavailable.
pub fn emit_isolated(
    batch: &Batch,
    refuser: &Refuser,
    (main, errors): (usize, usize),
    out: &mut Outputs,
    mut work: impl FnMut(&Batch) -> Result<Batch>,
) -> Result<()> {
    match work(batch) {
        Ok(done) => {
            done.chunks().for_each(|chunk| out.emit(main, chunk));
            return Ok(());
        }
        // No row is to blame.
        Err(error) if error.kind == ErrorKind::Unavailable => return Err(error),
        Err(_) => {}
    }
    let part = |range: Range<usize>| work(&batch.slice(range.start, range.len()));
    let (done, refused) = isolate(batch.len(), part);
    done.iter().flat_map(|(_, rows)| rows.chunks()).for_each(|chunk| out.emit(main, chunk));
    if !refused.is_empty() {
        let refusal =
            |(row, error): (usize, Error)| Refusal::new(row, "sql_error", error.to_string());
        let refusals: Vec<Refusal> = refused.into_iter().map(refusal).collect();
        out.emit(errors, letters(refuser, batch, &refusals)?);
    }
    Ok(())
}

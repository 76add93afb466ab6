//! Finds the rows that make a whole batch fail.

use std::ops::Range;

/// Parts that succeeded, in order.
pub type Done<T> = Vec<(Range<usize>, T)>;
/// Rows that fail even alone, and why.
pub type Refused<E> = Vec<(usize, E)>;

/// Tries `work` on all `rows`, and where it fails on halves, down to single rows. What succeeded
/// is in order; with it the rows that fail even alone, and why.
pub fn isolate<T, E>(
    rows: usize,
    mut work: impl FnMut(Range<usize>) -> Result<T, E>,
) -> (Done<T>, Refused<E>) {
    let mut done = Vec::new();
    let mut refused = Vec::new();
    let whole = 0..rows;
    let mut waiting = vec![whole];
    while let Some(range) = waiting.pop() {
        match work(range.clone()) {
            Ok(result) => done.push((range, result)),
            Err(error) if range.len() == 1 => refused.push((range.start, error)),
            Err(_) => {
                let middle = range.start + range.len() / 2;
                waiting.push(middle..range.end);
                waiting.push(range.start..middle);
            }
        }
    }
    (done, refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_guilty_rows_are_refused() {
        for guilty in [vec![], vec![0], vec![99], vec![3, 4, 50], (0..100).collect()] {
            let work = |range: Range<usize>| match guilty.iter().find(|g| range.contains(g)) {
                Some(g) => Err(*g),
                None => Ok(range.len()),
            };
            let (done, refused) = isolate(100, work);
            let rows: usize = done.iter().map(|(_, n)| n).sum();
            assert_eq!(rows + guilty.len(), 100);
            assert_eq!(refused.iter().map(|(row, _)| *row).collect::<Vec<_>>(), guilty);
            assert!(done.windows(2).all(|pair| pair[0].0.end <= pair[1].0.start));
        }
    }
}

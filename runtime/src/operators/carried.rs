//! What rows take of memory that a plugin returns more than once: its output names a row with four
//! bytes, whatever the columns have that are carried over to it.

use arrow::array::{Array, ArrayRef, AsArray, UInt32Array};
use arrow::datatypes::DataType;

use crate::plan::{PluginPlan, PortColumn};
use crate::plugin::{CallFailure, PortRows};

/// Checks that the rows of all ports, with the columns that are carried over to them, are no larger
/// than the limit `output`. Rows that are returned once need no look: they are there already.
/// `columns` are the input's; `beyond` are bytes of any row number that the input does not have.
///
/// # Errors
/// If they are larger.
pub fn check_carried(
    plan: &PluginPlan,
    columns: &[ArrayRef],
    beyond: usize,
    ports: &[PortRows],
) -> Result<(), CallFailure> {
    let limit = plan.limits.output.0;
    let repeats = |rows: &UInt32Array| !rows.values().is_sorted_by(|a, b| a < b);
    let mut all = 0_u64;
    for returned in ports {
        let Some(rows) = returned.rows.as_ref().filter(|rows| repeats(rows)) else { continue };
        let mut sizes = vec![0; columns.first().map_or(0, |column| column.len())];
        for column in &plan.ports[returned.port].columns {
            if let PortColumn::Input(at) = column {
                add_sizes(&columns[*at], &mut sizes);
            }
        }
        let size = |row: &u32| sizes.get(*row as usize).copied().unwrap_or(beyond) as u64;
        all += rows.values().iter().map(size).sum::<u64>();
    }
    match all <= limit {
        true => Ok(()),
        false => Err(CallFailure::new(
            "output",
            format!(
                "returned rows more than once that have {all} bytes with the columns that are \
                 carried over to them, more than its {limit} bytes of output"
            ),
        )),
    }
}

/// Adds about how many bytes each row has in a column.
fn add_sizes(column: &ArrayRef, sizes: &mut [usize]) {
    let offsets: Vec<usize> = match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().offsets().iter().map(|o| *o as usize).collect(),
        DataType::Binary => {
            column.as_binary::<i32>().offsets().iter().map(|o| *o as usize).collect()
        }
        DataType::List(_) => {
            let list = column.as_list::<i32>();
            ends(list.values(), list.offsets())
        }
        DataType::Map(_, _) => {
            let map = column.as_map();
            let entries: ArrayRef = std::sync::Arc::new(map.entries().clone());
            ends(&entries, map.offsets())
        }
        DataType::Struct(_) => {
            return column.as_struct().columns().iter().for_each(|child| add_sizes(child, sizes));
        }
        // Of one width, or as large as any other as far as one can tell.
        _ => {
            let each = column.get_buffer_memory_size() / column.len().max(1);
            return sizes.iter_mut().for_each(|size| *size += each);
        }
    };
    for (size, pair) in sizes.iter_mut().zip(offsets.windows(2)) {
        *size += pair[1] - pair[0] + size_of::<i32>();
    }
}

/// Where the values of each list end, in bytes.
fn ends(values: &ArrayRef, offsets: &[i32]) -> Vec<usize> {
    let mut sizes = vec![0; values.len()];
    add_sizes(values, &mut sizes);
    let mut sums = Vec::with_capacity(sizes.len() + 1);
    sums.push(0);
    for size in sizes {
        sums.push(sums.last().copied().unwrap_or(0) + size);
    }
    offsets.iter().map(|offset| sums[*offset as usize]).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, ListArray, StringArray, StructArray};
    use arrow::datatypes::Int64Type;

    use super::*;

    /// Also in the midst of a larger batch, of which a slice begins at its own rows.
    #[test]
    fn the_size_of_a_row_is_its_own() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["", "four", "", "x"]));
        let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(vec![
            None,
            Some(vec![Some(1), Some(2)]),
            Some(vec![]),
            Some(vec![Some(3)]),
        ]));
        let sizes = |column: &ArrayRef| {
            let mut sizes = vec![0; column.len()];
            add_sizes(column, &mut sizes);
            sizes
        };
        assert_eq!(sizes(&texts), [4, 8, 4, 5]);
        assert_eq!(sizes(&texts.slice(1, 3)), [8, 4, 5]);
        assert_eq!(sizes(&texts.slice(1, 3)).len(), 3);
        let lists = sizes(&lists.slice(1, 3));
        assert!(lists[0] > lists[2] && lists[2] > lists[1], "{lists:?}");
        let both = StructArray::try_from(vec![
            ("a", texts.clone()),
            ("b", Arc::new(Int64Array::from(vec![1, 2, 3, 4])) as ArrayRef),
        ]);
        assert_eq!(sizes(&(Arc::new(both.unwrap()) as ArrayRef)), [12, 16, 12, 13]);
    }
}

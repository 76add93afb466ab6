//! What must hold of everything that passes the checks.

use std::collections::HashSet;

use arrow_array::{Array, ArrayRef};
use arrow_schema::Fields;
use millrace_columns::{FlatColumns, decode, encode, flatten, unflatten};
use millrace_output::{
    PortRows, check_changed, check_errors, check_ports, check_timers, is_code, states,
};

use crate::Case;

/// Gives a case to the checks as the host does.
///
/// # Panics
/// If they let something through that contradicts the contract.
pub fn check(case: Case) {
    let (rows, keys) = (case.rows as usize, case.keys as usize);
    let mut ports: Vec<Fields> = Vec::new();
    for flat in &case.ports {
        let Ok(fields) = unflatten(flat) else { return };
        assert_eq!(&flatten(&fields).expect("every type crosses"), flat);
        ports.push(fields);
    }
    let declared: Vec<&Fields> = ports.iter().collect();
    if let Ok(checked) = check_ports(case.outputs.into_iter(), &declared, rows, keys) {
        for port in &checked {
            port_holds(port, declared[port.port], rows, keys);
        }
        let numbers: HashSet<usize> = checked.iter().map(|port| port.port).collect();
        assert_eq!(numbers.len(), checked.len(), "a port twice");
        if let Ok(errors) = check_errors(case.errors.into_iter(), &checked, rows, keys) {
            let mut gone: HashSet<u32> = HashSet::new();
            for port in &checked {
                gone.extend(port.rows.iter().flat_map(|rows| rows.values()));
            }
            for error in errors {
                assert!((error.row as usize) < rows && is_code(&error.code));
                assert!(gone.insert(error.row), "a row is refused and sent on");
            }
        }
    }
    if check_changed(&case.changed, keys).is_ok() {
        let distinct: HashSet<&u32> = case.changed.iter().collect();
        assert_eq!(distinct.len(), case.changed.len());
        assert!(case.changed.iter().all(|key| (*key as usize) < keys));
    }
    if let Ok(states) = states(case.states, case.changed.len()) {
        assert_eq!(states.len(), case.changed.len());
        states.to_data().validate_full().expect("states are whole");
    }
    if check_timers(case.timers.iter().copied(), keys).is_ok() {
        let distinct: HashSet<&(u32, u32)> = case.timers.iter().collect();
        assert_eq!(distinct.len(), case.timers.len());
    }
}

fn port_holds(port: &PortRows, fields: &Fields, rows: usize, keys: usize) {
    let count = port.rows.as_ref().map_or(rows, Array::len);
    if let Some(selected) = &port.rows {
        assert_eq!(selected.null_count(), 0);
        assert!(selected.values().iter().all(|row| (*row as usize) < rows + keys));
    }
    assert_eq!(port.columns.len(), fields.len());
    for (column, field) in port.columns.iter().zip(fields) {
        assert_eq!(column.len(), count);
        assert_eq!(column.data_type(), field.data_type());
        assert!(field.is_nullable() || column.null_count() == 0);
        column.to_data().validate_full().expect("a column is whole");
    }
    again(&port.columns, fields, count);
}

/// What was checked crosses back and is the same.
fn again(columns: &[ArrayRef], fields: &Fields, count: usize) {
    let mut flat = FlatColumns::default();
    encode(columns, &mut flat).expect("every type crosses");
    let again = decode(fields, flat, count).expect("what the host encodes is in order");
    assert!(columns == again, "{columns:?}\n{again:?}");
}

//! The rows that a guest refused.

use crate::PortRows;

/// Codes are written into dead letters and metrics.
const CODE_BYTES_MAX: usize = 64;

/// A row that could not be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowError {
    pub row: u32,
    pub code: String,
    pub message: String,
    pub column: Option<String>,
}

/// Checks the refused rows beside those that are on `ports`: no row is refused twice, or refused and
/// sent on. Rows from number `rows` on stand for one of `keys` keys, which can't be refused.
///
/// # Errors
/// The first contradiction.
pub fn check_errors(
    errors: impl ExactSizeIterator<Item = RowError>,
    ports: &[PortRows],
    rows: usize,
    keys: usize,
) -> Result<Vec<RowError>, String> {
    if errors.len() == 0 {
        return Ok(Vec::new());
    }
    if errors.len() > rows {
        return Err(format!("{} row errors for {rows} rows", errors.len()));
    }
    if ports.iter().any(|port| port.rows.is_none()) {
        return Err("row errors beside a port that has all rows".to_owned());
    }
    let mut taken = vec![false; rows + keys];
    for port in ports {
        for row in port.rows.iter().flat_map(|rows| rows.values()) {
            taken[*row as usize] = true;
        }
    }
    let mut checked = Vec::with_capacity(errors.len());
    for error in errors {
        let Some(taken) = taken[..rows].get_mut(error.row as usize) else {
            return Err(format!("an error of row {} of {rows}", error.row));
        };
        if std::mem::replace(taken, true) {
            return Err(format!(
                "an error of row {}, which is on a port or an error too",
                error.row
            ));
        }
        if !is_code(&error.code) {
            return Err("an error code that is not 1 to 64 of a-z, 0-9 and _".to_owned());
        }
        checked.push(error);
    }
    Ok(checked)
}

/// Whether an error's code is 1 to 64 lower-case letters, digits and underscores.
pub fn is_code(code: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=CODE_BYTES_MAX).contains(&code.len()) && code.bytes().all(known)
}

//! Whatever a guest returns: nothing panics, and what passes the checks keeps the contract.

#![no_main]

use libfuzzer_sys::fuzz_target;
use millrace_fuzz::{Case, check};

fuzz_target!(|bytes: &[u8]| check(Case::read(bytes)));

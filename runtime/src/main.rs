//! Arguments to an exit code.

use std::process::ExitCode;

/// Arrow allocates large buffers by the batch and frees them in another order.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` of mimalloc.h, which the bindings do not name.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
/// Freed memory is given back to the system after so many milliseconds. At the default of 10 the
/// buffers of each batch are given back and cleared anew for the next: an eighth of the time.
const PURGE_DELAY_MS: std::ffi::c_long = 1000;

fn main() -> ExitCode {
    // SAFETY: setting an option has no precondition.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, PURGE_DELAY_MS) };
    millrace::cli::main()
}

//! Arguments to an exit code.

use std::process::ExitCode;

/// Arrow allocates large buffers by the batch and frees them in another order.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    millrace::cli::main()
}

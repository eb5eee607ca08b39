//! The `keyfault` program; everything is in the library.

use std::process::ExitCode;

/// Many small allocations in several threads are what this program does; mimalloc serves them markedly faster than glibc.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    keyfault::cli::main()
}

//! Hands the arguments to `cli` and turns its answer into an exit code.

fn main() -> std::process::ExitCode {
    podwall::cli::main(std::env::args_os().skip(1))
}

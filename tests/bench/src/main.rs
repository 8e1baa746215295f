//! See the library, which holds everything so that its unit tests run with all others.

fn main() -> std::process::ExitCode {
    cache_bench::main()
}

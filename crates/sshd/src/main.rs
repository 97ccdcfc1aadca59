//! The server.

fn main() -> std::process::ExitCode {
    nacre_sshd::main()
}

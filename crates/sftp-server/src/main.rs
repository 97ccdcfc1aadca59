//! The program `sftp-server`.

fn main() -> std::process::ExitCode {
    nacre_sftp_server::main(std::env::args_os())
}

//! Tells the linker what the release build of the program does not need.
//!
//! A program that aborts when it panics unwinds nothing, so the tables for it are a tenth of the file that nobody reads.
//! Functions that came out the same are kept once.

use std::env;
use std::path::Path;

fn main() {
    println!("cargo:rerun-if-changed=no-unwinding.ld");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    // Where Rust brings its own linker, so that it is known which one it is.
    let known_linker = is("CARGO_CFG_TARGET_ARCH", "x86_64")
        && is("CARGO_CFG_TARGET_OS", "linux")
        && is("CARGO_CFG_TARGET_ENV", "gnu");
    // Tests unwind. So does what `--profile interop` is made for, but not this program.
    if !known_linker || !is("PROFILE", "release") {
        return;
    }
    if let Some(root) = env::var_os("CARGO_MANIFEST_DIR") {
        let script = Path::new(&root).join("no-unwinding.ld");
        println!("cargo:rustc-link-arg-bins=-Wl,--icf=all,-O2,--no-eh-frame-hdr,-T,{}", script.display());
    }
}

//! Tells the linker what the release build of the program does not need.
//!
//! A program that aborts when it panics unwinds nothing, so the tables for it are a tenth of the file that nobody reads.
//! Functions that came out the same are kept once, and the addresses to be adjusted at the start are kept as bits.

use std::env;
use std::path::Path;
use std::process::Command;

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
    let native = env::var_os("HOST").is_some_and(|host| env::var_os("TARGET") == Some(host));
    if native && glibc().is_some_and(|version| version >= KNOWS_PACKED_RELOCATIONS) {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// The first glibc whose start-up code, which is linked into the program, applies packed relocations.
const KNOWS_PACKED_RELOCATIONS: (u32, u32) = (2, 36);

/// The version of this machine's glibc, which is the one that is linked when nothing is cross-compiled.
fn glibc() -> Option<(u32, u32)> {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = text.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

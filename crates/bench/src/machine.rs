//! Where the figures are from.

use std::fs;

/// One line for each fact: name and value.
#[must_use]
pub fn facts() -> Vec<(&'static str, String)> {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = cpuinfo.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(": ")).map_or("unknown", |(_, value)| value).to_owned()
    };
    let has = |flag: &str| cpuinfo.split_whitespace().any(|word| word == flag);
    let vectors = if has("avx512f") {
        "AVX-512"
    } else if has("avx2") {
        "AVX2"
    } else {
        "no AVX2"
    };
    let vaes = if has("vaes") { ", VAES" } else { "" };
    let model = format!(
        "{} (family {} model {}; {vectors}{vaes})",
        field("model name"),
        field("cpu family"),
        field("model\t")
    );
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    vec![
        ("cpu", model),
        ("cores", std::thread::available_parallelism().map_or(0, usize::from).to_string()),
        ("kernel", kernel.trim().to_owned()),
        ("rustc", std::env::var("BENCH_RUSTC").unwrap_or_else(|_| "unknown".to_owned())),
        (
            "command",
            std::env::var("BENCH_COMMAND")
                .unwrap_or_else(|_| "cargo run --release -p nacre-bench".to_owned()),
        ),
    ]
}

/// Bytes of memory of this process that are in RAM.
#[must_use]
pub fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|kib| kib.parse::<u64>().ok());
    kib.unwrap_or_default() * 1024
}

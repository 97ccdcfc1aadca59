//! `/etc/hosts`.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;

use super::limits::{MAX_ADDRESSES, MAX_FILE, MAX_LINE};
use super::literal;

/// The addresses of a name in the file at `path`, in its order; none when there is no such file.
pub(super) fn addresses(path: &Path, name: &str) -> Vec<SocketAddr> {
    let file = sys::fd::open_to_read(path).ok();
    let file = file.filter(|file| file.metadata().is_ok_and(|metadata| metadata.is_file()));
    file.map(|file| find(BufReader::new(file.take(MAX_FILE)), name)).unwrap_or_default()
}

/// As [`addresses`], of what is read. A line that is too long, or is not what it should be, says nothing.
pub(super) fn find(mut input: impl BufRead, name: &str) -> Vec<SocketAddr> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let mut found = Vec::new();
    let mut line = Vec::new();
    while found.len() < MAX_ADDRESSES {
        line.clear();
        match input.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
            Ok(1..) => {}
            Ok(0) | Err(_) => break,
        }
        if line.last() != Some(&b'\n') && line.len() as u64 == MAX_LINE {
            if input.skip_until(b'\n').is_err() {
                break;
            }
            continue;
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.split('#').next().unwrap_or_default();
        let mut words = text.split_ascii_whitespace();
        let Some(address) = words.next() else { continue };
        if words.any(|word| word.eq_ignore_ascii_case(name)) {
            found.extend(literal::address(address).filter(|address| !found.contains(address)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(file: &str, name: &str) -> Vec<String> {
        find(file.as_bytes(), name).iter().map(|address| address.ip().to_string()).collect()
    }

    #[test]
    fn a_name_has_all_the_addresses_of_its_lines_once() {
        let file = "127.0.0.1\tlocalhost runsc # vm\n::1 localhost ip6-localhost\n127.0.0.1 LOCALHOST\n192.0.2.1 a.example a";
        assert_eq!(found(file, "localhost"), ["127.0.0.1", "::1"]);
        assert_eq!(found(file, "A"), ["192.0.2.1"]);
        assert_eq!(found(file, "a.example."), ["192.0.2.1"]);
        assert_eq!(found(file, "vm"), [""; 0]);
        assert_eq!(found(file, "127.0.0.1"), [""; 0]);
    }

    #[test]
    fn lines_that_are_none_are_passed_over() {
        let file = format!(
            "{}\nnonsense a\n# 192.0.2.1 a\n\n  \n192.0.2.2\n{} a\n192.0.2.3 a",
            "\u{0}",
            "1".repeat(100_000)
        );
        assert_eq!(found(&file, "a"), ["192.0.2.3"]);
    }

    #[test]
    fn there_may_be_no_file_or_no_ordinary_one() {
        assert!(addresses(Path::new("/nonexistent/hosts"), "a").is_empty());
        assert!(addresses(Path::new("/dev/zero"), "a").is_empty());
    }
}

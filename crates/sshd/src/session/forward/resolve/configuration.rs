//! `/etc/resolv.conf`, for the resolver of our own.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use super::limits::{MAX_ATTEMPTS, MAX_DOTS, MAX_FILE, MAX_SEARCH, MAX_SERVERS, MAX_TIMEOUT};
use super::literal;

/// Whom to ask, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Configuration {
    /// Never empty.
    pub(super) servers: Vec<SocketAddr>,
    pub(super) search: Vec<String>,
    /// A name with fewer dots is looked for below `search` first.
    pub(super) dots: usize,
    /// How long one server is waited for.
    pub(super) timeout: Duration,
    /// How often each server is asked.
    pub(super) attempts: usize,
}

/// Where servers listen (RFC 1035 §4.2).
const PORT: u16 = 53;

impl Configuration {
    /// What the file at `path` says; the server of this host when there is no such file.
    pub(super) fn read(path: &Path) -> Self {
        let mut text = Vec::new();
        if let Ok(file) = sys::fd::open_to_read(path)
            && file.metadata().is_ok_and(|metadata| metadata.is_file())
        {
            // What was read before an error is still worth something.
            let _ = file.take(MAX_FILE).read_to_end(&mut text);
        }
        Self::parse(&String::from_utf8_lossy(&text))
    }

    /// What the lines say; what no line says is as in the C library.
    pub(super) fn parse(text: &str) -> Self {
        let mut read = Self {
            servers: Vec::new(),
            search: Vec::new(),
            dots: 1,
            timeout: Duration::from_secs(5),
            attempts: 2,
        };
        for line in text.lines().filter(|line| !line.starts_with(['#', ';'])) {
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("nameserver") if read.servers.len() < MAX_SERVERS => {
                    let address = words.next().and_then(literal::address);
                    read.servers.extend(address.map(|mut address| {
                        address.set_port(PORT);
                        address
                    }));
                }
                // The last one holds.
                Some("search" | "domain") => read.search = words.take(MAX_SEARCH).map(Into::into).collect(),
                Some("options") => words.for_each(|option| read.option(option)),
                _ => {}
            }
        }
        if read.servers.is_empty() {
            read.servers.push(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORT));
        }
        read
    }

    fn option(&mut self, option: &str) {
        let Some((name, number)) = option.split_once(':') else { return };
        let Ok(number) = number.parse::<u64>() else { return };
        let at_most = |most: usize| usize::try_from(number).unwrap_or(usize::MAX).min(most);
        match name {
            "ndots" => self.dots = at_most(MAX_DOTS),
            "timeout" => self.timeout = Duration::from_secs(number.clamp(1, MAX_TIMEOUT)),
            "attempts" => self.attempts = at_most(MAX_ATTEMPTS).max(1),
            _ => {}
        }
    }

    /// The names to ask for, in order, when somebody wrote `name`.
    pub(super) fn candidates(&self, name: &str) -> Vec<String> {
        if let Some(whole) = name.strip_suffix('.') {
            return vec![whole.to_owned()];
        }
        let mut names: Vec<String> = self.search.iter().map(|domain| format!("{name}.{domain}")).collect();
        let dots = name.bytes().filter(|byte| *byte == b'.').count();
        let place = if dots >= self.dots { 0 } else { names.len() };
        names.insert(place, name.to_owned());
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_says_whom_to_ask_and_how() {
        let text = "# nameserver 192.0.2.9\ndomain old.example\nnameserver 192.0.2.1\nnameserver fe80::1%3\n\
                    search a.example b.example\noptions ndots:2 timeout:3 attempts:1 edns0 ndots:x\nnameserver nobody\n\
                    nameserver 192.0.2.2\nnameserver 192.0.2.3";
        let read = Configuration::parse(text);
        let servers: Vec<String> = read.servers.iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["192.0.2.1:53", "[fe80::1%3]:53", "192.0.2.2:53"]);
        assert_eq!((read.dots, read.timeout.as_secs(), read.attempts), (2, 3, 1));
        assert_eq!(read.candidates("x.y"), ["x.y.a.example", "x.y.b.example", "x.y"]);
        assert_eq!(read.candidates("x.y.z"), ["x.y.z", "x.y.z.a.example", "x.y.z.b.example"]);
        assert_eq!(read.candidates("x."), ["x"]);
    }

    #[test]
    fn without_a_file_the_server_of_this_host_is_asked() {
        let read = Configuration::read(Path::new("/nonexistent/resolv.conf"));
        assert_eq!(read.servers, ["127.0.0.1:53".parse().unwrap()]);
        assert_eq!((read.dots, read.timeout.as_secs(), read.attempts), (1, 5, 2));
        assert_eq!(read.candidates("host"), ["host"]);
    }

    #[test]
    fn options_are_bounded() {
        let read = Configuration::parse("options ndots:99 timeout:9999 attempts:99\noptions timeout:0");
        assert_eq!((read.dots, read.timeout.as_secs(), read.attempts), (15, 1, 5));
        assert_eq!(Configuration::parse("options attempts:0").attempts, 1);
    }
}

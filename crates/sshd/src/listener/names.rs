//! The addresses that names stand for.
//!
//! The C library's resolver is not asked: in a program that is linked statically it would load parts of whatever C library is
//! installed. So we read the file of names ourselves, and leave everything else to the program that is there for it.

use std::io::{self, Read};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::path::Path;
use std::process::{Command, Stdio};

/// Where the names of this machine and its neighbours stand.
const HOSTS: &str = "/etc/hosts";

/// What asks every source of names that is configured.
const RESOLVER: &str = "/usr/bin/getent";

/// Bytes that are read of a file of names, or of an answer.
const MOST: u64 = 1024 * 1024;

/// Addresses of one name that are used.
const MAX_ADDRESSES: usize = 64;

/// The socket addresses that a name, or an address with the interface it belongs to, stands for; none when nobody knows it.
pub(super) fn look_up(name: &str, port: u16) -> Vec<SocketAddr> {
    if let Some(address) = of_interface(name, port) {
        return vec![address];
    }
    let hosts = read_some(std::fs::File::open(HOSTS));
    let mut found = in_hosts(&hosts, name);
    if found.is_empty() {
        found = asked(name);
    }
    found.into_iter().take(MAX_ADDRESSES).map(|address| SocketAddr::new(address, port)).collect()
}

/// `fe80::1%eth0`, or with the interface's number (RFC 4007 §11).
fn of_interface(text: &str, port: u16) -> Option<SocketAddr> {
    let (address, interface) = text.split_once('%')?;
    let address: Ipv6Addr = address.parse().ok()?;
    let number = match interface.parse() {
        Ok(number) => number,
        Err(_) if interface.contains('/') => return None,
        Err(_) => {
            let path = Path::new("/sys/class/net").join(interface).join("ifindex");
            std::fs::read_to_string(path).ok()?.trim().parse().ok()?
        }
    };
    Some(SocketAddrV6::new(address, port, 0, number).into())
}

/// The addresses of the lines that have this name, in whatever case, in their order.
fn in_hosts(hosts: &str, name: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for line in hosts.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let Some(Ok(address)) = words.next().map(str::parse) else { continue };
        if words.any(|word| word.eq_ignore_ascii_case(name)) && !found.contains(&address) {
            found.push(address);
        }
    }
    found
}

/// What the resolver's program answers.
fn asked(name: &str) -> Vec<IpAddr> {
    if name.starts_with('-') {
        return Vec::new();
    }
    let mut command = Command::new(RESOLVER);
    command.args(["ahosts", name]).env_clear().current_dir("/");
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let Ok(mut child) = child else { return Vec::new() };
    let answer = child.stdout.take().map(|output| read_some(Ok(output))).unwrap_or_default();
    // Its output is at its end, or longer than any answer, in which case it ends when it writes on.
    let _ = child.wait();
    in_answer(&answer)
}

/// The first words of the lines: each address has a line for every kind of socket.
fn in_answer(answer: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for word in answer.lines().filter_map(|line| line.split_whitespace().next()) {
        if let Ok(address) = word.parse()
            && !found.contains(&address)
        {
            found.push(address);
        }
    }
    found
}

/// The text, as far as it is read; empty when it cannot be.
fn read_some(source: io::Result<impl Read>) -> String {
    let mut bytes = Vec::new();
    // What was read before an error is as good as without it.
    let _ = source.and_then(|source| source.take(MOST).read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(addresses: &[IpAddr]) -> Vec<String> {
        addresses.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_file_of_names_has_an_address_and_its_names_on_a_line() {
        let hosts = "# 192.0.2.9 gate\n192.0.2.1\tgate Gate.example # 192.0.2.8 door\n\nnone gate\n\
                     2001:db8::1 other GATE\n192.0.2.1 gate\n192.0.2.2 door";
        assert_eq!(shown(&in_hosts(hosts, "gate")), ["192.0.2.1", "2001:db8::1"]);
        assert_eq!(shown(&in_hosts(hosts, "gate.EXAMPLE")), ["192.0.2.1"]);
        assert_eq!(shown(&in_hosts(hosts, "door")), ["192.0.2.2"]);
        assert!(in_hosts(hosts, "gat").is_empty() && in_hosts(hosts, "192.0.2.1").is_empty());
    }

    #[test]
    fn an_answer_has_an_address_on_every_line_often_the_same() {
        let answer =
            "2001:db8::1     STREAM gate\n2001:db8::1     DGRAM\n2001:db8::1     RAW\n192.0.2.1 STREAM\n";
        assert_eq!(shown(&in_answer(answer)), ["2001:db8::1", "192.0.2.1"]);
        assert!(in_answer("").is_empty());
    }

    #[test]
    fn an_address_may_belong_to_an_interface() {
        let of = |text| of_interface(text, 22).map(|address| address.to_string());
        assert_eq!(of("fe80::1%7"), Some("[fe80::1%7]:22".into()));
        let own = std::fs::read_to_string("/sys/class/net/lo/ifindex").unwrap();
        assert_eq!(of("fe80::1%lo"), Some(format!("[fe80::1%{}]:22", own.trim())));
        for none in ["fe80::1", "fe80::1%none", "fe80::1%../net/lo", "192.0.2.1%lo"] {
            assert_eq!(of(none), None, "{none}");
        }
    }

    #[test]
    fn what_is_in_no_file_is_asked_for() {
        // A name that stands for an address without anybody being asked over the network.
        let expected =
            if Path::new(RESOLVER).exists() { vec!["127.0.0.1:22".to_owned()] } else { Vec::new() };
        assert_eq!(look_up("127.1", 22).iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_name_that_looks_like_an_option_is_no_option() {
        assert!(look_up("--help", 22).is_empty());
    }
}

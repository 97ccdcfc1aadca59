//! Addresses that are written as addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// The address that `host` is, with port 0: IPv4 in all the forms that `inet_aton` knows (`127.1`, `0x7f000001`, `2130706433`), IPv6
/// with or without a scope (`fe80::1%eth0`, `fe80::1%2`). `None` for a name.
pub(super) fn address(host: &str) -> Option<SocketAddr> {
    if let Some(address) = v4(host) {
        return Some(SocketAddr::new(IpAddr::V4(address), 0));
    }
    let (address, scope) =
        host.split_once('%').map_or((host, None), |(address, scope)| (address, Some(scope)));
    let address: Ipv6Addr = address.parse().ok()?;
    let scope = match scope {
        None => 0,
        Some(scope) => scope.parse().ok().or_else(|| sys::socket::interface(scope))?,
    };
    Some(SocketAddr::V6(SocketAddrV6::new(address, 0, 0, scope)))
}

/// One to four numbers; the last one fills what the others leave.
fn v4(host: &str) -> Option<Ipv4Addr> {
    let numbers: Vec<u32> = host.splitn(5, '.').map(number).collect::<Option<_>>()?;
    let (last, bytes) = numbers.split_last()?;
    let shift = match bytes.len() {
        0 => 0,
        1 => 8,
        2 => 16,
        3 => 24,
        _ => return None,
    };
    let mut address: u32 = 0;
    for (byte, place) in bytes.iter().zip([24, 16, 8]) {
        address |= u32::from(u8::try_from(*byte).ok()?) << place;
    }
    (*last <= u32::MAX >> shift).then(|| Ipv4Addr::from(address | last))
}

/// A number as in C: hexadecimal after `0x`, octal after `0`, else decimal.
fn number(text: &str) -> Option<u32> {
    let hexadecimal = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let (digits, radix) = match (hexadecimal, text.strip_prefix('0')) {
        (Some(digits), _) => (digits, 16),
        (None, Some(digits)) if !digits.is_empty() => (digits, 8),
        (None, _) => (text, 10),
    };
    // A sign would be taken too.
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, radix).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_every_form_are_read() {
        let cases = [
            ("127.0.0.1", "127.0.0.1:0"),
            ("127.1", "127.0.0.1:0"),
            ("1.2.3", "1.2.0.3:0"),
            ("2130706433", "127.0.0.1:0"),
            ("0x7f.1", "127.0.0.1:0"),
            ("0177.0.0.010", "127.0.0.8:0"),
            ("0", "0.0.0.0:0"),
            ("255.255.255.255", "255.255.255.255:0"),
            ("::1", "[::1]:0"),
            ("fe80::1%7", "[fe80::1%7]:0"),
            ("fe80::1%lo", "[fe80::1%1]:0"),
            ("::ffff:192.0.2.1", "[::ffff:192.0.2.1]:0"),
        ];
        for (text, expected) in cases {
            assert_eq!(address(text).map(|address| address.to_string()).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn everything_else_is_a_name() {
        let names = [
            "",
            ".",
            "1.",
            ".1",
            "1.2.3.4.5",
            "256.1.1.1",
            "1.256.1",
            "1.1.65536",
            "4294967296",
            "0x",
            "0xg",
            "08",
            "+1",
            "1.+2",
            "-1",
            "a",
            "localhost",
            "::1%",
            "::1%nosuchinterface",
            "::g",
            "[::1]",
            "1 ",
            "dead.beef",
        ];
        for name in names {
            assert_eq!(address(name), None, "{name:?}");
        }
    }
}

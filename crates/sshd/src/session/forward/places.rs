//! Whether the permit has a place among its places.

use text::pattern::{Case, matches};
use text::place::Place;

/// Whether connections may go to `host`, as the client wrote it, and `port`: literally that stands in each list.
pub(super) fn may_connect(lists: &[Vec<Place>], host: &str, port: u16) -> bool {
    each(lists, |place| is_port(place, port) && is_host(place, host))
}

/// Whether connections may go to a Unix socket: where there are lists, only by what allows everything, or the path with every port, as
/// in OpenSSH.
pub(super) fn may_connect_local(lists: &[Vec<Place>], path: &[u8]) -> bool {
    let path = std::str::from_utf8(path);
    each(lists, |place| {
        place.port.is_none() && (place.host.is_none() || path.is_ok_and(|path| is_host(place, path)))
    })
}

/// Whether may be listened at `host`, as the client wrote it, and `port`: hosts are patterns here, and letters are the same in both
/// cases.
pub(super) fn may_listen(lists: &[Vec<Place>], host: &str, port: u16) -> bool {
    each(lists, |place| {
        is_port(place, port)
            && place.host.as_deref().is_none_or(|pattern| matches(pattern, host, Case::Ignored))
    })
}

fn each(lists: &[Vec<Place>], allows: impl Fn(&Place) -> bool) -> bool {
    lists.iter().all(|places| places.iter().any(&allows))
}

fn is_port(place: &Place, port: u16) -> bool {
    place.port.is_none_or(|allowed| allowed == port)
}

fn is_host(place: &Place, host: &str) -> bool {
    place.host.as_deref().is_none_or(|allowed| allowed == host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(host: Option<&str>, port: Option<u16>) -> Place {
        Place { host: host.map(Into::into), port }
    }

    #[test]
    fn a_connection_goes_where_host_and_port_stand_literally_in_every_list() {
        let lists = [
            vec![place(Some("Host.Name"), None), place(Some("::1"), Some(81)), place(Some("*.ex"), None)],
            vec![place(None, Some(81)), place(Some("Host.Name"), Some(22))],
        ];
        let allowed = |host, port| may_connect(&lists, host, port);
        assert!(allowed("::1", 81) && allowed("Host.Name", 22) && allowed("Host.Name", 81));
        assert!(
            !allowed("host.name", 22)
                && !allowed("::1", 22)
                && !allowed("a.ex", 81)
                && !allowed("Host.Name", 1)
        );
        assert!(may_connect(&[], "anywhere", 1));
        assert!(!may_connect(&[vec![]], "anywhere", 1));
    }

    #[test]
    fn a_list_of_ports_allows_no_unix_socket() {
        assert!(may_connect_local(&[], b"/socket"));
        assert!(!may_connect_local(&[vec![]], b"/socket"));
        assert!(!may_connect_local(&[vec![place(None, Some(22)), place(Some("/other"), None)]], b"/socket"));
        assert!(may_connect_local(
            &[vec![place(None, None)], vec![place(Some("/socket"), None)]],
            b"/socket"
        ));
        assert!(may_connect_local(&[vec![place(None, None)]], b"/\xff"));
    }

    #[test]
    fn where_one_listens_hosts_are_patterns_of_either_case() {
        let lists =
            [vec![place(Some("localhost"), Some(1111)), place(None, Some(8888)), place(Some("*.ex"), None)]];
        let allowed = |host, port| may_listen(&lists, host, port);
        assert!(allowed("LocalHost", 1111) && allowed("", 8888) && allowed("A.EX", 1) && allowed("a.ex", 0));
        assert!(!allowed("127.0.0.1", 1111) && !allowed("localhost", 0) && !allowed("ex", 1));
    }
}

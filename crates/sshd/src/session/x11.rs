//! A display of the client's, as programs of a session see it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;

use sys::process::host_name;
use sys::socket;
use zeroize::Zeroizing;

use super::limits::{DISPLAYS, MAX_COOKIE, X11_BACKLOG};
use crate::permit::Displays;
use crate::protocol::session::X11;

/// The TCP port of display 0.
const BASE_PORT: u32 = 6000;

/// What programs are told of it.
#[derive(Debug)]
pub(super) struct Display {
    /// For `DISPLAY`.
    pub(super) variable: String,
    /// Its name for `xauth`.
    entry: String,
    protocol: String,
    cookie: Zeroizing<String>,
}

impl Display {
    /// Finds a display that nobody uses: that, and the sockets that listen for it.
    ///
    /// # Errors
    /// OpenSSH's words for why there is none.
    pub(super) fn open(displays: &Displays, asked: &X11<'_>) -> Result<(Self, Vec<OwnedFd>), &'static str> {
        let [protocol, cookie] = [asked.protocol, asked.cookie]
            .map(|text| harmless(text.as_bytes()).ok_or("Invalid X11 forwarding data"));
        let (protocol, cookie) = (protocol?.to_owned(), Zeroizing::new(cookie?.to_owned()));
        let (number, sockets) =
            listen(displays.offset, displays.localhost).ok_or("x11_create_display_inet failed.")?;
        let host = if displays.localhost {
            "localhost".to_owned()
        } else {
            let name = host_name().map_err(|_| "gethostname failed")?;
            name.into_string().map_err(|_| "gethostname failed")?
        };
        let screen = asked.screen;
        let variable = format!("{host}:{number}.{screen}");
        let entry = if displays.localhost { format!("unix:{number}.{screen}") } else { variable.clone() };
        Ok((Self { variable, entry, protocol, cookie }, sockets))
    }

    /// What `xauth` is told: to forget what it knew of this display, and the cookie.
    pub(super) fn commands(&self) -> Zeroizing<String> {
        let Self { entry, protocol, cookie, .. } = self;
        Zeroizing::new(format!("remove {entry}\nadd {entry} {protocol} {}\n", cookie.as_str()))
    }

    /// What the user's own file is told, whose work `xauth` is then.
    pub(super) fn line(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{} {}\n", self.protocol, self.cookie.as_str()))
    }
}

/// A word that is one word for `xauth` and for a shell, and nothing else.
pub(super) fn harmless(word: &[u8]) -> Option<&str> {
    let good = |byte: &u8| byte.is_ascii_alphanumeric() || b".:/-_".contains(byte);
    let word = std::str::from_utf8(word).ok()?;
    (word.len() <= MAX_COOKIE && word.as_bytes().iter().all(good)).then_some(word)
}

/// The first display from `offset` on whose port is free in every family of addresses that this machine has.
fn listen(offset: u32, localhost: bool) -> Option<(u32, Vec<OwnedFd>)> {
    let addresses: [IpAddr; 2] = if localhost {
        [Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()]
    } else {
        [Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()]
    };
    for number in offset..offset.checked_add(DISPLAYS)? {
        let port = u16::try_from(BASE_PORT.checked_add(number)?).ok()?;
        let sockets = addresses.map(|address| socket::listen(SocketAddr::new(address, port), X11_BACKLOG));
        let is_taken = |made: &io::Result<OwnedFd>| {
            made.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
        };
        if sockets.iter().any(is_taken) {
            continue;
        }
        // A machine may be without one of the families.
        let sockets: Vec<OwnedFd> = sockets.into_iter().flatten().collect();
        return (!sockets.is_empty()).then_some((number, sockets));
    }
    None
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use wire::NulFree;

    use super::*;

    fn asked<'a>(protocol: &'a str, cookie: &'a str) -> X11<'a> {
        let [protocol, cookie] = [protocol, cookie].map(|text| NulFree::new(text.as_bytes()).unwrap());
        X11 { session: 0, single: false, protocol, cookie, screen: 3 }
    }

    fn displays(offset: u32, localhost: bool) -> Displays {
        Displays { offset, localhost, xauth: "/usr/bin/xauth".into() }
    }

    fn number(display: &Display) -> u32 {
        let (_, number) = display.variable.split_once(':').unwrap();
        number.split_once('.').unwrap().0.parse().unwrap()
    }

    #[test]
    fn a_display_can_be_connected_to_and_is_named_for_programs_and_for_xauth() {
        let (display, sockets) =
            Display::open(&displays(2_000, true), &asked("MIT-MAGIC-COOKIE-1", "00ff")).unwrap();
        let number = number(&display);
        assert!(number >= 2_000 && !sockets.is_empty());
        assert_eq!(display.variable, format!("localhost:{number}.3"));
        let entry = format!("unix:{number}.3");
        assert_eq!(*display.commands(), format!("remove {entry}\nadd {entry} MIT-MAGIC-COOKIE-1 00ff\n"));
        assert_eq!(*display.line(), "MIT-MAGIC-COOKIE-1 00ff\n");
        TcpStream::connect(("127.0.0.1", u16::try_from(6000 + number).unwrap())).unwrap();
    }

    #[test]
    fn a_display_that_is_taken_is_passed_over() {
        let (first, _sockets) = Display::open(&displays(3_000, true), &asked("A", "0")).unwrap();
        let (second, _others) = Display::open(&displays(number(&first), true), &asked("A", "0")).unwrap();
        assert!(number(&second) > number(&first));
    }

    #[test]
    fn a_display_for_everybody_has_the_name_of_the_machine_for_xauth_too() {
        let (display, _sockets) = Display::open(&displays(4_000, false), &asked("A", "0")).unwrap();
        let name = host_name().unwrap().into_string().unwrap();
        assert_eq!(display.variable, format!("{name}:{}.3", number(&display)));
        assert!(display.commands().starts_with(&format!("remove {}\n", display.variable)));
    }

    #[test]
    fn what_xauth_could_take_for_something_else_is_refused() {
        let long = "0".repeat(MAX_COOKIE + 1);
        for (protocol, cookie) in
            [("A", "0\nexit"), ("A B", "0"), ("A", "`id`"), ("A", "\u{e4}"), ("A", &long)]
        {
            let refused = Display::open(&displays(5_000, true), &asked(protocol, cookie));
            assert_eq!(refused.unwrap_err(), "Invalid X11 forwarding data", "{protocol} {cookie}");
        }
    }

    #[test]
    fn numbers_whose_ports_there_are_not_lead_nowhere() {
        for offset in [60_000, u32::MAX] {
            let refused = Display::open(&displays(offset, true), &asked("A", "0"));
            assert_eq!(refused.unwrap_err(), "x11_create_display_inet failed.");
        }
    }
}

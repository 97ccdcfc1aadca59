//! How a connection's end is put in the log: in OpenSSH's words, which other programs look for.

use std::io::ErrorKind;

use proto::{Error, Wait};
use reactor::Ended;
use transport::{Agreed, Closed, Misbehaviour, Protection, Reason};
use userauth::Refusal;
use wire::{Escaped, Human};

use crate::log::Level;

/// Whom the lines are about.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) address: String,
    pub(super) port: u32,
    /// The user's name, once it was said, escaped.
    pub(super) user: Option<String>,
    /// There is no such user, or not for us.
    pub(super) invalid: bool,
    pub(super) logged_in: bool,
    /// The peer has identified itself.
    pub(super) identified: bool,
}

impl Subject {
    fn place(&self) -> String {
        format!("{} port {}", self.address, self.port)
    }

    /// Place and user, as lines before the login have them, and those about ends that somebody wanted.
    fn who(&self) -> String {
        match &self.user {
            Some(user) if self.logged_in => format!("user {user} {}", self.place()),
            Some(user) if self.invalid => format!("invalid user {user} {}", self.place()),
            Some(user) => format!("authenticating user {user} {}", self.place()),
            None => self.place(),
        }
    }

    /// As [`who`](Self::who), but the user is not told once they are in.
    fn stranger(&self) -> String {
        if self.logged_in { self.place() } else { self.who() }
    }

    /// The peer's DISCONNECT.
    pub(super) fn disconnect(&self, reason: Reason, description: Human<'_>) -> (Level, String) {
        let level = if reason == Reason::BY_APPLICATION { Level::Info } else { Level::Error };
        (level, format!("Received disconnect from {}:{}: {description}", self.place(), reason.0))
    }

    /// We end it, since nothing goes through it.
    pub(super) fn unused(&self) -> (Level, String) {
        (Level::Info, format!("terminating inactive connection from {}", self.who()))
    }

    /// Why it ended, in one line or two. Nothing, when we wanted it and have said why.
    pub(super) fn end(&self, ended: &Ended) -> Vec<(Level, String)> {
        let unheard = "kex_exchange_identification: Connection closed by remote host";
        let mut lines = match ended {
            Ended::PeerClosed if !self.identified => vec![(Level::Error, unheard.to_owned())],
            Ended::PeerClosed | Ended::Failed(_) | Ended::Over(_) | Ended::Stopped => Vec::new(),
        };
        lines.extend(match ended {
            Ended::PeerClosed => vec![(Level::Info, format!("Connection closed by {}", self.stranger()))],
            Ended::Failed(error) => match error.kind() {
                ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
                    vec![(Level::Info, format!("Connection reset by {}", self.stranger()))]
                }
                _ => vec![(Level::Info, format!("Read error from remote host {}: {error}", self.place()))],
            },
            Ended::Over(error) => self.over(error),
            Ended::Stopped => Vec::new(),
        });
        if self.logged_in && !matches!(ended, Ended::Stopped) {
            lines.push((Level::Verbose, format!("Closing connection to {}", self.place())));
        }
        lines
    }

    fn over(&self, error: &Error) -> Vec<(Level, String)> {
        use transport::Error as Transport;
        match error {
            Error::Transport(Transport::Closed(Closed::Peer(_))) => {
                vec![(Level::Info, format!("Disconnected from {}", self.who()))]
            }
            Error::Transport(Transport::NoCommon(none)) => {
                vec![(Level::Info, format!("Unable to negotiate with {}: {none}", self.who()))]
            }
            Error::Transport(Transport::Misbehaved(Misbehaviour::IdentNotSsh { line })) => vec![
                (
                    Level::Error,
                    format!(
                        "kex_exchange_identification: client sent invalid protocol identifier \"{}\"",
                        Escaped(line)
                    ),
                ),
                (Level::Info, format!("banner exchange: Connection from {}: invalid format", self.place())),
            ],
            Error::TimedOut(Wait::Alive) => {
                vec![(Level::Info, format!("Timeout, client not responding from {}", self.who()))]
            }
            Error::UserAuth(userauth::Error::Refused(Refusal::TooManyTries)) => {
                let user = self.user.as_deref().unwrap_or_default();
                let user = if self.invalid { format!("invalid user {user}") } else { user.to_owned() };
                let tries = "maximum authentication attempts exceeded for";
                vec![
                    (Level::Error, format!("{tries} {user} from {} ssh2", self.place())),
                    (Level::Info, format!("Disconnecting {}: Too many authentication failures", self.who())),
                ]
            }
            Error::UserAuth(userauth::Error::Misbehaved(userauth::Misbehaviour::UserChanged)) => {
                let why = "Change of username or service not allowed";
                vec![(Level::Info, format!("Disconnecting {}: {why}", self.who()))]
            }
            error => {
                let line = format!("ssh_dispatch_run_fatal: Connection from {}: {error}", self.who());
                vec![(Level::Fatal, line)]
            }
        }
    }
}

/// What both sides have agreed on.
pub(super) fn agreed(agreed: &Agreed) -> [String; 4] {
    let direction = |name: &str, protection: &Protection| {
        let Protection { cipher, mac, compression } = protection;
        let mac = mac.map_or("<implicit>", |mac| mac.name);
        format!("kex: {name} cipher: {} MAC: {mac} compression: {}", cipher.name, compression.name)
    };
    [
        format!("kex: algorithm: {}", agreed.kex.name),
        format!("kex: host key algorithm: {}", agreed.host_key.name),
        direction("client->server", &agreed.protection.client_to_server),
        direction("server->client", &agreed.protection.server_to_client),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(user: Option<&str>, logged_in: bool) -> Subject {
        let user = user.map(str::to_owned);
        let address = "192.0.2.1".into();
        Subject { address, port: 5, user, invalid: false, logged_in, identified: true }
    }

    fn text(subject: &Subject, ended: &Ended) -> Vec<String> {
        subject.end(ended).into_iter().map(|(_, line)| line).collect()
    }

    #[test]
    fn a_peer_that_closes_is_named_as_far_as_it_said_who_it_is() {
        let closed = Ended::PeerClosed;
        let lines = |user, logged_in| text(&subject(user, logged_in), &closed);
        assert_eq!(lines(None, false), ["Connection closed by 192.0.2.1 port 5"]);
        assert_eq!(lines(Some("a"), false), ["Connection closed by authenticating user a 192.0.2.1 port 5"]);
        let stranger = Subject { invalid: true, ..subject(Some("a"), false) };
        assert_eq!(text(&stranger, &closed), ["Connection closed by invalid user a 192.0.2.1 port 5"]);
        let inside = ["Connection closed by 192.0.2.1 port 5", "Closing connection to 192.0.2.1 port 5"];
        assert_eq!(lines(Some("a"), true), inside);
    }

    #[test]
    fn the_end_by_disconnect_tells_the_user_and_the_peers_words() {
        let reason = Reason::BY_APPLICATION;
        let inside = subject(Some("alice"), true);
        let (level, line) = inside.disconnect(reason, Human(b"disconnected by user"));
        assert_eq!(
            (level, line.as_str()),
            (Level::Info, "Received disconnect from 192.0.2.1 port 5:11: disconnected by user")
        );
        let ended = Ended::Over(Error::Transport(transport::Error::Closed(Closed::Peer(reason))));
        assert_eq!(text(&inside, &ended)[0], "Disconnected from user alice 192.0.2.1 port 5");
    }

    #[test]
    fn an_end_that_we_want_is_told_once() {
        let inside = subject(Some("alice"), true);
        let line = "terminating inactive connection from user alice 192.0.2.1 port 5";
        assert_eq!(inside.unused(), (Level::Info, line.to_owned()));
        assert!(inside.end(&Ended::Stopped).is_empty());
    }

    #[test]
    fn a_line_that_is_no_identification_is_shown() {
        let line = b"GET / HTTP/1.0".to_vec();
        let error = transport::Error::Misbehaved(Misbehaviour::IdentNotSsh { line });
        let lines = text(&subject(None, false), &Ended::Over(Error::Transport(error)));
        assert_eq!(
            lines,
            [
                "kex_exchange_identification: client sent invalid protocol identifier \"GET / HTTP/1.0\"",
                "banner exchange: Connection from 192.0.2.1 port 5: invalid format"
            ]
        );
    }
}

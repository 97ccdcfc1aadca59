//! What a user who is in may do.

use text::place::Place;
use wire::{Decode, Encode, Reader, Sink, WireError, put_string};

use crate::protocol::{join, split};

/// What a user may do: what configuration, key and account all allow. Nothing by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Permit {
    /// Sessions open at once.
    pub(crate) sessions: u32,
    /// Terminals.
    pub(crate) pty: bool,
    /// What runs whatever the client asks for: of the configuration, or else of the key.
    pub(crate) forced: Option<Forced>,
    /// Patterns of variables that the client may set.
    pub(crate) accept_env: Vec<String>,
    /// Variables of every session, which come before the client's.
    pub(crate) set_env: Vec<(String, String)>,
    /// Variables of the key's line, as far as `PermitUserEnvironment` lets them be set.
    pub(crate) key_env: Vec<(String, String)>,
    /// Patterns of variables that `~/.ssh/environment` may set, which `!` negates; without any it is not read.
    pub(crate) user_env: Vec<String>,
    /// `~/.ssh/rc` is run.
    pub(crate) user_rc: bool,
    /// Subsystems by name, and their commands.
    pub(crate) subsystems: Vec<(String, String)>,
    /// Forwarding of TCP connections.
    pub(crate) tcp: Directions,
    /// Forwarding of Unix sockets.
    pub(crate) streamlocal: Directions,
    /// Where TCP connections may go: to a place in each of these lists. Without a list, anywhere.
    pub(crate) open: Vec<Vec<Place>>,
    /// Where may be listened: at a place in each of these lists. Without a list, anywhere.
    pub(crate) listen: Vec<Vec<Place>>,
    /// Who may reach forwarded ports.
    pub(crate) gateway_ports: GatewayPorts,
    /// Permission bits that forwarded Unix sockets do not get.
    pub(crate) streamlocal_mask: u32,
    /// A forwarded Unix socket takes the place of a file that is there.
    pub(crate) streamlocal_unlink: bool,
    /// Forwarding of the agent.
    pub(crate) agent: bool,
    /// Forwarding of displays.
    pub(crate) x11: Option<Displays>,
}

/// Which way forwarded connections may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Directions {
    /// From the client to where we connect.
    pub(crate) local: bool,
    /// From where we listen to the client.
    pub(crate) remote: bool,
}

/// `GatewayPorts`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum GatewayPorts {
    /// Forwarded ports can be reached from this host only.
    #[default]
    No,
    /// From everywhere.
    Yes,
    /// As the client says.
    ClientSpecified,
}

/// How displays are forwarded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Displays {
    /// The first number: `X11DisplayOffset`.
    pub(crate) offset: u32,
    /// They can be reached from this host only: `X11UseLocalhost`.
    pub(crate) localhost: bool,
    /// `XAuthLocation`; nothing for none.
    pub(crate) xauth: String,
}

/// A command that runs whatever the client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Forced {
    /// The line for the user's shell.
    pub(crate) command: Vec<u8>,
    /// Whether the key says so, and not the configuration.
    pub(crate) by_key: bool,
}

impl Encode for Permit {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        self.sessions.encode(out);
        for allowed in [
            self.pty,
            self.forced.is_some(),
            self.forced.as_ref().is_some_and(|forced| forced.by_key),
            self.user_rc,
            self.tcp.local,
            self.tcp.remote,
            self.streamlocal.local,
            self.streamlocal.remote,
            self.streamlocal_unlink,
            self.agent,
            self.x11.is_some(),
        ] {
            allowed.encode(out);
        }
        put_string(out, self.forced.as_ref().map(|forced| forced.command.as_slice()).unwrap_or_default());
        for list in [&self.accept_env, &self.user_env] {
            put_string(out, &join(list.iter().map(|pattern| pattern.as_bytes())));
        }
        for pairs in [&self.set_env, &self.key_env, &self.subsystems] {
            let words = pairs.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]);
            put_string(out, &join(words));
        }
        for lists in [&self.open, &self.listen] {
            let lists: Vec<Vec<u8>> = lists.iter().map(|places| encoded(places)).collect();
            put_string(out, &join(lists.iter().map(Vec::as_slice)));
        }
        let gateway: u32 = match self.gateway_ports {
            GatewayPorts::No => 0,
            GatewayPorts::Yes => 1,
            GatewayPorts::ClientSpecified => 2,
        };
        gateway.encode(out);
        self.streamlocal_mask.encode(out);
        self.x11.as_ref().map_or(0, |x11| x11.offset).encode(out);
        self.x11.as_ref().is_some_and(|x11| x11.localhost).encode(out);
        put_string(out, self.x11.as_ref().map(|x11| x11.xauth.as_bytes()).unwrap_or_default());
    }
}

impl Decode<'_> for Permit {
    fn decode(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let sessions = input.u32()?;
        let mut flags = [false; 11];
        for flag in &mut flags {
            *flag = bool::decode(input)?;
        }
        let [pty, is_forced, by_key, user_rc, rest @ ..] = flags;
        let [tcp_local, tcp_remote, local_local, local_remote, streamlocal_unlink, agent, is_x11] = rest;
        let forced = Forced { by_key, command: input.string()?.to_vec() };
        let [accept_env, user_env] = [texts(input)?, texts(input)?];
        let [set_env, key_env, subsystems] = [texts(input)?, texts(input)?, texts(input)?].map(pairs);
        let [open, listen] = [lists(input)?, lists(input)?];
        let gateway_ports = match input.u32()? {
            1 => GatewayPorts::Yes,
            2 => GatewayPorts::ClientSpecified,
            _ => GatewayPorts::No,
        };
        let streamlocal_mask = input.u32()?;
        let (offset, localhost) = (input.u32()?, bool::decode(input)?);
        let x11 = Displays { offset, localhost, xauth: text(input.string()?) };
        Ok(Self {
            sessions,
            pty,
            forced: is_forced.then_some(forced),
            accept_env,
            set_env,
            key_env,
            user_env,
            user_rc,
            subsystems,
            tcp: Directions { local: tcp_local, remote: tcp_remote },
            streamlocal: Directions { local: local_local, remote: local_remote },
            open,
            listen,
            gateway_ports,
            streamlocal_mask,
            streamlocal_unlink,
            agent,
            x11: is_x11.then_some(x11),
        })
    }
}

/// How many places, and of each a flag and host, a flag and port.
fn encoded(places: &[Place]) -> Vec<u8> {
    let mut out = Vec::new();
    u32::try_from(places.len()).unwrap_or(u32::MAX).encode(&mut out);
    for place in places {
        place.host.is_some().encode(&mut out);
        put_string(&mut out, place.host.as_deref().unwrap_or_default().as_bytes());
        place.port.is_some().encode(&mut out);
        u32::from(place.port.unwrap_or_default()).encode(&mut out);
    }
    out
}

fn lists(input: &mut Reader<'_>) -> Result<Vec<Vec<Place>>, WireError> {
    split(input.string()?)?.into_iter().map(places).collect()
}

fn places(list: &[u8]) -> Result<Vec<Place>, WireError> {
    let (mut input, mut places) = (Reader::new(list), Vec::new());
    for _ in 0..input.u32()? {
        let (has_host, host) = (bool::decode(&mut input)?, text(input.string()?).into());
        let (has_port, port) = (bool::decode(&mut input)?, input.u32()?);
        let port = u16::try_from(port).unwrap_or_default();
        places.push(Place { host: has_host.then_some(host), port: has_port.then_some(port) });
    }
    Ok(places)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn texts(input: &mut Reader<'_>) -> Result<Vec<String>, WireError> {
    Ok(split(input.string()?)?.into_iter().map(text).collect())
}

fn pairs(words: Vec<String>) -> Vec<(String, String)> {
    let mut words = words.into_iter();
    std::iter::from_fn(|| Some((words.next()?, words.next()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permit_is_the_same_at_the_other_end() {
        let place = |host: Option<&str>, port| Place { host: host.map(Into::into), port };
        let permit = Permit {
            sessions: 10,
            pty: true,
            forced: Some(Forced { command: Vec::new(), by_key: true }),
            accept_env: vec!["LC_*".into(), "LANG".into()],
            set_env: vec![("A".into(), "1 2".into()), ("B".into(), String::new())],
            key_env: vec![("K".into(), "key".into())],
            user_env: vec!["*".into()],
            user_rc: true,
            subsystems: vec![("sftp".into(), "/usr/lib/sftp-server -e".into())],
            tcp: Directions { local: true, remote: false },
            streamlocal: Directions { local: false, remote: true },
            open: vec![vec![place(Some("::1"), Some(22)), place(None, None)], Vec::new()],
            listen: vec![vec![place(None, Some(8080))]],
            gateway_ports: GatewayPorts::ClientSpecified,
            streamlocal_mask: 0o177,
            streamlocal_unlink: true,
            agent: true,
            x11: Some(Displays { offset: 10, localhost: true, xauth: "/usr/bin/xauth".into() }),
        };
        for permit in [permit, Permit::default()] {
            let mut wire = Vec::new();
            permit.encode(&mut wire);
            assert_eq!(wire::decode_all::<Permit>(&wire).unwrap(), permit);
        }
    }

    #[test]
    fn nothing_is_permitted_by_default() {
        let permit = Permit::default();
        assert!(
            !permit.pty
                && permit.sessions == 0
                && permit.subsystems.is_empty()
                && permit.accept_env.is_empty()
                && permit.user_env.is_empty()
                && permit.tcp == permit.streamlocal
                && !(permit.tcp.local || permit.tcp.remote || permit.agent || permit.user_rc)
                && permit.x11.is_none()
        );
    }
}

//! The one [`Permit`] of a user: what the configuration, the key's line and its certificate all allow.

use std::fmt;

use config::Effective;
use config::value::{self, Forwarding, Places};
use keyfiles::authorized_keys::Options;
use keys::CertificateOptions;
use text::place::Place;

use crate::permit::{Directions, Displays, Forced, GatewayPorts, Permit};

/// What the way in permits: the line of a key, a certificate, both, or a method that has neither.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) command: Option<Vec<u8>>,
    /// A signature of a security key must say that its user was there.
    pub(super) touch_required: bool,
    /// It must say that it knew its user.
    pub(super) verify_required: bool,
    pty: bool,
    port_forwarding: bool,
    agent_forwarding: bool,
    x11_forwarding: bool,
    user_rc: bool,
    environment: Vec<(String, String)>,
    open: Vec<Vec<Place>>,
    listen: Vec<Vec<Place>>,
    /// What the client is told of it when it is in.
    pub(super) remarks: Vec<String>,
}

/// As OpenSSH names it in its log: each word behind a blank.
impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [
            (self.agent_forwarding, "agent-forwarding"),
            (self.command.is_some(), "command"),
            (!self.environment.is_empty(), "environment"),
            (!self.touch_required, "no-touch-required"),
            (!self.listen.is_empty(), "permitlisten"),
            (!self.open.is_empty(), "permitopen"),
            (self.port_forwarding, "port-forwarding"),
            (self.pty, "pty"),
            (self.verify_required, "uv"),
            (self.user_rc, "user-rc"),
            (self.x11_forwarding, "x11-forwarding"),
        ];
        words.iter().filter(|(has, _)| *has).try_for_each(|(_, word)| write!(f, " {word}"))
    }
}

/// Two grants say that different commands run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OtherCommand;

impl Grant {
    /// What a key without options permits, or a password.
    pub(super) fn everything() -> Self {
        Self::of(Options::default())
    }

    /// What the options of a line permit. Whether it may be used at all is not asked here. No tunnel is forwarded, so there is
    /// nothing that a device could limit.
    pub(super) fn of(options: Options<'_>) -> Self {
        let Options {
            command,
            pty,
            port_forwarding,
            agent_forwarding,
            x11_forwarding,
            user_rc,
            from: _,
            expires: _,
            environment,
            open,
            listen,
            cert_authority: _,
            principals: _,
            touch_required,
            verify_required,
            tunnel: _,
        } = options;
        let list = |places: Vec<Place>| if places.is_empty() { Vec::new() } else { vec![places] };
        Self {
            command: command.map(|command| command.into_owned()),
            touch_required,
            verify_required,
            pty,
            port_forwarding,
            agent_forwarding,
            x11_forwarding,
            user_rc,
            environment,
            open: list(open),
            listen: list(listen),
            remarks: Vec::new(),
        }
    }

    /// What a certificate permits, which is nothing that it does not say. Where the client may be is not asked here.
    pub(super) fn of_certificate(options: &CertificateOptions<'_>) -> Self {
        let CertificateOptions {
            force_command,
            source_address: _,
            verify_required,
            no_touch_required,
            permit_x11_forwarding,
            permit_agent_forwarding,
            permit_port_forwarding,
            permit_pty,
            permit_user_rc,
            unknown_extensions: _,
        } = options;
        Self {
            command: force_command.map(|command| command.as_bytes().to_vec()),
            touch_required: !no_touch_required,
            verify_required: *verify_required,
            pty: *permit_pty,
            port_forwarding: *permit_port_forwarding,
            agent_forwarding: *permit_agent_forwarding,
            x11_forwarding: *permit_x11_forwarding,
            user_rc: *permit_user_rc,
            environment: Vec::new(),
            open: Vec::new(),
            listen: Vec::new(),
            remarks: Vec::new(),
        }
    }

    /// Remarks what it permits, by the name of where it stands.
    pub(super) fn remarked(mut self, place: &str) -> Self {
        self.remarks.push(format!("{place}: key options:{self}"));
        let variables =
            self.environment.iter().map(|(name, value)| format!("{place}: environment: {name}={value}"));
        self.remarks.extend(variables);
        self
    }

    /// What both permit. Where both say what runs it has to be the same.
    pub(super) fn and(self, other: Self) -> Result<Self, OtherCommand> {
        let command = match (self.command, other.command) {
            (Some(one), Some(other)) if one != other => return Err(OtherCommand),
            (one, other) => one.or(other),
        };
        Ok(Self {
            command,
            touch_required: self.touch_required || other.touch_required,
            verify_required: self.verify_required || other.verify_required,
            pty: self.pty && other.pty,
            port_forwarding: self.port_forwarding && other.port_forwarding,
            agent_forwarding: self.agent_forwarding && other.agent_forwarding,
            x11_forwarding: self.x11_forwarding && other.x11_forwarding,
            user_rc: self.user_rc && other.user_rc,
            environment: [self.environment, other.environment].concat(),
            open: [self.open, other.open].concat(),
            listen: [self.listen, other.listen].concat(),
            remarks: [self.remarks, other.remarks].concat(),
        })
    }
}

/// What both allow. As in OpenSSH, `DisableForwarding` goes before every permission to forward; and what keeps TCP connections from
/// being forwarded in one direction, be it the key or `AllowTcpForwarding`, keeps Unix sockets from it too (what lists of places say of
/// them is the session's to see, which knows the path); and where the configuration says what runs, the user's own script does not, or
/// it could do anything else first.
pub(super) fn permit(effective: &Effective, grant: &Grant) -> Permit {
    let configured =
        effective.force_command.as_ref().map(|line| Forced { command: line.clone().into(), by_key: false });
    let of_key = grant.command.clone().map(|command| Forced { command, by_key: true });
    let subsystems = effective.subsystem.0.iter();
    let forwarding = !effective.disable_forwarding;
    let ports = forwarding && grant.port_forwarding;
    let tcp = directions(ports, effective.allow_tcp_forwarding);
    let unix = directions(ports, effective.allow_stream_local_forwarding);
    let streamlocal = Directions { local: unix.local && tcp.local, remote: unix.remote && tcp.remote };
    let may_be_set = &effective.permit_user_environment;
    Permit {
        sessions: effective.max_sessions,
        pty: effective.permit_tty && grant.pty,
        forced: configured.or(of_key),
        accept_env: effective.accept_env.0.clone(),
        set_env: effective.set_env.0.clone(),
        key_env: grant.environment.iter().filter(|(name, _)| may_be_set.permits(name)).cloned().collect(),
        user_env: may_be_set.patterns().into_iter().map(str::to_owned).collect(),
        user_rc: effective.permit_user_rc && grant.user_rc && effective.force_command.is_none(),
        subsystems: subsystems.map(|subsystem| (subsystem.name.clone(), subsystem.command.clone())).collect(),
        tcp,
        streamlocal,
        open: lists(&effective.permit_open, &grant.open),
        listen: lists(&effective.permit_listen, &grant.listen),
        gateway_ports: match effective.gateway_ports {
            value::GatewayPorts::No => GatewayPorts::No,
            value::GatewayPorts::Yes => GatewayPorts::Yes,
            value::GatewayPorts::ClientSpecified => GatewayPorts::ClientSpecified,
        },
        streamlocal_mask: effective.stream_local_bind_mask.0,
        streamlocal_unlink: effective.stream_local_bind_unlink,
        agent: forwarding && effective.allow_agent_forwarding && grant.agent_forwarding,
        x11: (forwarding && effective.x11_forwarding && grant.x11_forwarding).then(|| displays(effective)),
    }
}

fn directions(allowed: bool, forwarding: Forwarding) -> Directions {
    let (local, remote) = match forwarding {
        Forwarding::Yes => (true, true),
        Forwarding::No => (false, false),
        Forwarding::Local => (true, false),
        Forwarding::Remote => (false, true),
    };
    Directions { local: allowed && local, remote: allowed && remote }
}

/// All lists apply. Those of a key which says nothing are none; that of the configuration may be one without a place.
fn lists(configured: &Places, of_key: &[Vec<Place>]) -> Vec<Vec<Place>> {
    let configured = match configured {
        Places::Any => None,
        Places::Only(places) => Some(places.clone()),
    };
    configured.into_iter().chain(of_key.iter().cloned()).collect()
}

fn displays(effective: &Effective) -> Displays {
    let xauth = effective.x_auth_location.as_deref().map(|path| path.to_string_lossy().into_owned());
    Displays {
        offset: effective.x11_display_offset,
        localhost: effective.x11_use_localhost,
        xauth: xauth.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests;

//! The one [`Permit`] of a user: what both the configuration and the key allow.

use config::Effective;
use config::value::{self, Forwarding, Places};
use keyfiles::authorized_keys::Options;

use text::place::Place;

use crate::permit::{Directions, Displays, Forced, GatewayPorts, Permit};

/// What the way in permits: the line of a key, or a method that has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) command: Option<Vec<u8>>,
    pty: bool,
    port_forwarding: bool,
    agent_forwarding: bool,
    x11_forwarding: bool,
    user_rc: bool,
    environment: Vec<(String, String)>,
    open: Vec<Place>,
    listen: Vec<Place>,
}

impl Grant {
    /// What a key without options permits, or a password.
    pub(super) fn everything() -> Self {
        Self::of(Options::default())
    }

    /// What the options of a key permit. Whether the key may be used at all is not asked here.
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
        } = options;
        Self {
            command: command.map(|command| command.into_owned()),
            pty,
            port_forwarding,
            agent_forwarding,
            x11_forwarding,
            user_rc,
            environment,
            open,
            listen,
        }
    }
}

/// What both allow. As in OpenSSH, `DisableForwarding` goes before every permission to forward; and what keeps TCP connections from
/// being forwarded in one direction, be it the key or `AllowTcpForwarding`, keeps Unix sockets from it too (what lists of places say of
/// them is the session's to see, which knows the path); and where the configuration says what runs, the user's own script does not, or it could do anything else first.
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

/// Both lists apply. That of a key which says nothing is none; that of the configuration may be one without a place.
fn lists(configured: &Places, of_key: &[Place]) -> Vec<Vec<Place>> {
    let configured = match configured {
        Places::Any => None,
        Places::Only(places) => Some(places.clone()),
    };
    configured.into_iter().chain((!of_key.is_empty()).then(|| of_key.to_vec())).collect()
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

use std::sync::Arc;
use std::time::Duration;

use wire::Role;

use crate::alive::AlivePolicy;
use crate::limits::{ANSWER_WITHIN, LOGIN_GRACE};
use crate::side::Side;

/// What a connection is to be.
#[derive(Clone, Debug)]
pub struct Config<S: Side> {
    /// Identification, algorithms, host keys, rekeying, limits of the transport; shared by all connections of a
    /// server. Its role is set by the side, and what a server announces to users
    /// ([`server_sig_algs`](transport::Config::server_sig_algs)) by what `auth` accepts of them.
    pub transport: Arc<transport::Config>,
    /// How this side logs in, or lets in.
    pub auth: S::Auth,
    /// Numbers and sizes of channels.
    pub channels: connection::Config,
    /// How long the whole login may take, from the start. A server that leaves this out waits for ever; a client, whose
    /// user may have to look for a password, does so unless it is told otherwise.
    pub login_grace: Option<Duration>,
    /// How long a question about a login or a channel may go without an answer; then it is "no". Questions of the key
    /// exchange have the deadline of the exchange. By default only servers are in a hurry.
    pub answer_within: Option<Duration>,
    /// Whether the peer is asked for signs of life once the user is in.
    pub alive: Option<AlivePolicy>,
}

impl<S: Side> Config<S> {
    /// The defaults: two minutes for the login and for every answer on a server, no such limits on a client, and no
    /// questions about life.
    #[must_use]
    pub fn new(transport: impl Into<Arc<transport::Config>>, auth: S::Auth) -> Self {
        let server = S::ROLE == Role::Server;
        Self {
            transport: transport.into(),
            auth,
            channels: connection::Config::default(),
            login_grace: server.then_some(LOGIN_GRACE),
            answer_within: server.then_some(ANSWER_WITHIN),
            alive: None,
        }
    }
}

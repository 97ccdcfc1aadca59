//! One user's attempts to log in, judged by what the monitor knows itself.

use std::time::{SystemTime, UNIX_EPOCH};

use config::Effective;
use config::value::PermitRootLogin;
use keys::{Fingerprint, PublicKey, SignatureAlg};
use sys::ids::{Credentials, Uid};
use sys::users::User;
use userauth::{SessionInfo, SignedRequest, signed_data};
use wire::{Human, Name, NameList};
use zeroize::Zeroizing;

use crate::log::{Level, level_number};
use crate::peer::Peer;
use crate::permit::Permit;
use crate::protocol::encode;
use crate::protocol::monitor::{KeyOffer, KeyProof, Password, UserPolicy};
use crate::server::Server;

use super::account::{Account, Bar, Directory, shown};
use super::authorized_keys::{KeyFiles, Listed, Reported, Use};
use super::banner;
use super::permit::{Grant, permit};
use super::violation::Violation;

/// A user who is in. Only what verifies a signature or compares a password makes one, and only from it a session is started.
#[derive(Debug)]
pub(super) struct Authenticated {
    pub(super) user: User,
    /// As whom the session runs; `None` for as whom we do.
    pub(super) credentials: Option<Credentials>,
    pub(super) permit: Permit,
    /// What of the configuration holds for the user.
    pub(super) effective: Effective,
    _proven: Proven,
}

/// Made in this file only.
#[derive(Debug)]
struct Proven(());

/// The name of a method, as clients and logs have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    PublicKey,
    Password,
}

impl Method {
    fn name(self) -> &'static str {
        match self {
            Self::PublicKey => "publickey",
            Self::Password => "password",
        }
    }
}

/// The attempts of the one user whom a connection names.
pub(super) struct Login {
    /// As the client said it, with the style behind the colon: what signatures cover.
    name: String,
    /// As logs have it.
    user: String,
    peer: Peer,
    /// `ADDRESS port PORT`.
    from: String,
    /// The dummy for those who are kept out.
    account: Account,
    kept_out: bool,
    effective: Effective,
    offered: Vec<Method>,
    failures: u32,
    reported: Reported,
    banner: Vec<u8>,
}

impl Login {
    /// Looks the user up, and logs who will not be let in.
    pub(super) fn begin(server: &Server, directory: &Directory<'_>, peer: &Peer, name: &str) -> Self {
        let login_name = name.split_once(':').map_or(name, |(login_name, _style)| login_name);
        let user = shown(login_name);
        let from = format!("{} port {}", peer.client_text(), peer.client_port());
        let (account, bar) = match directory.find(login_name) {
            Ok(account) => (account, None),
            Err(bar) => (directory.dummy(), Some(bar)),
        };
        match &bar {
            None => {}
            Some(Bar::Unknown) => server.log.info(format_args!("Invalid user {user} from {from}")),
            Some(Bar::Expired) => server.log.info(format_args!("Account {user} has expired")),
            Some(bar @ Bar::Unreadable(_)) => server.log.error(bar),
            Some(bar) => server.log.info(format_args!("User {user} not allowed because {bar}")),
        }
        let connection = config::ConnInfo {
            user: Some(login_name.to_owned()),
            groups: bar.is_none().then(|| account.groups.clone()),
            invalid_user: matches!(bar, Some(Bar::Unknown)),
            ..connection(peer)
        };
        let effective = server.config.effective(&connection);
        let mut offered = Vec::new();
        if effective.pubkey_authentication {
            offered.push(Method::PublicKey);
        }
        if server.quick.as_ref().is_some_and(|quick| quick.has_password()) {
            offered.push(Method::Password);
        }
        let nologin = directory.nologin().filter(|_| bar.is_some() || account.user.uid != Uid::ROOT);
        let banner = banner::text(effective.banner.as_deref(), nologin.as_deref(), &server.log);
        let kept_out = bar.is_some();
        let (name, reported) = (name.to_owned(), Reported::default());
        Self {
            name,
            user,
            peer: *peer,
            from,
            account,
            kept_out,
            effective,
            offered,
            failures: 0,
            reported,
            banner,
        }
    }

    /// The user's name for titles; `None` for those who are kept out.
    pub(super) fn title(&self) -> Option<&str> {
        (!self.kept_out).then_some(&self.user)
    }

    /// How much is logged of this user.
    pub(super) fn log_level(&self) -> Level {
        self.effective.log_level
    }

    /// What net is told.
    pub(super) fn policy(&self) -> Zeroizing<Vec<u8>> {
        let methods: Vec<&str> = self.offered.iter().map(|method| method.name()).collect();
        let (methods, algorithms) =
            (methods.join(","), self.effective.pubkey_accepted_algorithms.0.join(","));
        encode(&UserPolicy {
            methods: NameList::new(&methods).unwrap_or_default(),
            max_tries: self.effective.max_auth_tries,
            algorithms: NameList::new(&algorithms).unwrap_or_default(),
            banner: Human(&self.banner),
            invalid: self.title().is_none(),
            log_level: level_number(self.log_level()),
        })
    }

    /// Whether a signature by this key would be looked at.
    pub(super) fn offer(&mut self, server: &Server, offer: &KeyOffer<'_>) -> Result<bool, Violation> {
        if !self.attempt(Method::PublicKey)? {
            return Ok(false);
        }
        let listed =
            self.accepted(offer.algorithm, offer.key.0).and_then(|(_, key)| self.listed(server, &key));
        let good = listed.is_some() && !self.kept_out;
        if good {
            let (user, from) = (&self.user, &self.from);
            server.log.verbose(format_args!("Postponed publickey for {user} from {from} ssh2 [preauth]"));
        } else {
            self.failed(server, Method::PublicKey, &named(offer.key.0));
        }
        Ok(good)
    }

    /// Whether this signature lets the user in. What was signed is put together here, from what the monitor knows itself.
    pub(super) fn prove(
        &mut self,
        server: &Server,
        directory: &Directory<'_>,
        session: &SessionInfo,
        proof: &KeyProof<'_>,
    ) -> Result<Option<Authenticated>, Violation> {
        if !self.attempt(Method::PublicKey)? {
            return Ok(None);
        }
        let verified = self.accepted(proof.algorithm, proof.key.0).and_then(|(algorithm, _)| {
            let request = SignedRequest {
                user: &self.name,
                algorithm: algorithm.name,
                key: proof.key.0,
                host_key: proof.host_bound.then(|| session.host_key()),
            };
            let data = signed_data(session.id(), &request);
            let verified = keys::verify(algorithm, proof.key.0, &data, proof.signature.0);
            verified.inspect_err(|error| server.log.debug(format_args!("userauth_pubkey: {error}"))).ok()
        });
        // Of the key that signed, whichever was offered before.
        let listed = verified.and_then(|verified| self.listed(server, verified.key()));
        let listed = listed.filter(|_| !self.kept_out);
        let listed =
            listed.filter(|listed| self.root_may(server, Method::PublicKey, listed.grant.command.is_some()));
        let key = named(proof.key.0);
        let Some(listed) = listed else {
            self.failed(server, Method::PublicKey, &key);
            return Ok(None);
        };
        Ok(Some(self.succeeded(server, directory, Method::PublicKey, &key, &listed.grant)))
    }

    /// Whether this is the password.
    pub(super) fn password(
        &mut self,
        server: &Server,
        directory: &Directory<'_>,
        password: &Password<'_>,
    ) -> Result<Option<Authenticated>, Violation> {
        if !self.attempt(Method::Password)? {
            return Ok(None);
        }
        let right = server.quick.as_ref().is_some_and(|quick| quick.is_password(password.password.0));
        if !right || self.kept_out || !self.root_may(server, Method::Password, false) {
            self.failed(server, Method::Password, "");
            return Ok(None);
        }
        Ok(Some(self.succeeded(server, directory, Method::Password, "", &Grant::everything())))
    }

    /// One more attempt, while there are any, which net sees to as well. Says whether the method was offered; net asks once without
    /// knowing.
    fn attempt(&mut self, method: Method) -> Result<bool, Violation> {
        if self.failures > 0 && self.failures >= self.effective.max_auth_tries {
            return Err(Violation::TooManyTries);
        }
        let offered = self.offered.contains(&method);
        if !offered {
            self.failures = self.failures.saturating_add(1);
        }
        Ok(offered)
    }

    /// An algorithm that users may sign with, and the key that it fits.
    fn accepted(&self, algorithm: Name<'_>, key: &[u8]) -> Option<(&'static SignatureAlg, PublicKey)> {
        let row = SignatureAlg::by_name(algorithm.as_str())?;
        let key = PublicKey::parse(key).ok()?;
        let accepted = self.effective.pubkey_accepted_algorithms.0.contains(&row.name);
        (accepted && row.key_type == key.key_type()).then_some((row, key))
    }

    /// Where the key is listed for the account.
    fn listed(&mut self, server: &Server, key: &PublicKey) -> Option<Listed> {
        if !self.kept_out && server.quick.as_ref().is_some_and(|quick| quick.keys().contains(key)) {
            return Some(Listed { grant: Grant::everything(), place: String::new() });
        }
        let files = KeyFiles {
            patterns: &self.effective.authorized_keys_file.0,
            account: &self.account,
            strict: self.effective.strict_modes && server.quick.is_none(),
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        let used = Use { peer: &self.peer, now, told: !self.kept_out };
        let listed = files.find(key, used, &mut self.reported, &server.log);
        if let Some(Listed { place, .. }) = listed.as_ref().filter(|_| !self.kept_out) {
            let key = named(&key.blob());
            server.log.verbose(format_args!("Accepted key {key} found at {place}"));
        }
        listed
    }

    /// `PermitRootLogin`. Who asked for `--quick` asked to be let in.
    fn root_may(&self, server: &Server, method: Method, forced_by_key: bool) -> bool {
        if self.account.user.uid != Uid::ROOT || server.quick.is_some() {
            return true;
        }
        let may = match self.effective.permit_root_login {
            PermitRootLogin::Yes => true,
            PermitRootLogin::ProhibitPassword => method != Method::Password,
            PermitRootLogin::ForcedCommandsOnly => forced_by_key,
            PermitRootLogin::No => false,
        };
        if !may {
            server.log.info(format_args!("ROOT LOGIN REFUSED FROM {}", self.from));
        } else if self.effective.permit_root_login == PermitRootLogin::ForcedCommandsOnly {
            server.log.info("Root login accepted for forced command.");
        }
        may
    }

    /// Counts and logs. Keys of those who are kept out are not worth a line: who they are was logged.
    fn failed(&mut self, server: &Server, method: Method, key: &str) {
        let often = self.failures >= self.effective.max_auth_tries / 2;
        let level = match method {
            Method::PublicKey if self.kept_out => Level::Debug1,
            Method::PublicKey if !often => Level::Verbose,
            Method::PublicKey | Method::Password => Level::Info,
        };
        let invalid = if self.kept_out { "invalid user " } else { "" };
        self.log_verdict(server, level, "Failed", method, invalid, key);
        self.failures = self.failures.saturating_add(1);
    }

    fn log_verdict(
        &self,
        server: &Server,
        level: Level,
        verdict: &str,
        method: Method,
        invalid: &str,
        key: &str,
    ) {
        let (method, user, from) = (method.name(), &self.user, &self.from);
        let separator = if key.is_empty() { "" } else { ": " };
        let line = format_args!("{verdict} {method} for {invalid}{user} from {from} ssh2{separator}{key}");
        server.log.log(level, line);
    }

    fn succeeded(
        &self,
        server: &Server,
        directory: &Directory<'_>,
        method: Method,
        key: &str,
        grant: &Grant,
    ) -> Authenticated {
        self.log_verdict(server, Level::Info, "Accepted", method, "", key);
        let as_user = directory.own == Uid::ROOT && server.quick.is_none();
        Authenticated {
            user: self.account.user.clone(),
            credentials: as_user.then(|| self.account.credentials.clone()),
            permit: permit(&self.effective, grant),
            effective: self.effective.clone(),
            _proven: Proven(()),
        }
    }
}

/// What is known of a connection before its user is.
pub(super) fn connection(peer: &Peer) -> config::ConnInfo {
    config::ConnInfo {
        // Names of hosts are not looked up.
        host: peer.client().map(|address| address.to_string()),
        address: peer.client(),
        local_address: peer.local(),
        local_port: peer.local().map(|_| peer.local_port()),
        ..config::ConnInfo::default()
    }
}

/// A key as logs have it: its type and its fingerprint.
fn named(blob: &[u8]) -> String {
    let key_type = match PublicKey::parse(blob) {
        Ok(PublicKey::Ed25519(_)) => "ED25519",
        Err(_) => "unknown",
    };
    format!("{key_type} {}", Fingerprint::of_blob(blob))
}

//! One user's attempts to log in, judged by what the monitor knows itself.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use config::Effective;
use config::value::PermitRootLogin;
use keys::{Assertion, Fingerprint, Identity, PublicKey, SignatureAlg};
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
use super::authorized_keys::{KeyFiles, Reported};
use super::banner;
use super::certificates::{self, Authorities, Candidate, Shown};
use super::command::{Asking, LoginProgram};
use super::conditions::Use;
use super::limits::REMARKS_MAX;
use super::permit::{Grant, permit};
use super::principals::Principals;
use super::revoked;
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
    /// What the client is told of it: lines.
    pub(super) remarks: String,
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
    /// Keys that were asked about and refused.
    refused_keys: u32,
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
            groups: match &bar {
                None => Some(account.groups.clone()),
                Some(Bar::Unknown) => None,
                Some(_) => directory.groups(login_name),
            },
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
            refused_keys: 0,
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
            key_questions: self.effective.pubkey_auth_options.questions.unwrap_or(0).into(),
            algorithms: NameList::new(&algorithms).unwrap_or_default(),
            banner: Human(&self.banner),
            invalid: self.title().is_none(),
            log_level: level_number(self.log_level()),
        })
    }

    /// Whether a signature by this key would be looked at.
    pub(super) fn offer(
        &mut self,
        server: &Server,
        directory: &Directory<'_>,
        offer: &KeyOffer<'_>,
    ) -> Result<bool, Violation> {
        self.may_go_on()?;
        if !self.offered.contains(&Method::PublicKey) {
            self.refused_question();
            return Ok(false);
        }
        let grant = self
            .accepted(offer.algorithm, offer.key.0)
            .and_then(|(_, identity)| self.granted(server, directory, &identity));
        let good = grant.is_some() && !self.kept_out;
        if good {
            let (user, from) = (&self.user, &self.from);
            server.log.verbose(format_args!("Postponed publickey for {user} from {from} ssh2 [preauth]"));
        } else {
            self.log_failure(server, Method::PublicKey, &named(offer.key.0));
            self.refused_question();
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
        let grant = verified.and_then(|verified| {
            let grant = self.granted(server, directory, verified.identity())?;
            self.asserted(server, verified.identity(), verified.assertion(), &grant).then_some(grant)
        });
        let grant = grant.filter(|_| !self.kept_out);
        let grant = grant.filter(|grant| self.root_may(server, Method::PublicKey, grant.command.is_some()));
        let key = named(proof.key.0);
        let Some(grant) = grant else {
            self.failed(server, Method::PublicKey, &key);
            return Ok(None);
        };
        Ok(Some(self.succeeded(server, directory, Method::PublicKey, &key, &grant)))
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
        self.may_go_on()?;
        let offered = self.offered.contains(&method);
        if !offered {
            self.failures = self.failures.saturating_add(1);
        }
        Ok(offered)
    }

    fn may_go_on(&self) -> Result<(), Violation> {
        let over = self.failures > 0 && self.failures >= self.effective.max_auth_tries;
        if over { Err(Violation::TooManyTries) } else { Ok(()) }
    }

    /// Counts a key that was asked about and refused, which is an attempt only behind so many others.
    fn refused_question(&mut self) {
        self.refused_keys = self.refused_keys.saturating_add(1);
        if self.refused_keys > self.effective.pubkey_auth_options.questions.unwrap_or(0).into() {
            self.failures = self.failures.saturating_add(1);
        }
    }

    /// An algorithm that users may sign with, and the key or certificate that it fits.
    fn accepted(&self, algorithm: Name<'_>, key: &[u8]) -> Option<(&'static SignatureAlg, Identity)> {
        let row = SignatureAlg::by_name(algorithm.as_str())?;
        let identity = Identity::parse(key).ok()?;
        let accepted = self.effective.pubkey_accepted_algorithms.0.contains(&row.name);
        (accepted && row.key_type == identity.key_type()).then_some((row, identity))
    }

    /// What the account lets do who shows this: asked before a signature as after it.
    fn granted(&mut self, server: &Server, directory: &Directory<'_>, identity: &Identity) -> Option<Grant> {
        let (told, log) = (!self.kept_out, &server.log);
        let shown = self.worth_looking_up(server, identity)?;
        if revoked::is_revoked(&self.effective.revoked_keys.0, identity, told, log) {
            return None;
        }
        let quick = server.quick.as_ref().filter(|_| told);
        if let (Shown::Key(key), Some(quick)) = (shown, quick)
            && quick.keys().contains(key)
        {
            return Some(Grant::everything());
        }
        let strict = self.effective.strict_modes && server.quick.is_none();
        let account = &self.account;
        let files = KeyFiles { patterns: &self.effective.authorized_keys_file.0, account, strict };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        let used = Use { peer: &self.peer, now, told };
        if let Some(listed) = files.find(shown, used, &mut self.reported, log) {
            if told {
                log.verbose(certificates::accepted(identity, &listed.place));
            }
            return Some(listed.grant);
        }
        // Nobody runs a program by naming somebody who is kept out.
        let asking = told.then_some(Asking { server, directory, account, peer: &self.peer, identity });
        let effective = &self.effective;
        if let (Shown::Certificate(endorsed), Some(file)) = (shown, &effective.trusted_user_ca_keys) {
            let pattern = effective.authorized_principals_file.0.as_deref();
            let command = asking.and_then(|asking| LoginProgram::of_principals(effective, asking));
            let named = pattern.is_some() || effective.authorized_principals_command.0.is_some();
            let principals = named.then_some(Principals { pattern, command, account, strict });
            let grant = Authorities { file, principals }.grant(Candidate { endorsed, account, used }, log);
            if grant.is_some() {
                return grant;
            }
        }
        let program = LoginProgram::of_keys(effective, asking?)?;
        let place = Path::new(program.line);
        let listed = files.find_line(&program.output()?, place, shown, used, &mut self.reported, log)?;
        log.verbose(certificates::accepted(identity, &listed.place));
        Some(listed.grant)
    }

    /// What may be looked up: no RSA key that is too small, no certificate that its authority did not sign or not by an algorithm of
    /// `CASignatureAlgorithms`.
    fn worth_looking_up<'i>(&self, server: &Server, identity: &'i Identity) -> Option<Shown<'i>> {
        let told = |line: std::fmt::Arguments<'_>| {
            if !self.kept_out {
                server.log.info(line);
            }
        };
        let required = usize::try_from(self.effective.required_rsa_size).unwrap_or(usize::MAX);
        let too_small = |key: &PublicKey| matches!(key, PublicKey::Rsa(_)) && key.bits() < required;
        if too_small(identity.key()) {
            told(format_args!("refusing {} key: Invalid key length", identity.short_type()));
            return None;
        }
        let Some(certificate) = identity.certificate() else { return Some(Shown::Key(identity.key())) };
        if too_small(certificate.authority()) {
            told(format_args!("refusing RSA CA key: Invalid key length"));
            return None;
        }
        let accepted = self.effective.ca_signature_algorithms.0.iter();
        let accepted: Vec<_> = accepted.filter_map(|name| SignatureAlg::by_name(name)).collect();
        let endorsed = certificate.verify_authority(&accepted);
        let endorsed = endorsed.inspect_err(|error| told(format_args!("userauth_pubkey: {error}")));
        endorsed.ok().map(Shown::Certificate)
    }

    /// Whether the signature of a security key says what the configuration, the key's line and its certificate want it to say.
    fn asserted(
        &self,
        server: &Server,
        identity: &Identity,
        assertion: Option<Assertion>,
        grant: &Grant,
    ) -> bool {
        let (user_present, user_verified) = match assertion {
            Some(Assertion { user_present, user_verified, .. }) => (user_present, user_verified),
            None if matches!(identity.key(), PublicKey::SkEd25519(_) | PublicKey::SkEcdsa(_)) => {
                (false, false)
            }
            None => return true,
        };
        let wanted = self.effective.pubkey_auth_options;
        let lacks = if (wanted.touch_required || grant.touch_required) && !user_present {
            "user presence (authenticator touch)"
        } else if (wanted.verify_required || grant.verify_required) && !user_verified {
            "user verification"
        } else {
            return true;
        };
        if !self.kept_out {
            let (key, user, from) = (certificates::named_key(identity), &self.user, &self.from);
            server.log.error(format_args!(
                "public key {key} signature for {user} from {from} rejected: {lacks} requirement not met"
            ));
        }
        false
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
        self.log_failure(server, method, key);
        self.failures = self.failures.saturating_add(1);
    }

    fn log_failure(&self, server: &Server, method: Method, key: &str) {
        let often = self.failures >= self.effective.max_auth_tries / 2;
        let level = match method {
            Method::PublicKey if self.kept_out => Level::Debug1,
            Method::PublicKey if !often => Level::Verbose,
            Method::PublicKey | Method::Password => Level::Info,
        };
        let invalid = if self.kept_out { "invalid user " } else { "" };
        self.log_verdict(server, level, "Failed", method, invalid, key);
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
            remarks: remarks(&grant.remarks),
            _proven: Proven(()),
        }
    }
}

/// As many lines as clients are told.
fn remarks(all: &[String]) -> String {
    let mut told = String::new();
    for remark in all {
        if told.len().saturating_add(remark.len()) < REMARKS_MAX {
            told.push_str(remark);
            told.push('\n');
        }
    }
    told
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

/// A key or a certificate as logs have it.
fn named(blob: &[u8]) -> String {
    match Identity::parse(blob) {
        Ok(identity) => certificates::named(&identity),
        Err(_) => format!("unknown {}", Fingerprint::of_blob(blob)),
    }
}

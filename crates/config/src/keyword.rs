//! The keywords of `sshd_config(5)`, each on one line.
//!
//! `keywords!` makes of the table: the list [`KEYWORDS`] for looking up and for documentation, a type that holds one line's
//! value, the store in which the first value wins, and the struct [`Effective`] with its dump.

use core::time::Duration;
use std::path::PathBuf;

use crate::{
    algorithms::{AUTHORITIES, AlgorithmList, CIPHERS, HOST_KEYS, KEX, MACS, PUBLIC_KEYS},
    error::{Problem, quoted},
    limits::MAX_VERSION_ADDENDUM,
    listen::{AddressFamily, ListenAddresses, Ports},
    parse::Environment,
    value::{
        AcceptEnv, Arguments, AuthorizedKeysFiles, AuthorizedPrincipalsFile, ChannelTimeouts,
        ChrootDirectory, CommandUser, Forwarding, GatewayPorts, HostCertificates, HostKeyAgent, HostKeys,
        LISTEN_PLACE, List, LogLevel, LoginCommand, MaxStartups, Mode, OPEN_PLACE, PermitRootLogin, Places,
        PubkeyAuthOptions, QualityOfService, RekeyLimit, RevokedKeys, SetEnv, Subsystems, UserEnvironment,
        Value, Words,
    },
};

/// Where a keyword may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Outside of `Match` only: it is about the whole server.
    Global,
    /// In a `Match` block too.
    Match,
}

/// What a second line with the same keyword does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeated {
    /// Nothing: the first value wins.
    First,
    /// It adds to the list.
    Append,
}

/// What a keyword does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// What it says.
    Effective,
    /// Nothing: it is read and there is one warning. Ignoring it lets nobody do more than was meant.
    NoEffect,
    /// As [`NoEffect`](Self::NoEffect), and OpenSSH has done away with it as well.
    Deprecated,
    /// Only this value may stand there, which is what happens anyway; any other one is an error.
    OnlyHarmless(&'static str),
    /// It gives the file its structure.
    Structure,
}

/// A row of the table, as documentation and lookups need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keyword {
    /// The name as `sshd -T` writes it. Names are compared without regard to case.
    pub name: &'static str,
    /// Old names that are still read.
    pub aliases: &'static [&'static str],
    /// Where it may stand.
    pub place: Place,
    /// What a second line does.
    pub repeated: Repeated,
    /// What it does.
    pub status: Status,
    /// What it is about; empty where it has no effect.
    pub meaning: &'static str,
    /// How a line is read.
    pub(crate) kind: Kind,
}

/// How a line is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Value(Id),
    Ignored,
    Match,
    Include,
}

/// The keyword of this name, if there is one.
#[must_use]
pub fn find(name: &str) -> Option<&'static Keyword> {
    let named = |candidate: &str| candidate.eq_ignore_ascii_case(name);
    KEYWORDS.iter().find(|keyword| named(keyword.name) || keyword.aliases.iter().copied().any(named))
}

macro_rules! keywords {
    (
        |$environment:ident|
        effective { $(
            #[doc = $meaning:literal]
            $name:literal [$($alias:literal)*] $id:ident $field:ident: $type:ty = $default:expr, $range:expr, $repeated:ident, $place:ident;
        )+ }
        other { $( $other:literal $other_place:ident $status:expr, $kind:ident; )+ }
    ) => {
        /// All keywords: those with an effect in the order in which they are dumped, then the others.
        pub const KEYWORDS: &[Keyword] = &[
            $( Keyword {
                name: $name,
                aliases: &[$($alias),*],
                place: Place::$place,
                repeated: Repeated::$repeated,
                status: Status::Effective,
                meaning: $meaning.trim_ascii(),
                kind: Kind::Value(Id::$id),
            }, )+
            $( Keyword {
                name: $other,
                aliases: &[],
                place: Place::$other_place,
                repeated: Repeated::First,
                status: $status,
                meaning: "",
                kind: Kind::$kind,
            }, )+
        ];

        /// A keyword with a value.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Id { $( $id, )+ }

        impl Id {
            /// Reads what stands after the keyword.
            pub(crate) fn parse(self, arguments: &mut Arguments<'_>) -> Result<Setting, Problem> {
                Ok(match self { $( Self::$id => Setting::$id(Value::parse(arguments, &$range)?), )+ })
            }
        }

        /// The value of one line.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(crate) enum Setting { $( $id($type), )+ }

        /// The values that were given, in one layer: the whole file without its blocks, or the blocks that match.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub(crate) struct Store { $( $field: Option<$type>, )+ }

        impl Store {
            /// Takes a value, unless the keyword has one and is no list.
            pub(crate) fn set(&mut self, setting: Setting) {
                match setting { $( Setting::$id(value) => keywords!(@$repeated self.$field, value), )+ }
            }

            /// The limit that the keyword's list is over.
            pub(crate) fn over_limit(&self, id: Id) -> Option<usize> {
                match id { $( Id::$id => keywords!(@limit $repeated self.$field), )+ }
            }

            /// Puts the values that were given in place of those that hold otherwise.
            pub(crate) fn overrule(self, effective: &mut Effective) {
                $( if let Some(value) = self.$field { effective.$field = value; } )+
            }
        }

        /// What holds: for a connection or, where nothing is known of one, for the server.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Effective { $( #[doc = $meaning] pub $field: $type, )+ }

        impl Effective {
            /// What holds where nothing is configured. `ListenAddress` is not expanded yet.
            pub(crate) fn defaults($environment: &Environment<'_>) -> Self {
                Self { $( $field: $default, )+ }
            }

            /// What `sshd -T` prints, one keyword and value a line. As a configuration of its own it means the same, and its
            /// dump is the same text.
            #[must_use]
            pub fn dump(&self) -> String {
                let mut out = String::new();
                $( Value::dump(&self.$field, $name, &$range, &mut out); )+
                out
            }
        }
    };
    (@First $stored:expr, $value:ident) => { { $stored.get_or_insert($value); } };
    (@Append $stored:expr, $value:ident) => {
        match &mut $stored {
            Some(list) => List::append(list, $value),
            empty => *empty = Some($value),
        }
    };
    (@limit First $stored:expr) => { None };
    (@limit Append $stored:expr) => { $stored.as_ref().and_then(over_limit) };
}

fn over_limit<L: List>(list: &L) -> Option<usize> {
    (list.count() > L::MOST).then_some(L::MOST)
}

/// Numbers that OpenSSH keeps in an `int` without a sign in use.
const COUNT: core::ops::RangeInclusive<u32> = 0..=i32::MAX.unsigned_abs();

const YES_NO: Words<bool> =
    Words { words: &[("yes", true), ("no", false)], problem: Problem::UnsupportedOption };

/// OpenSSH 10.6 writes `true` and `false` here, which releases before it cannot read.
const KEEP_ALIVE: Words<bool> = Words {
    words: &[("yes", true), ("no", false), ("true", true), ("false", false)],
    problem: Problem::UnsupportedOption,
};

const COMPRESSION: Words<bool> =
    Words { words: &[("yes", true), ("delayed", true), ("no", false)], problem: Problem::UnsupportedOption };

const FAMILIES: Words<AddressFamily> = Words {
    words: &[("any", AddressFamily::Any), ("inet", AddressFamily::Inet), ("inet6", AddressFamily::Inet6)],
    problem: Problem::UnsupportedOption,
};

const ROOT_LOGIN: Words<PermitRootLogin> = Words {
    words: &[
        ("prohibit-password", PermitRootLogin::ProhibitPassword),
        ("without-password", PermitRootLogin::ProhibitPassword),
        ("forced-commands-only", PermitRootLogin::ForcedCommandsOnly),
        ("yes", PermitRootLogin::Yes),
        ("no", PermitRootLogin::No),
    ],
    problem: Problem::UnsupportedOption,
};

const FORWARDING: Words<Forwarding> = Words {
    words: &[
        ("yes", Forwarding::Yes),
        ("all", Forwarding::Yes),
        ("no", Forwarding::No),
        ("local", Forwarding::Local),
        ("remote", Forwarding::Remote),
    ],
    problem: Problem::UnsupportedOption,
};

const GATEWAY_PORTS: Words<GatewayPorts> = Words {
    words: &[
        ("clientspecified", GatewayPorts::ClientSpecified),
        ("yes", GatewayPorts::Yes),
        ("no", GatewayPorts::No),
    ],
    problem: Problem::UnsupportedOption,
};

const LOG_LEVELS: Words<LogLevel> = Words {
    words: &[
        ("SILENT", LogLevel::Quiet),
        ("QUIET", LogLevel::Quiet),
        ("FATAL", LogLevel::Fatal),
        ("ERROR", LogLevel::Error),
        ("INFO", LogLevel::Info),
        ("VERBOSE", LogLevel::Verbose),
        ("DEBUG", LogLevel::Debug1),
        ("DEBUG1", LogLevel::Debug1),
        ("DEBUG2", LogLevel::Debug2),
        ("DEBUG3", LogLevel::Debug3),
    ],
    problem: Problem::UnsupportedLogLevel,
};

/// Reads a line whose keyword has no value here.
pub(crate) fn ignored(keyword: &Keyword, arguments: &mut Arguments<'_>) -> Result<(), Problem> {
    let words = arguments.several()?;
    match keyword.status {
        Status::OnlyHarmless(harmless) => match words.as_slice() {
            [value] if value.eq_ignore_ascii_case(harmless) => Ok(()),
            [value] => {
                Err(Problem::OnlyHarmless { keyword: keyword.name.into(), value: quoted(value), harmless })
            }
            _ => Err(Problem::ExtraArguments(quoted(arguments.keyword))),
        },
        Status::Effective | Status::NoEffect | Status::Deprecated | Status::Structure => Ok(()),
    }
}

// name [aliases] variant field: type = default, range, when repeated, place
#[rustfmt::skip]
keywords! { |environment|
    effective {
        /// The ports to listen on.
        "Port" [] Port port: Ports = Ports(vec![22]), (), Append, Global;
        /// The address families to listen on.
        "AddressFamily" [] AddressFamily address_family: AddressFamily = AddressFamily::Any, FAMILIES, First, Global;
        /// Where to listen; each has its port.
        "ListenAddress" [] ListenAddress listen_address: ListenAddresses = ListenAddresses(Vec::new()), (), Append, Global;
        /// How long a client has to log in; `None` for as long as it likes.
        "LoginGraceTime" [] LoginGraceTime login_grace_time: Option<Duration> = Some(Duration::from_secs(120)), "0", First, Global;
        /// The number of the first display that is forwarded.
        "X11DisplayOffset" [] X11DisplayOffset x11_display_offset: u32 = 10, COUNT, First, Match;
        /// How many attempts to authenticate a connection has.
        "MaxAuthTries" [] MaxAuthTries max_auth_tries: u32 = 6, COUNT, First, Match;
        /// How many sessions a connection may have open at once.
        "MaxSessions" [] MaxSessions max_sessions: u32 = 10, COUNT, First, Match;
        /// After how long without a sign of life a client is asked for one; `None` for never.
        "ClientAliveInterval" [] ClientAliveInterval client_alive_interval: Option<Duration> = None, "0", First, Match;
        /// How many such questions may stay without an answer; 0 for any number.
        "ClientAliveCountMax" [] ClientAliveCountMax client_alive_count_max: u32 = 3, COUNT, First, Match;
        /// How many bits the modulus of an RSA key must have at least. OpenSSH's own default is 1024.
        "RequiredRSASize" [] RequiredRsaSize required_rsa_size: u32 = 2048, COUNT, First, Match;
        /// Permission bits that forwarded Unix sockets do not get.
        "StreamLocalBindMask" [] StreamLocalBindMask stream_local_bind_mask: Mode = Mode(0o177), (), First, Match;
        /// After how long a connection without a channel is closed; `None` for never.
        "UnusedConnectionTimeout" [] UnusedConnectionTimeout unused_connection_timeout: Option<Duration> = None, "none", First, Match;
        /// Whether and how root may log in.
        "PermitRootLogin" [] PermitRootLogin permit_root_login: PermitRootLogin = PermitRootLogin::ProhibitPassword, ROOT_LOGIN, First, Match;
        /// Whether keys are good for logging in.
        "PubkeyAuthentication" ["DSAAuthentication"] PubkeyAuthentication pubkey_authentication: bool = true, YES_NO, First, Match;
        /// Whether displays may be forwarded.
        "X11Forwarding" [] X11Forwarding x11_forwarding: bool = false, YES_NO, First, Match;
        /// Whether forwarded displays can be reached from this host only.
        "X11UseLocalhost" [] X11UseLocalhost x11_use_localhost: bool = true, YES_NO, First, Match;
        /// Whether a session may have a terminal.
        "PermitTTY" [] PermitTty permit_tty: bool = true, YES_NO, First, Match;
        /// Whether `~/.ssh/rc` is run.
        "PermitUserRC" [] PermitUserRc permit_user_rc: bool = true, YES_NO, First, Match;
        /// Whether files that decide on logins must belong to the right user.
        "StrictModes" [] StrictModes strict_modes: bool = true, YES_NO, First, Global;
        /// Whether the system probes idle TCP connections.
        "TCPKeepAlive" ["KeepAlive"] TcpKeepAlive tcp_keep_alive: bool = true, KEEP_ALIVE, First, Global;
        /// Whether packets may be compressed, once the user is authenticated.
        "Compression" [] Compression compression: bool = true, COMPRESSION, First, Global;
        /// Who may reach forwarded ports.
        "GatewayPorts" [] GatewayPorts gateway_ports: GatewayPorts = GatewayPorts::No, GATEWAY_PORTS, First, Match;
        /// Which way TCP connections may be forwarded.
        "AllowTcpForwarding" [] AllowTcpForwarding allow_tcp_forwarding: Forwarding = Forwarding::Yes, FORWARDING, First, Match;
        /// Whether the agent may be forwarded.
        "AllowAgentForwarding" [] AllowAgentForwarding allow_agent_forwarding: bool = true, YES_NO, First, Match;
        /// Whether nothing at all may be forwarded, whatever else is said.
        "DisableForwarding" [] DisableForwarding disable_forwarding: bool = false, YES_NO, First, Match;
        /// Which way Unix sockets may be forwarded.
        "AllowStreamLocalForwarding" [] AllowStreamLocalForwarding allow_stream_local_forwarding: Forwarding = Forwarding::Yes, FORWARDING, First, Match;
        /// Whether a forwarded Unix socket takes the place of a file that is there.
        "StreamLocalBindUnlink" [] StreamLocalBindUnlink stream_local_bind_unlink: bool = false, YES_NO, First, Match;
        /// Where the listener's process id is written.
        "PidFile" [] PidFile pid_file: Option<PathBuf> = Some("/var/run/sshd.pid".into()), (), First, Global;
        /// Groups for key exchanges in which the server chooses one; `None` for the well-known ones.
        "ModuliFile" [] ModuliFile moduli_file: Option<PathBuf> = Some("/etc/ssh/moduli".into()), (), First, Global;
        /// The program that manages the cookies of displays.
        "XAuthLocation" [] XAuthLocation x_auth_location: Option<PathBuf> = Some("/usr/bin/xauth".into()), (), First, Match;
        /// Ciphers in order of preference.
        "Ciphers" [] Ciphers ciphers: AlgorithmList = AlgorithmList::default_of(environment.algorithms.ciphers), CIPHERS, First, Global;
        /// MACs in order of preference. OpenSSH's dump writes the name like this.
        "Macs" [] Macs macs: AlgorithmList = AlgorithmList::default_of(environment.algorithms.macs), MACS, First, Global;
        /// A file that is shown before authentication.
        "Banner" [] Banner banner: Option<PathBuf> = None, (), First, Match;
        /// The command that runs whatever the client asks for.
        "ForceCommand" [] ForceCommand force_command: Option<String> = None, usize::MAX, First, Match;
        /// What becomes the root of a user's session.
        "ChrootDirectory" [] ChrootDirectory chroot_directory: ChrootDirectory = ChrootDirectory(None), (), First, Match;
        /// The authorities whose certificates let users in.
        "TrustedUserCAKeys" [] TrustedUserCaKeys trusted_user_ca_keys: Option<PathBuf> = None, (), First, Match;
        /// Where the names stand that a certificate may have to let a user in.
        "AuthorizedPrincipalsFile" [] AuthorizedPrincipalsFile authorized_principals_file: AuthorizedPrincipalsFile = AuthorizedPrincipalsFile(None), (), First, Match;
        /// What follows the version in the identification line.
        "VersionAddendum" [] VersionAddendum version_addendum: Option<String> = None, MAX_VERSION_ADDENDUM, First, Global;
        /// The program that says which keys let users in.
        "AuthorizedKeysCommand" [] AuthorizedKeysCommand authorized_keys_command: LoginCommand = LoginCommand(None), (), First, Match;
        /// As whom it runs.
        "AuthorizedKeysCommandUser" [] AuthorizedKeysCommandUser authorized_keys_command_user: CommandUser = CommandUser(None), (), First, Match;
        /// The program that says which names a certificate may have to let a user in.
        "AuthorizedPrincipalsCommand" [] AuthorizedPrincipalsCommand authorized_principals_command: LoginCommand = LoginCommand(None), (), First, Match;
        /// As whom it runs.
        "AuthorizedPrincipalsCommandUser" [] AuthorizedPrincipalsCommandUser authorized_principals_command_user: CommandUser = CommandUser(None), (), First, Match;
        /// The agent that has private host keys.
        "HostKeyAgent" [] HostKeyAgent host_key_agent: HostKeyAgent = HostKeyAgent::None, (), First, Global;
        /// Key exchanges in order of preference.
        "KexAlgorithms" [] KexAlgorithms kex_algorithms: AlgorithmList = AlgorithmList::default_of(environment.algorithms.kex), KEX, First, Global;
        /// Signature algorithms by which authorities may have signed certificates.
        "CASignatureAlgorithms" [] CaSignatureAlgorithms ca_signature_algorithms: AlgorithmList = AlgorithmList::default_of(environment.algorithms.authorities), AUTHORITIES, First, Match;
        /// Signature algorithms of host keys in order of preference.
        "HostKeyAlgorithms" [] HostKeyAlgorithms host_key_algorithms: AlgorithmList = AlgorithmList::default_of(environment.algorithms.host_keys), HOST_KEYS, First, Global;
        /// Signature algorithms that users' keys may use.
        "PubkeyAcceptedAlgorithms" ["PubkeyAcceptedKeyTypes"] PubkeyAcceptedAlgorithms pubkey_accepted_algorithms: AlgorithmList = AlgorithmList::default_of(environment.algorithms.public_keys), PUBLIC_KEYS, First, Match;
        /// How much is logged.
        "LogLevel" [] LogLevel log_level: LogLevel = LogLevel::Info, LOG_LEVELS, First, Match;
        /// Where users' keys are.
        "AuthorizedKeysFile" [] AuthorizedKeysFile authorized_keys_file: AuthorizedKeysFiles = AuthorizedKeysFiles([".ssh/authorized_keys", ".ssh/authorized_keys2"].map(Into::into).into()), (), First, Match;
        /// The files of keys and certificates that let nobody in.
        "RevokedKeys" [] RevokedKeys revoked_keys: RevokedKeys = RevokedKeys(Vec::new()), (), First, Match;
        /// Where the host keys are.
        "HostKey" ["HostDSAKey"] HostKey host_key: HostKeys = HostKeys::default_files(), (), Append, Global;
        /// Certificates of host keys.
        "HostCertificate" [] HostCertificate host_certificate: HostCertificates = HostCertificates(Vec::new()), (), Append, Global;
        /// Which variables a client may set.
        "AcceptEnv" [] AcceptEnv accept_env: AcceptEnv = AcceptEnv(Vec::new()), (), Append, Match;
        /// Variables of every session.
        "SetEnv" [] SetEnv set_env: SetEnv = SetEnv(Vec::new()), (), First, Match;
        /// What runs for a subsystem.
        "Subsystem" [] Subsystem subsystem: Subsystems = Subsystems(Vec::new()), (), Append, Match;
        /// After how long idle channels are closed.
        "ChannelTimeout" [] ChannelTimeout channel_timeout: ChannelTimeouts = ChannelTimeouts(Vec::new()), (), First, Match;
        /// When connections that have not authenticated are dropped.
        "MaxStartups" [] MaxStartups max_startups: MaxStartups = MaxStartups { start: 10, rate: 30, full: 100 }, (), First, Global;
        /// How the network is to treat packets of interactive and of other sessions.
        "IPQoS" [] IpQos ip_qos: QualityOfService = QualityOfService::DEFAULT, (), First, Match;
        /// When keys are exchanged again.
        "RekeyLimit" [] RekeyLimit rekey_limit: RekeyLimit = RekeyLimit { bytes: None, time: None }, (), First, Match;
        /// Where connections may be forwarded to.
        "PermitOpen" [] PermitOpen permit_open: Places = Places::Any, OPEN_PLACE, First, Match;
        /// Where may be listened for connections to forward.
        "PermitListen" [] PermitListen permit_listen: Places = Places::Any, LISTEN_PLACE, First, Match;
        /// Which variables a user's own files may set.
        "PermitUserEnvironment" [] PermitUserEnvironment permit_user_environment: UserEnvironment = UserEnvironment::No, (), First, Match;
        /// What signatures of security keys must say.
        "PubkeyAuthOptions" [] PubkeyAuthOptions pubkey_auth_options: PubkeyAuthOptions = PubkeyAuthOptions::default(), (), First, Match;
    }
    other {
        "SshdSessionPath"        Global Status::NoEffect, Ignored;
        "SshdAuthPath"           Global Status::NoEffect, Ignored;
        "SecurityKeyProvider"    Global Status::NoEffect, Ignored;
        "PerSourcePenalties"     Global Status::NoEffect, Ignored;
        "UsePrivilegeSeparation" Global Status::Deprecated, Ignored;
        "Protocol"               Global Status::NoEffect, Ignored;
        "UsePAM"                 Global Status::OnlyHarmless("no"), Ignored;
        "Match"                  Match  Status::Structure, Match;
        "Include"                Match  Status::Structure, Include;
    }
}

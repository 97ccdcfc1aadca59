//! Between the monitor and its two children.
//!
//! A request is answered before the next one is looked at; `Log` has no answer. Each row says who may send it, when, how often
//! in a connection, and whether it decides about the login; the monitor's loop checks that before it looks at the fields.

use wire::{Bytes, Human, Name, NameList, NulFree, Sensitive, Text};

/// Who sends a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    /// The process that reads the network.
    Net,
    /// The user's process.
    Session,
    /// The monitor.
    Monitor,
}

/// When a message is legal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Before the login is complete.
    Login,
    /// After it.
    LoggedIn,
    /// Always.
    Always,
}

/// What the table knows of a message beside its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) from: From,
    pub(crate) when: When,
    /// How often in one connection.
    pub(crate) most: u32,
    /// Whether its answer can be the login.
    pub(crate) decides: bool,
}

const fn rule(from: From, when: When, most: u32) -> Rule {
    Rule { from, when, most, decides: false }
}

const fn decides(most: u32) -> Rule {
    Rule { from: From::Net, when: When::Login, most, decides: true }
}

const ONCE: u32 = 1;
/// More attempts than `MaxAuthTries` are stopped by the monitor's own count long before; this bounds what one query each costs.
const ATTEMPTS: u32 = 1_000;
/// Lines of the log.
const LINES: u32 = 10_000;
/// Host keys that are proven at once: their signatures fit into one message.
pub(crate) const PROVEN_MAX: usize = 32;
/// A client that learns new host keys asks once.
const PROOFS: u32 = 16;
/// Keys are exchanged again for ever.
const ANY: u32 = u32::MAX;

wire::messages! {
    /// The messages between the monitor and its children.
    pub(crate) static MONITOR: Rule;

    /// What net is to be. With the descriptors of the peer: one, or one for reading and one for writing; and with an empty
    /// directory where `chroot` says so.
    1 Start<'a> {
        /// The monitor.
        parent: u32,
        /// The peer's address as logs have it.
        address: Text<'a>,
        /// The peer's port; 65535 where there is none.
        port: u32,
        /// There are two descriptors.
        two: bool,
        /// There is a directory, which becomes the whole tree.
        chroot: bool,
        /// Net runs as these ids.
        ids: bool,
        uid: u32,
        gid: u32,
        /// `VersionAddendum`, or nothing.
        addendum: Text<'a>,
        kex: NameList<'a>,
        host_key_algorithms: NameList<'a>,
        user_algorithms: NameList<'a>,
        ciphers: NameList<'a>,
        macs: NameList<'a>,
        /// Compression is offered.
        compression: bool,
        /// The blobs of the host keys, and behind them those of their certificates, joined.
        host_keys: Bytes<'a>,
        /// `RekeyLimit`; 0 for none.
        rekey_bytes: u64,
        rekey_seconds: u64,
        max_tries: u32,
        /// Keys that may be refused before that counts as a try.
        key_questions: u32,
        /// Moves the points of time at which failures leave.
        failure_seed: u64,
        /// Index in [`Level`](crate::log::Level), most urgent first: what is less urgent need not be sent.
        log_level: u8,
    } in rule(From::Monitor, When::Login, ONCE), by Server, "DESIGN §4";

    /// Asks for a signature of an exchange hash, which the monitor computes itself from these strings.
    2 Sign<'a> {
        algorithm: Name<'a>,
        /// The key exchange method, which says by which hash.
        kex: Name<'a>,
        /// Which of the host keys and certificates of `Start`.
        host_key: u32,
        client_ident: Bytes<'a>,
        server_ident: Bytes<'a>,
        client_kexinit: Bytes<'a>,
        server_kexinit: Bytes<'a>,
        /// Where the monitor chose a group: the sizes as the client said them, and the group. Else zeros, and nothing.
        group_min: u32,
        group_preferred: u32,
        group_max: u32,
        prime: Bytes<'a>,
        generator: Bytes<'a>,
        client_public: Bytes<'a>,
        server_public: Bytes<'a>,
        /// In the encoding in which it is hashed, length first.
        shared_secret: Sensitive<'a>,
    } in rule(From::Net, When::Always, ANY), by Client, "DESIGN §4";

    /// The signature's blob.
    3 Signed<'a> { signature: Bytes<'a> } in rule(From::Monitor, When::Always, ANY), by Server, "DESIGN §4";

    /// Says who wants to log in. The name can be said once: the monitor keeps it for everything that follows.
    4 User<'a> { name: Text<'a> } in rule(From::Net, When::Login, ONCE), by Client, "DESIGN §4";

    /// What holds for that user, whether there is one or not.
    5 UserPolicy<'a> {
        /// The methods that may be tried.
        methods: NameList<'a>,
        max_tries: u32,
        /// As in `Start`, for this user.
        key_questions: u32,
        /// Signature algorithms of keys.
        algorithms: NameList<'a>,
        /// A text to show first, or nothing.
        banner: Human<'a>,
        /// There is no such user, or not for us: only the log's words depend on it.
        invalid: bool,
        /// As in `Start`, for this user.
        log_level: u8,
    } in rule(From::Monitor, When::Login, ONCE), by Server, "DESIGN §4";

    /// Would a signature by this key be looked at?
    6 KeyOffer<'a> { algorithm: Name<'a>, key: Bytes<'a> } in rule(From::Net, When::Login, ATTEMPTS), by Client, "DESIGN §4";

    /// Is this signature good? The monitor rebuilds what was signed: session id, user and key are its own.
    7 KeyProof<'a> {
        algorithm: Name<'a>,
        key: Bytes<'a>,
        signature: Bytes<'a>,
        /// It is bound to the host key (`publickey-hostbound-v00@openssh.com`).
        host_bound: bool,
    } in decides(ATTEMPTS), by Client, "DESIGN §4";

    /// Is this the password?
    8 Password<'a> { password: Sensitive<'a> } in decides(ATTEMPTS), by Client, "DESIGN §4";

    /// The answer to `KeyOffer`, and to the others when it is no.
    9 Verdict { good: bool } in rule(From::Monitor, When::Login, ATTEMPTS), by Server, "DESIGN §4";

    /// The user is in. With the descriptor of the link to their session.
    10 Admitted<'a> {
        max_sessions: u32,
        /// `ChannelTimeout`: types and seconds, as `TYPE=SECONDS` with commas between; nothing for none.
        channel_timeouts: Text<'a>,
        /// `UnusedConnectionTimeout` in seconds; 0 for none.
        unused_seconds: u64,
        /// `IPQoS`: the type-of-service octet while there is a session with a terminal, and else; 256 to leave it alone.
        qos_interactive: u32,
        qos_bulk: u32,
        /// `ClientAliveInterval` and `ClientAliveCountMax`; no questions with 0 seconds.
        alive_seconds: u64,
        alive_count: u32,
        /// `RekeyLimit` as it holds for the user; 0 for none.
        rekey_bytes: u64,
        rekey_seconds: u64,
        /// What the client is told of what decided on the login: lines.
        remarks: Human<'a>,
    } in rule(From::Monitor, When::Login, ONCE), by Server, "DESIGN §4";

    /// A line for the log. The monitor escapes it and says `[preauth]` behind it before the login.
    11 Log<'a> {
        /// As in `Start`.
        level: u8,
        text: Human<'a>,
    } in rule(From::Net, When::Always, LINES), by Client, "DESIGN §4";

    /// What the session is to be. With the descriptor of the link to net.
    12 SessionStart<'a> {
        /// The monitor.
        parent: u32,
        user: NulFree<'a>,
        uid: u32,
        home: NulFree<'a>,
        shell: NulFree<'a>,
        /// Both ends of the connection as `SSH_CONNECTION` has them.
        client_address: Text<'a>,
        client_port: u32,
        local_address: Text<'a>,
        local_port: u32,
        /// The [`Permit`](crate::permit::Permit), encoded.
        permit: Bytes<'a>,
        /// The monitor is not root, so the session makes ptys itself.
        own_ptys: bool,
        /// The session has a root of its own, in which there may be no home.
        chrooted: bool,
        /// As in `Start`.
        log_level: u8,
    } in rule(From::Monitor, When::LoggedIn, ONCE), by Server, "DESIGN §4";

    /// Asks for a pseudo-terminal of the user's own.
    13 PtyOpen {} in rule(From::Session, When::LoggedIn, ANY), by Client, "DESIGN §4";

    /// The pair as two descriptors, master first; or no.
    14 PtyOpened {
        good: bool,
        /// N of `/dev/pts/N`.
        number: u32,
    } in rule(From::Monitor, When::LoggedIn, ANY), by Server, "DESIGN §4";

    /// A line for the log, of the user's process.
    15 SessionLog<'a> { level: u8, text: Human<'a> } in rule(From::Session, When::LoggedIn, LINES), by Client, "DESIGN §4";

    /// Asks for a group of one of these sizes in bits, for a key exchange that ends with `Sign` (RFC 4419).
    16 WantGroup { min: u32, preferred: u32, max: u32 } in rule(From::Net, When::Always, ANY), by Client, "DESIGN §4";

    /// The group, as magnitudes; or nothing, when there is none.
    17 ChosenGroup<'a> { prime: Bytes<'a>, generator: Bytes<'a> } in rule(From::Monitor, When::Always, ANY), by Server, "DESIGN §4";

    /// Asks for proof that we have the private halves of these host keys: plain ones of `Start`, their blobs joined, each once. The
    /// monitor puts together itself what is signed (OpenSSH's PROTOCOL §2.5).
    18 Prove<'a> { keys: Bytes<'a> } in rule(From::Net, When::LoggedIn, PROOFS), by Client, "DESIGN §4";

    /// The blobs of the signatures in their order, joined; or nothing, where a key could not sign.
    19 Proven<'a> { signatures: Bytes<'a> } in rule(From::Monitor, When::LoggedIn, PROOFS), by Server, "DESIGN §4";
}

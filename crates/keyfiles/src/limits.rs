//! How much of a file is looked at.

/// Bytes of one line: the longest key or certificate, and what stands before and behind it.
pub const MAX_LINE: usize = keys::limits::LINE_MAX;

/// Variables that the options of one line may set, as in OpenSSH.
pub const MAX_VARIABLES: usize = 1024;

/// Bytes of a name in the file that a fault shows.
pub const MAX_SHOWN: usize = 64;

/// Lines of one file of moduli whose faults are told.
pub const MODULI_FAULTS_MAX: usize = 16;

/// Bytes of a file of revoked keys, as in OpenSSH.
pub const MAX_REVOKED: usize = 128 << 20;

/// Bytes of a message of the agent protocol, either way, as in OpenSSH.
pub const MAX_AGENT_FRAME: usize = 256 * 1024;

/// Requests to an agent that wait for an answer.
pub const MAX_AGENT_REQUESTS: usize = 16;

/// Keys that an agent may list, as in OpenSSH.
pub const MAX_AGENT_IDENTITIES: usize = 2048;

/// Extensions that an agent may name.
pub const MAX_AGENT_EXTENSIONS: usize = 256;

/// Bytes of a name of a host as `known_hosts` has it, with brackets and port.
pub const MAX_HOST_NAME: usize = 1024 + 8;

/// Bytes of a file of known hosts that is made by hashing another's names, give or take a line.
pub const MAX_KNOWN_HOSTS: usize = 64 << 20;

/// Lines of files of known hosts whose faults are told.
pub const KNOWN_HOSTS_FAULTS_MAX: usize = 16;

/// Bytes of a file with a signature, armour and all.
pub const MAX_SIGNATURE_FILE: usize = 128 * 1024;

/// Lines of a file of allowed signers that are told when none lets the signer sign.
pub const ALLOWED_SIGNERS_DENIALS_MAX: usize = 16;

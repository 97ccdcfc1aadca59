//! Files in memory, and the algorithm names of OpenSSH 10.6 (from `ssh -Q`, and the defaults from `sshd -T`).

use std::collections::BTreeMap;

use nacre_config::{
    Algorithms, CommandLine, Config, ConfigError, ConnInfo, Effective, Environment, Files, Names, ReadError,
};

pub(crate) const PATH: &str = "/etc/ssh/sshd_config";

/// Files by their paths.
#[derive(Default)]
pub(crate) struct Memory(pub(crate) BTreeMap<String, Vec<u8>>);

impl Memory {
    pub(crate) fn with(main: &str) -> Self {
        Self::default().and(PATH, main)
    }

    pub(crate) fn and(mut self, path: &str, contents: &str) -> Self {
        self.0.insert(path.into(), contents.into());
        self
    }
}

impl Files for Memory {
    fn read(&self, path: &str, most: usize) -> Result<Vec<u8>, ReadError> {
        let contents = self.0.get(path).ok_or(ReadError::Missing)?;
        if contents.len() > most {
            return Err(ReadError::Other("File too large".into()));
        }
        Ok(contents.clone())
    }

    fn glob(&self, pattern: &str) -> Vec<String> {
        let matches = |path: &&String| text::pattern::matches(pattern, path, text::pattern::Case::Exact);
        // Backwards, because a caller may not rely on an order.
        self.0.keys().rev().filter(matches).cloned().collect()
    }
}

pub(crate) const ENVIRONMENT: Environment<'static> = Environment {
    algorithms: Algorithms {
        ciphers: Names {
            default: &[
                "chacha20-poly1305@openssh.com",
                "aes128-gcm@openssh.com",
                "aes256-gcm@openssh.com",
                "aes128-ctr",
                "aes192-ctr",
                "aes256-ctr",
            ],
            known: &[
                "3des-cbc",
                "aes128-cbc",
                "aes192-cbc",
                "aes256-cbc",
                "aes128-ctr",
                "aes192-ctr",
                "aes256-ctr",
                "aes128-gcm@openssh.com",
                "aes256-gcm@openssh.com",
                "chacha20-poly1305@openssh.com",
            ],
        },
        macs: Names { default: MACS, known: MACS },
        kex: Names {
            default: &[
                "mlkem768x25519-sha256",
                "sntrup761x25519-sha512",
                "sntrup761x25519-sha512@openssh.com",
                "curve25519-sha256",
                "curve25519-sha256@libssh.org",
                "ecdh-sha2-nistp256",
                "ecdh-sha2-nistp384",
                "ecdh-sha2-nistp521",
            ],
            known: &[
                "diffie-hellman-group14-sha1",
                "diffie-hellman-group14-sha256",
                "ecdh-sha2-nistp256",
                "ecdh-sha2-nistp384",
                "ecdh-sha2-nistp521",
                "curve25519-sha256",
                "curve25519-sha256@libssh.org",
                "sntrup761x25519-sha512",
                "sntrup761x25519-sha512@openssh.com",
                "mlkem768x25519-sha256",
            ],
        },
        host_keys: KEYS,
        public_keys: KEYS,
        authorities: AUTHORITIES,
    },
    version: "OpenSSH_10.6p1 Debian-1",
    directory: "/",
    home: Some("/root"),
};

const MACS: &[&str] = &[
    "umac-64-etm@openssh.com",
    "umac-128-etm@openssh.com",
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha1-etm@openssh.com",
    "umac-64@openssh.com",
    "umac-128@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
    "hmac-sha1",
];

const KEYS: Names = Names {
    default: &[
        "ssh-ed25519-cert-v01@openssh.com",
        "ecdsa-sha2-nistp256-cert-v01@openssh.com",
        "ecdsa-sha2-nistp384-cert-v01@openssh.com",
        "ecdsa-sha2-nistp521-cert-v01@openssh.com",
        "sk-ssh-ed25519-cert-v01@openssh.com",
        "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
        "webauthn-sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
        "rsa-sha2-512-cert-v01@openssh.com",
        "rsa-sha2-256-cert-v01@openssh.com",
        "ssh-mldsa44-ed25519-cert",
        "ssh-ed25519",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
        "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
        "rsa-sha2-512",
        "rsa-sha2-256",
        "ssh-mldsa44-ed25519",
    ],
    known: &[
        "ssh-ed25519",
        "ssh-ed25519-cert-v01@openssh.com",
        "sk-ssh-ed25519@openssh.com",
        "sk-ssh-ed25519-cert-v01@openssh.com",
        "ssh-mldsa44-ed25519",
        "ssh-mldsa44-ed25519-cert",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp256-cert-v01@openssh.com",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp384-cert-v01@openssh.com",
        "ecdsa-sha2-nistp521",
        "ecdsa-sha2-nistp521-cert-v01@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
        "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
        "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
        "webauthn-sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
        "ssh-rsa",
        "ssh-rsa-cert-v01@openssh.com",
        "rsa-sha2-256",
        "rsa-sha2-256-cert-v01@openssh.com",
        "rsa-sha2-512",
        "rsa-sha2-512-cert-v01@openssh.com",
    ],
};

const AUTHORITIES: Names = Names {
    default: &[
        "ssh-ed25519",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
        "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
        "rsa-sha2-512",
        "rsa-sha2-256",
    ],
    known: &[
        "ssh-ed25519",
        "sk-ssh-ed25519@openssh.com",
        "ssh-mldsa44-ed25519",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ecdsa-sha2-nistp256@openssh.com",
        "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
        "ssh-rsa",
        "rsa-sha2-256",
        "rsa-sha2-512",
    ],
};

pub(crate) fn read(files: &Memory) -> Result<Config, ConfigError> {
    Config::parse(files, PATH, &CommandLine::default(), &ENVIRONMENT)
}

/// What holds of this configuration where nothing is known of the connection.
#[allow(dead_code, reason = "not every test file needs it")]
pub(crate) fn effective(main: &str) -> Effective {
    read(&Memory::with(main)).unwrap().effective(&ConnInfo::default())
}

/// Why this configuration is refused.
#[allow(dead_code, reason = "not every test file needs it")]
pub(crate) fn refused(main: &str) -> String {
    read(&Memory::with(main)).unwrap_err().to_string()
}

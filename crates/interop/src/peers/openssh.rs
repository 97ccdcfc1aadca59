//! OpenSSH: `sshd`, `ssh`, and what they know.

use super::chroot::{Chroot, Release, Scratch};
use super::client::Login;
use super::daemon::{Daemon, Start, Where};
use super::keys::{DEVICE, KeyPair};
use super::process::{Finished, Input};
use super::server::Settings;
use super::{Algorithms, USER, version_after};
use crate::error::{During, Error};

/// A list that `ssh -Q` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlgorithmKind {
    /// Key exchanges.
    Kex,
    /// Ciphers.
    Cipher,
    /// MACs.
    Mac,
}

pub(crate) fn version(chroot: &Chroot) -> Result<String, Error> {
    let finished =
        chroot.run(None, &["/usr/bin/ssh".into(), "-V".into()], Input::default(), super::DEADLINE)?;
    version_after("OpenSSH_", "OpenSSH", &finished.stderr)
}

pub(crate) fn known(chroot: &Chroot, kind: AlgorithmKind) -> Result<Vec<String>, Error> {
    let list = match kind {
        AlgorithmKind::Kex => "kex",
        AlgorithmKind::Cipher => "cipher",
        AlgorithmKind::Mac => "mac",
    };
    listed(chroot, list)
}

fn listed(chroot: &Chroot, list: &str) -> Result<Vec<String>, Error> {
    Ok(chroot.helper(&["/usr/bin/ssh", "-Q", list])?.lines().map(str::to_owned).collect())
}

/// What keys sign with, with certificates and without.
pub(crate) fn signatures(chroot: &Chroot) -> Result<Vec<String>, Error> {
    let mut names = listed(chroot, "sig")?;
    names.extend(listed(chroot, "key-cert")?);
    // Which are names of no type of key.
    names.extend(
        ["rsa-sha2-256-cert-v01@openssh.com", "rsa-sha2-512-cert-v01@openssh.com"].map(str::to_owned),
    );
    Ok(names)
}

/// `Keyword value` lines (or `-o` arguments) for the algorithms that are chosen.
pub(super) fn chosen(algorithms: &Algorithms, rekey_limit: Option<&str>) -> Vec<(&'static str, String)> {
    let rows = [
        ("KexAlgorithms", algorithms.kex.as_deref()),
        ("Ciphers", algorithms.ciphers.as_deref()),
        ("MACs", algorithms.macs.as_deref()),
        ("RekeyLimit", rekey_limit),
    ];
    rows.into_iter().filter_map(|(keyword, value)| Some((keyword, value?.to_owned()))).collect()
}

/// The lines of `sshd_config` for host keys, their certificates, and the authority of the users'.
pub(super) fn keys_of(
    scratch: &Scratch,
    host_keys: &[KeyPair],
    settings: &Settings,
) -> Result<String, Error> {
    let mut lines = String::new();
    for (number, key) in host_keys.iter().enumerate() {
        let file = key.write_openssh(scratch, &format!("host_key_{number}"))?;
        lines.push_str(&format!("HostKey {file}\n"));
        if key.certificate().is_some() {
            lines.push_str(&format!("HostCertificate {file}-cert.pub\n"));
        }
    }
    if let Some(authority) = &settings.authority {
        let file = scratch.write("authority.pub", authority.public(), 0o644)?;
        lines.push_str(&format!("TrustedUserCAKeys {file}\n"));
    }
    Ok(lines)
}

pub(crate) fn serve(
    name: &str,
    chroot: &Chroot,
    host_keys: &[KeyPair],
    authorized_keys: &str,
    settings: &Settings,
) -> Result<Daemon, Error> {
    let scratch = chroot.scratch()?;
    let keys = scratch.write("authorized_keys", authorized_keys, 0o644)?;
    let mut config = format!(
        "ListenAddress 127.0.0.1\nAuthorizedKeysFile {keys} .ssh/authorized_keys\nPidFile none\nLogLevel DEBUG1\n\
         UseDNS no\nPrintMotd no\nPrintLastLog no\nMaxStartups 1000\nSubsystem sftp internal-sftp\n\
         PasswordAuthentication {}\n",
        if settings.password.is_some() { "yes" } else { "no" },
    );
    config.push_str(&keys_of(&scratch, host_keys, settings)?);
    // Sshd before 9.8 has no penalties, and does not know the word.
    if chroot.release() != Release::Bookworm {
        config.push_str("PerSourcePenalties no\n");
    }
    for (keyword, value) in chosen(&settings.algorithms, settings.rekey_limit.as_deref()) {
        config.push_str(&format!("{keyword} {value}\n"));
    }
    for line in &settings.extra {
        config.push_str(line);
        config.push('\n');
    }
    let config = scratch.write("sshd_config", &config, 0o600)?;
    let argv = |port: u16| -> Vec<String> {
        ["/usr/sbin/sshd", "-D", "-e", "-f", &config, "-p", &port.to_string()].map(str::to_owned).into()
    };
    let how = Start {
        name,
        authorized_keys,
        password: settings.password.as_deref(),
        shell: settings.shell.as_deref(),
        argv: &argv,
        place: Where::Chroot,
        ready: "Server listening on 127.0.0.1 port",
    };
    Daemon::start(chroot, scratch, &how)
}

pub(crate) fn run(chroot: &Chroot, login: Login<'_>) -> Result<Finished, Error> {
    let scratch = chroot.scratch()?;
    let key = login.user_key.write_openssh(&scratch, "key")?;
    let known = scratch.write("known_hosts", &format!("{}\n", login.known_host()), 0o644)?;
    let log = scratch.write("log", "", 0o600)?;
    let mut argv: Vec<String> =
        ["/usr/bin/ssh", "-F", "none", "-v", "-E", &log, "-i", &key].map(str::to_owned).into();
    let mut options = vec![
        ("BatchMode", "yes".to_owned()),
        ("IdentitiesOnly", "yes".to_owned()),
        ("StrictHostKeyChecking", "yes".to_owned()),
        ("UserKnownHostsFile", known),
        ("GlobalKnownHostsFile", "/dev/null".to_owned()),
    ];
    if chroot.release() == Release::Forky {
        options.push(("SecurityKeyProvider", DEVICE.to_owned()));
    }
    options.extend(chosen(&login.algorithms, login.rekey_limit.as_deref()));
    for (keyword, value) in options {
        argv.extend(["-o".to_owned(), format!("{keyword}={value}")]);
    }
    if login.terminal.is_some() {
        argv.push("-tt".to_owned());
    }
    for (name, value) in &login.environment {
        argv.extend(["-o".to_owned(), format!("SetEnv={name}={value}")]);
    }
    argv.extend(login.extra);
    argv.extend(["-p".to_owned(), login.port.to_string(), format!("{USER}@127.0.0.1")]);
    // An empty word would be a command all the same.
    argv.extend((!login.command.is_empty()).then(|| login.command.to_owned()));
    let with_log = |stderr: &str| -> Result<String, Error> {
        let log = std::fs::read(scratch.outside().join("log")).during("reading a client's log")?;
        Ok(format!("{stderr}{}", String::from_utf8_lossy(&log)))
    };
    match chroot.run_on(login.terminal.as_ref(), &scratch, &argv, login.input, login.deadline) {
        Ok(finished) => Ok(Finished { stderr: with_log(&finished.stderr)?, ..finished }),
        Err(Error::Deadline { command, after, log }) => {
            Err(Error::Deadline { command, after, log: with_log(&log)? })
        }
        Err(error) => Err(error),
    }
}

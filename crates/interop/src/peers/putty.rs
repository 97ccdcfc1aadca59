//! PuTTY's command-line client, `plink`.

use super::chroot::Chroot;
use super::client::Login;
use super::process::{Finished, Input};
use super::{USER, version_after};
use crate::error::Error;

/// The saved session that carries what plink has no command-line option for.
const SESSION: &str = "nacre";

pub(crate) fn version(chroot: &Chroot) -> Result<String, Error> {
    let finished =
        chroot.run(None, &["/usr/bin/plink".into(), "-V".into()], Input::default(), super::DEADLINE)?;
    version_after("Release ", "PuTTY", &String::from_utf8_lossy(&finished.stdout))
}

/// Algorithms are PuTTY's own family names, in its order of preference, such as `aesgcm` or `ecdh`; what is not named is
/// put below the line that batch mode does not cross.
pub(crate) fn run(chroot: &Chroot, login: Login<'_>) -> Result<Finished, Error> {
    if login.algorithms.macs.is_some() {
        return Err(Error::NotConfigurable("the MAC of plink"));
    }
    let scratch = chroot.scratch()?;
    let key = login.user_key.write_putty(chroot, &scratch, "key.ppk")?;
    let mut session = String::from("Protocol=ssh\n");
    for (keyword, value) in [("KEX", &login.algorithms.kex), ("Cipher", &login.algorithms.ciphers)] {
        if let Some(value) = value {
            session.push_str(&format!("{keyword}={value},WARN\n"));
        }
    }
    if let Some(limit) = &login.rekey_limit {
        session.push_str(&format!("RekeyBytes={limit}\n"));
    }
    if let Some(terminal) = &login.terminal {
        session.push_str(&format!("TerminalType={}\n", terminal.term));
    }
    if !login.environment.is_empty() {
        let pairs: Vec<String> =
            login.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
        session.push_str(&format!("Environment={}\n", pairs.join(",")));
    }
    scratch.write(&format!(".putty/sessions/{SESSION}"), &session, 0o600)?;
    let port = login.port.to_string();
    let mut argv: Vec<String> = [
        "/usr/bin/plink",
        "-batch",
        "-load",
        SESSION,
        "-ssh",
        "-no-antispoof",
        "-noagent",
        "-i",
        &key,
        "-P",
        &port,
        "-l",
        USER,
    ]
    .map(str::to_owned)
    .into();
    if login.user_key.certificate().is_some() {
        argv.extend(["-cert".to_owned(), scratch.path("key.ppk.openssh-cert.pub")]);
    }
    match login.host_authority {
        Some(authority) => {
            let key = authority.public().split_whitespace().nth(1).unwrap_or_default();
            let trusted = format!("PublicKey={key}\nValidity=*\nPermitRSASHA256=1\nPermitRSASHA512=1\n");
            scratch.write(".putty/sshhostcas/authority", &trusted, 0o600)?;
        }
        None => argv.extend(["-hostkey".to_owned(), login.host_key.fingerprint().to_owned()]),
    }
    if login.terminal.is_some() {
        argv.push("-t".to_owned());
    }
    argv.extend(login.extra);
    argv.push("127.0.0.1".to_owned());
    argv.extend((!login.command.is_empty()).then(|| login.command.to_owned()));
    chroot.run_on(login.terminal.as_ref(), &scratch, &argv, login.input, login.deadline)
}

//! Dropbear: the server `dropbear` and the client `dbclient`.

use super::chroot::Chroot;
use super::client::Login;
use super::daemon::{Daemon, Start, Where};
use super::keys::KeyPair;
use super::process::{Finished, Input};
use super::server::Settings;
use super::{USER, version_after};
use crate::error::Error;

pub(crate) fn version(chroot: &Chroot) -> Result<String, Error> {
    let finished =
        chroot.run(None, &["/usr/bin/dbclient".into(), "-V".into()], Input::default(), super::DEADLINE)?;
    version_after("Dropbear v", "dropbear", &finished.stderr)
}

pub(crate) fn serve(
    name: &str,
    chroot: &Chroot,
    host_keys: &[KeyPair],
    authorized_keys: &str,
    settings: &Settings,
) -> Result<Daemon, Error> {
    if !settings.algorithms.are_default() || settings.rekey_limit.is_some() {
        return Err(Error::NotConfigurable("the algorithms or the rekey limit of a dropbear server"));
    }
    let scratch = chroot.scratch()?;
    let mut files = Vec::new();
    for (number, key) in host_keys.iter().enumerate() {
        files.push(key.write_dropbear(chroot, &scratch, &format!("host_key_{number}"))?);
    }
    let pid_file = scratch.path("pid");
    let argv = |port: u16| -> Vec<String> {
        let address = format!("127.0.0.1:{port}");
        let mut argv: Vec<String> =
            ["/usr/sbin/dropbear", "-F", "-E", "-P", &pid_file, "-p", &address].map(str::to_owned).into();
        argv.extend(files.iter().flat_map(|file| ["-r".to_owned(), file.clone()]));
        if settings.password.is_none() {
            argv.push("-s".to_owned());
        }
        argv.extend(settings.extra.iter().cloned());
        argv
    };
    let how = Start {
        name,
        authorized_keys,
        password: settings.password.as_deref(),
        shell: settings.shell.as_deref(),
        argv: &argv,
        place: Where::Chroot,
        // Said after its sockets listen.
        ready: "Not backgrounding",
    };
    Daemon::start(chroot, scratch, &how)
}

pub(crate) fn run(chroot: &Chroot, login: Login<'_>) -> Result<Finished, Error> {
    if login.algorithms.kex.is_some() || login.rekey_limit.is_some() {
        return Err(Error::NotConfigurable("the key exchange or the rekey limit of dbclient"));
    }
    if !login.environment.is_empty() {
        return Err(Error::NotConfigurable("the environment of dbclient's session"));
    }
    let scratch = chroot.scratch()?;
    let key = login.user_key.write_dropbear(chroot, &scratch, "key")?;
    // What dbclient looks its host keys up in.
    scratch.write(".ssh/known_hosts", "", 0o600)?;
    // It has no way to be told the host key of a port that is not the common one, so it takes any (`-y -y`).
    let mut argv: Vec<String> = ["/usr/bin/dbclient", "-y", "-y", "-i", &key].map(str::to_owned).into();
    for (option, value) in [("-c", login.algorithms.ciphers), ("-m", login.algorithms.macs)] {
        argv.extend(value.into_iter().flat_map(|value| [option.to_owned(), value]));
    }
    if login.terminal.is_some() {
        argv.push("-t".to_owned());
    }
    argv.extend(login.extra);
    argv.extend(["-p".to_owned(), login.port.to_string(), format!("{USER}@127.0.0.1")]);
    // An empty word would be a command all the same.
    argv.extend((!login.command.is_empty()).then(|| login.command.to_owned()));
    chroot.run_on(login.terminal.as_ref(), &scratch, &argv, login.input, login.deadline)
}

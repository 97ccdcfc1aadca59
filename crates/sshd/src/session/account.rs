//! For whom the session is, and from where.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use sys::ids::Uid;

use crate::permit::Permit;
use crate::protocol::LinkError;
use crate::protocol::monitor::SessionStart;

/// What the monitor found out about the user: nothing of it is looked up again.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) user: Vec<u8>,
    pub(super) uid: Uid,
    pub(super) home: Vec<u8>,
    pub(super) shell: Vec<u8>,
    pub(super) client_address: String,
    pub(super) client_port: u32,
    pub(super) local_address: String,
    pub(super) local_port: u32,
    pub(super) permit: Permit,
    /// The root is not the machine's, and a home is often missing in it.
    pub(super) chrooted: bool,
    /// `TZ` of our own environment.
    pub(super) zone: Option<Vec<u8>>,
}

impl Account {
    /// What the monitor said.
    pub(super) fn of(start: &SessionStart<'_>, zone: Option<Vec<u8>>) -> Result<Self, LinkError> {
        let shell = start.shell.as_bytes();
        Ok(Self {
            user: start.user.as_bytes().to_vec(),
            uid: Uid(start.uid),
            home: start.home.as_bytes().to_vec(),
            shell: if shell.is_empty() { b"/bin/sh".to_vec() } else { shell.to_vec() },
            client_address: start.client_address.as_str().to_owned(),
            client_port: start.client_port,
            local_address: start.local_address.as_str().to_owned(),
            local_port: start.local_port,
            permit: wire::decode_all(start.permit.0)?,
            chrooted: start.chrooted,
            zone,
        })
    }

    /// The user's name, for people.
    pub(super) fn name(&self) -> String {
        String::from_utf8_lossy(&self.user).into_owned()
    }

    /// The home directory, whatever variables say.
    pub(super) fn home_path(&self) -> &Path {
        OsStr::from_bytes(&self.home).as_ref()
    }

    /// The last part of the shell's path, by which programs know it.
    pub(super) fn shell_name(&self) -> &[u8] {
        self.shell.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Somebody who may do everything.
    pub(in crate::session) fn account() -> Account {
        Account {
            user: b"alice".to_vec(),
            uid: Uid(1000),
            home: b"/".to_vec(),
            shell: b"/bin/sh".to_vec(),
            client_address: "192.0.2.1".into(),
            client_port: 4711,
            local_address: "192.0.2.2".into(),
            local_port: 22,
            permit: Permit { sessions: 10, pty: true, ..Permit::default() },
            chrooted: false,
            zone: None,
        }
    }

    #[test]
    fn the_shell_is_named_by_the_end_of_its_path() {
        for (shell, name) in [("/bin/bash", "bash"), ("sh", "sh"), ("/", "")] {
            let account = Account { shell: shell.into(), ..account() };
            assert_eq!(account.shell_name(), name.as_bytes());
        }
    }
}

//! Names of users and groups, each looked up once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sys::ids::{Gid, Uid};
use sys::users::Accounts;

use crate::limits::NAMES;

/// Who is who.
#[derive(Debug, Default)]
pub(crate) struct Names {
    accounts: Accounts,
    users: Mutex<Known>,
    groups: Mutex<Known>,
}

/// Names that were looked up, also those that are not there.
type Known = HashMap<u32, Option<Vec<u8>>>;

impl Names {
    /// A user's name.
    pub(crate) fn user(&self, id: u32) -> Option<Vec<u8>> {
        remembered(&self.users, id, || {
            self.accounts.user_by_id(Uid(id)).ok().flatten().map(|user| user.name.into_encoded_bytes())
        })
    }

    /// A group's name.
    pub(crate) fn group(&self, id: u32) -> Option<Vec<u8>> {
        remembered(&self.groups, id, || {
            let names = self.accounts.group_names(&[Gid(id)]).unwrap_or_default();
            names.into_iter().next().map(std::ffi::OsString::into_encoded_bytes)
        })
    }

    /// A user's home directory; with an empty name, the one of the user that the process runs as, which where there are no accounts, as
    /// in a changed root, is what the environment says.
    pub(crate) fn home(&self, user: &[u8]) -> Option<Vec<u8>> {
        let (account, told) = match user {
            b"" => (self.accounts.user_by_id(Uid::real()), std::env::var_os("HOME")),
            name => (self.accounts.user(name), None),
        };
        let home = account.ok().flatten().map(|user| user.home.into_os_string());
        home.or(told).map(std::ffi::OsString::into_encoded_bytes)
    }
}

fn remembered(known: &Mutex<Known>, id: u32, look_up: impl FnOnce() -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(name) = known.get(&id) {
        return name.clone();
    }
    let name = look_up();
    if known.len() < NAMES {
        known.insert(id, name.clone());
    }
    name
}

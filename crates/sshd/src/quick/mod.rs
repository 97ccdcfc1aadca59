//! `--quick`: a server that needs to be told nothing, for the user who starts it.
//!
//! | module | noun |
//! |---|---|
//! | `account` | who is let in: the user who started the server, with or without an entry in `/etc/passwd` |
//! | `credential` | what they log in with: keys that they have, or else a password made for this run |
//! | `host_key` | the server's key, kept from run to run where that can be done |
//! | `announcement` | what is printed: fingerprint, password, and the command to type |

mod account;
mod announcement;
mod credential;
mod host_key;

use crypto::{NoEntropy, Rng, Secret};
use keys::{PrivateKey, PublicKey};
use sys::users::User;

use crate::log::Logger;
use credential::Identity;

/// The port that is listened on without `-p`.
pub(crate) const PORT: u16 = 2222;

/// Who is let in, and how.
pub(crate) struct Quick {
    user: User,
    identities: Vec<Identity>,
    keys: Vec<PublicKey>,
    password: Option<Secret>,
    host_key_is_kept: bool,
}

impl Quick {
    /// Finds out who we are and what we have, and the server's key. That the key cannot be kept is logged.
    ///
    /// # Errors
    /// There is no randomness for a key or a password.
    pub(crate) fn prepare(rng: &mut dyn Rng, log: &Logger) -> Result<(Self, PrivateKey), NoEntropy> {
        let surroundings = account::Surroundings::here();
        let user = account::user(&surroundings);
        let identities = credential::identities(&user.home);
        let keys: Vec<PublicKey> = identities.iter().map(|identity| identity.key.clone()).collect();
        let password = if keys.is_empty() && !credential::has_authorized_keys(&user.home) {
            Some(credential::password(rng)?)
        } else {
            None
        };
        let path = host_key::path(&surroundings, &user);
        let (host_key, kept) = host_key::take(path.as_deref(), rng, log)?;
        Ok((Self { user, identities, keys, password, host_key_is_kept: kept }, host_key))
    }

    /// The user who started the server; perhaps without an entry in `/etc/passwd`.
    pub(crate) fn user(&self) -> &User {
        &self.user
    }

    /// Keys that are good beside those in the user's `authorized_keys`.
    pub(crate) fn keys(&self) -> &[PublicKey] {
        &self.keys
    }

    /// Whether a password is asked for.
    pub(crate) fn has_password(&self) -> bool {
        self.password.is_some()
    }

    /// Whether this is the password, in a time that tells nothing about it but its length.
    pub(crate) fn is_password(&self, given: &[u8]) -> bool {
        self.password.as_ref().is_some_and(|password| password.ct_eq(given))
    }
}

#[cfg(test)]
impl Quick {
    /// Somebody made up.
    pub(crate) fn made_up(user: User, keys: Vec<PublicKey>, password: Option<&str>) -> Self {
        let password = password.map(|password| Secret::copy_of(password.as_bytes()));
        Self { user, identities: Vec::new(), keys, password, host_key_is_kept: false }
    }
}

//! What a line of a user's file wants to be so before it lets anybody in.

use keyfiles::authorized_keys::Options;
use wire::Human;

use crate::log::Logger;
use crate::peer::Peer;

use super::account::{Account, shown};
use super::expiry;
use super::limits::FROM_SHOWN_MAX;
use super::permit::Grant;

/// Who wants to use a key, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Use<'a> {
    pub(super) peer: &'a Peer,
    /// Seconds since 1970.
    pub(super) now: i64,
    /// It is logged when a key may not be used.
    pub(super) told: bool,
}

/// For whom a line speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum For {
    /// A key.
    Key,
    /// An authority: only its line may have principals.
    Authority,
    /// A principal, which is no authority.
    Principal,
}

/// What the line permits, when its own conditions hold: its dates, where the peer is, and that it says nothing that has no meaning
/// where it stands.
pub(super) fn grant(
    options: Options<'_>,
    of: For,
    place: &str,
    account: &Account,
    used: Use<'_>,
    log: &Logger,
) -> Option<Grant> {
    let told = |line: std::fmt::Arguments<'_>| {
        if used.told {
            log.debug(format_args!("{place}: {line}"));
        }
    };
    if let Some(date) = options.expires.iter().find(|date| expiry::has_passed(date, used.now)) {
        told(format_args!("entry expired at {date}"));
        return None;
    }
    if options.principals.is_some() && !options.cert_authority {
        told(format_args!("principals on non-CA key"));
        return None;
    }
    if options.cert_authority && of != For::Authority {
        told(format_args!("cert-authority flag invalid here"));
        return None;
    }
    let Some(from) = options.from.as_ref().filter(|from| !from.list.matches(used.peer.client()).is_yes())
    else {
        let grant = Grant::of(options).remarked(place);
        told(format_args!("key options:{grant}"));
        return Some(grant);
    };
    if used.told {
        let (user, address) = (account.user.name.to_string_lossy(), used.peer.client_text());
        log.info(format_args!(
            "{place}: Authentication tried for {} with correct key but not from a permitted host \
             (host={address}, ip={address}, required={}).",
            shown(&user),
            Human(from.text.get(..FROM_SHOWN_MAX).unwrap_or(&from.text).as_bytes()),
        ));
    }
    None
}

//! Pseudo-terminals for the session's user.

use std::io;
use std::os::fd::AsFd;

use sys::ids::Uid;
use sys::pty::Pty;
use sys::users::Accounts;

use crate::log::Logger;
use crate::protocol::monitor::PtyOpened;
use crate::protocol::{Link, LinkError};
use crate::settings::without_number;

/// Answers a request: makes a pair that belongs to `user` and keeps nothing of it. `None` when they may not have one.
pub(super) fn open(
    session: &Link,
    user: Option<Uid>,
    accounts: &Accounts,
    log: &Logger,
) -> Result<(), LinkError> {
    let Some(user) = user else { return session.send(&PtyOpened { good: false, number: 0 }, &[]) };
    match make(user, accounts) {
        Ok(pty) => {
            let opened = PtyOpened { good: true, number: pty.number };
            session.send(&opened, &[pty.master.as_fd(), pty.follower.as_fd()])
        }
        Err(error) => {
            log.error(format_args!("openpty: {}", without_number(&error)));
            session.send(&PtyOpened { good: false, number: 0 }, &[])
        }
    }
}

fn make(user: Uid, accounts: &Accounts) -> io::Result<Pty> {
    let pty = Pty::open()?;
    let group = accounts.group(b"tty")?.map(|group| group.gid);
    pty.follower.give_to(user, group)?;
    Ok(pty)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::MetadataExt;

    use super::*;
    use crate::log::Level;

    /// The answer and what came with it, owner, group and mode of the follower.
    fn answer(user: Option<Uid>, groups: &str) -> (bool, Vec<(u32, u32, u32)>) {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("etc")).unwrap();
        std::fs::write(root.path().join("etc/group"), groups).unwrap();
        let (ours, mut theirs) = Link::pair().unwrap();
        open(&ours, user, &Accounts::below(root.path()), &Logger::to_nowhere(Level::Info)).unwrap();
        let incoming = theirs.receive(2).unwrap();
        let good = PtyOpened::from_payload(incoming.payload).unwrap().good;
        let describe = |fd: std::os::fd::OwnedFd| {
            let metadata = File::from(fd).metadata().unwrap();
            (metadata.uid(), metadata.gid(), metadata.mode() & 0o7777)
        };
        (good, incoming.fds.into_iter().skip(1).map(describe).collect())
    }

    #[test]
    fn a_terminal_belongs_to_its_user_and_only_root_can_give_it() {
        if Uid::effective() == Uid::ROOT {
            assert_eq!(answer(Some(Uid(12_345)), "tty:x:5:\n"), (true, vec![(12_345, 5, 0o620)]));
            let (good, followers) = answer(Some(Uid(12_345)), "");
            assert!(good);
            assert_eq!(
                followers.iter().map(|(user, _, mode)| (*user, *mode)).collect::<Vec<_>>(),
                [(12_345, 0o600)]
            );
        } else {
            assert_eq!(answer(Some(Uid(0)), "tty:x:5:\n"), (false, vec![]));
        }
    }

    #[test]
    fn who_may_have_none_gets_none() {
        assert_eq!(answer(None, "tty:x:5:\n"), (false, vec![]));
    }
}

//! Work with the rights of a user: reading what the user may read, and nothing else.

use std::io;
use std::marker::PhantomData;

use crate::call::check;
use crate::ids::{Credentials, Gid, Uid, groups_held, users_held};

/// Runs `work` with the user's effective ids and groups, and comes back.
///
/// The calling thread alone changes. The kernel makes the process not dumpable by this and forgets
/// [`die_with_parent`](crate::process::die_with_parent), which is to be asked for again.
///
/// # Errors
/// When the ids could not be taken; then nothing was run, and the old ones are in force. `PermissionDenied` for an ordinary user who
/// is somebody else.
///
/// Ends the process when the old ids cannot be taken back: it would go on as the wrong user.
pub fn as_user<T>(user: &Credentials, work: impl FnOnce() -> T) -> io::Result<T> {
    let own = Credentials::current()?;
    if own.uid != Uid::ROOT && own.uid == user.uid && own.gid == user.gid {
        return Ok(work()); // An ordinary user as itself: there is nothing to take, and groups could not be.
    }
    let back = Back { own, _of_this_thread: PhantomData };
    set_groups(&user.groups)?;
    set_effective_group(user.gid)?;
    set_effective_user(user.uid)?;
    if !Credentials::current()?.equals(user) {
        return Err(io::Error::from(io::ErrorKind::PermissionDenied));
    }
    let done = work();
    drop(back);
    Ok(done)
}

/// Takes the old ids back when it is dropped, on every way out. The pointer keeps it in its thread, whose ids they are.
struct Back {
    own: Credentials,
    _of_this_thread: PhantomData<*const ()>,
}

impl Drop for Back {
    fn drop(&mut self) {
        let restored = Credentials::current().is_ok_and(|now| now.equals(&self.own))
            || set_effective_user(self.own.uid)
                .and_then(|()| set_effective_group(self.own.gid))
                .and_then(|()| set_groups(&self.own.groups))
                .and_then(|()| Credentials::current())
                .is_ok_and(|now| now.equals(&self.own));
        if !restored {
            std::process::abort();
        }
    }
}

/// "Leave as it is" for the calls that set several ids.
const UNCHANGED: u32 = u32::MAX;

// The system calls themselves: the C library would change all threads, which also needs signals that a child of ours has not.

fn set_groups(groups: &[Gid]) -> io::Result<()> {
    let raw: Vec<u32> = groups.iter().map(|group| group.0).collect();
    // SAFETY: the count is the array's length.
    check(unsafe { libc::syscall(libc::SYS_setgroups, raw.len(), raw.as_ptr()) })?;
    Ok(())
}

fn set_effective_group(group: Gid) -> io::Result<()> {
    // SAFETY: takes numbers only.
    check(unsafe { libc::syscall(libc::SYS_setresgid, UNCHANGED, group.0, UNCHANGED) })?;
    Ok(())
}

fn set_effective_user(user: Uid) -> io::Result<()> {
    // SAFETY: takes numbers only.
    check(unsafe { libc::syscall(libc::SYS_setresuid, UNCHANGED, user.0, UNCHANGED) })?;
    Ok(())
}

/// Becomes the user for good: real, effective and saved ids and the groups of the calling thread, which must be the only one.
///
/// # Errors
/// What the kernel says, or `PermissionDenied` when the old ids could be taken back, or some of them are still held. The process is
/// in a state between the two users then and must end.
pub fn become_user(user: &Credentials) -> io::Result<()> {
    if crate::process::is_single_threaded() != Some(true) {
        return Err(io::Error::from(io::ErrorKind::ResourceBusy));
    }
    set_groups(&user.groups)?;
    // SAFETY: takes numbers only.
    check(unsafe { libc::syscall(libc::SYS_setresgid, user.gid.0, user.gid.0, user.gid.0) })?;
    // SAFETY: takes numbers only.
    check(unsafe { libc::syscall(libc::SYS_setresuid, user.uid.0, user.uid.0, user.uid.0) })?;
    let held = users_held()? == [user.uid.0; 3]
        && groups_held()? == [user.gid.0; 3]
        && Credentials::current()?.equals(user);
    if held && (user.uid == Uid::ROOT || cannot_be_root()) {
        Ok(())
    } else {
        Err(io::Error::from(io::ErrorKind::PermissionDenied))
    }
}

/// Tries to become root in every way there is.
pub(crate) fn cannot_be_root() -> bool {
    // SAFETY: takes numbers only.
    let user = check(unsafe { libc::syscall(libc::SYS_setresuid, UNCHANGED, 0, UNCHANGED) });
    // SAFETY: takes numbers only.
    let both = check(unsafe { libc::syscall(libc::SYS_setreuid, 0, 0) });
    // SAFETY: a count of 0 and no array: drops every group, which needs the same right as taking one.
    let groups = check(unsafe { libc::syscall(libc::SYS_setgroups, 0, std::ptr::null::<u32>()) });
    user.is_err() && both.is_err() && groups.is_err()
}

//! Accounts, friendly and hostile.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use nacre_sys::ids::{Credentials, Gid, Uid};
use nacre_sys::limits::MAX_ACCOUNT_LINE;
use nacre_sys::switch::as_user;
use nacre_sys::users::{Accounts, Password};
use proptest::prelude::*;

/// A root directory of its own for each test, removed at its end.
struct Root(PathBuf);

impl Root {
    fn with(files: &[(&str, &[u8])]) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("nacre-accounts-{}-{number}", std::process::id()));
        std::fs::create_dir_all(root.join("etc")).unwrap();
        for (name, content) in files {
            std::fs::write(root.join("etc").join(name), content).unwrap();
        }
        Self(root)
    }

    fn accounts(&self) -> Accounts {
        Accounts::below(&self.0)
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/bash
+nis:x:1:1::/:/bin/sh
:x:2:2::/:/bin/sh
short:x:3:3:/:/bin/sh
long:x:3:3::/:/bin/sh:more
minus:x:-1:3::/:/bin/sh
signed:x:+4:3::/:/bin/sh
big:x:4294967296:3::/:/bin/sh
none:x:4294967295:3::/:/bin/sh
nul:x:5:3::/\0:/bin/sh
alice:x:1000:1000:Alice,,,:/home/alice:
alice:x:0:0:the second:/root:/bin/sh
bob:!:1001:100::/home/bob:/usr/sbin/nologin
carol::1002:100::/home/carol:/bin/zsh
dave:$6$salt$hash:1003:100::/home/dave:/bin/sh";

#[test]
fn accounts_are_read_and_the_first_match_wins() {
    let root = Root::with(&[("passwd", PASSWD)]);
    let accounts = root.accounts();
    let alice = accounts.user(b"alice").unwrap().unwrap();
    assert_eq!(
        (alice.uid, alice.gid, alice.home.as_path()),
        (Uid(1000), Gid(1000), Path::new("/home/alice"))
    );
    assert_eq!((alice.shell.as_path(), alice.comment.to_str()), (Path::new("/bin/sh"), Some("Alice,,,")));
    assert_eq!(accounts.user_by_id(Uid(0)).unwrap().unwrap().name, "root");
    assert_eq!(accounts.user(b"carol").unwrap().unwrap().password, Password::Empty);
    let dave = accounts.user(b"dave").unwrap().unwrap();
    assert_eq!(dave.password, Password::Hash(b"$6$salt$hash".to_vec()));
    assert!(!format!("{dave:?}").contains("salt"));
}

#[test]
fn lines_that_are_not_accounts_are_none() {
    let root = Root::with(&[("passwd", PASSWD)]);
    for name in
        ["+nis", "nis", "", "short", "long", "minus", "signed", "big", "none", "nul", "Alice", "alice:x"]
    {
        assert_eq!(root.accounts().user(name.as_bytes()).unwrap(), None, "{name}");
    }
    assert_eq!(Root::with(&[]).accounts().user(b"root").unwrap(), None);
}

#[test]
fn groups_of_a_user_are_the_primary_one_and_each_other_once() {
    let group =
        b"staff:x:50:alice,bob\nalice:x:1000:\nwheel:x:10:malice,alice,\ntwice:x:50:alice\nbad:x:zz:alice\n";
    let root = Root::with(&[("passwd", PASSWD), ("group", group)]);
    let accounts = root.accounts();
    let alice = accounts.user(b"alice").unwrap().unwrap();
    assert_eq!(accounts.groups_of(&alice).unwrap(), [Gid(1000), Gid(50), Gid(10)]);
    let names = accounts.group_names(&accounts.groups_of(&alice).unwrap()).unwrap();
    assert_eq!(names, ["staff", "alice", "wheel", "twice"], "group 50 has two names");
    assert_eq!(accounts.group(b"wheel").unwrap().unwrap().gid, Gid(10));
    assert_eq!(accounts.group(b"bad").unwrap(), None);
}

#[test]
fn locked_and_expired_accounts_and_nologin_are_seen() {
    let shadow = b"alice:!$6$x:19000:0:99999:7:::\nroot:*:19000:0:90:7:5:19500:\n";
    let root = Root::with(&[("passwd", PASSWD), ("shadow", shadow), ("nologin", b"back at noon")]);
    let accounts = root.accounts();
    let locked = |name: &str| accounts.is_locked(&accounts.user(name.as_bytes()).unwrap().unwrap()).unwrap();
    assert_eq!(["alice", "bob", "carol", "root"].map(locked), [true, true, false, false]);
    let entry = accounts.shadow(b"root").unwrap().unwrap();
    assert_eq!(
        (entry.changed, entry.good_for, entry.grace, entry.expires),
        (Some(19_000), Some(90), Some(5), Some(19_500))
    );
    assert_eq!((entry.is_expired(19_499), entry.is_expired(19_500)), (false, true));
    assert_eq!(accounts.nologin().unwrap(), b"back at noon");
    assert_eq!(Root::with(&[]).accounts().nologin(), None);
}

#[test]
fn a_line_that_is_too_long_hides_nothing_behind_it() {
    let mut passwd = vec![b'x'; MAX_ACCOUNT_LINE * 3];
    passwd.extend(b"\nafter:x:7:7::/:/bin/sh");
    let root = Root::with(&[("passwd", &passwd)]);
    assert_eq!(root.accounts().user(b"after").unwrap().unwrap().uid, Uid(7));
}

#[test]
fn a_directory_or_a_fifo_is_no_account_file() {
    let root = Root::with(&[]);
    std::fs::create_dir(root.0.join("etc/passwd")).unwrap();
    assert!(root.accounts().user(b"root").is_err());
    std::process::Command::new("mkfifo").arg(root.0.join("etc/group")).status().unwrap();
    assert_eq!(root.accounts().group(b"root").unwrap_err().kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn work_as_a_user_has_that_users_rights_and_no_longer() {
    let own = Credentials::current().unwrap();
    if own.uid != Uid::ROOT {
        let other = Credentials { uid: Uid(own.uid.0 + 1), ..own.clone() };
        assert!(as_user(&other, || ()).is_err(), "an ordinary user is nobody else");
        assert_eq!(as_user(&own, Uid::effective).unwrap(), own.uid);
        return;
    }
    let root = Root::with(&[("secret", b"of root")]);
    let secret = root.0.join("etc/secret");
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let user = Credentials { uid: Uid(4001), gid: Gid(4002), groups: vec![Gid(4002), Gid(4003)] };
    let (during, read) =
        as_user(&user, || (Credentials::current().unwrap(), std::fs::read(&secret))).unwrap();
    assert_eq!(during, user);
    assert_eq!(read.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    assert_eq!(Credentials::current().unwrap(), own);
    assert_eq!(std::fs::read(&secret).unwrap(), b"of root");
    let panicked = std::panic::catch_unwind(|| as_user(&user, || panic!("on purpose")).unwrap());
    assert!(panicked.is_err() && Credentials::current().unwrap() == own);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn hostile_files_give_answers_and_no_account_but_their_own(
        bytes in proptest::collection::vec(prop_oneof![
            Just(b':'), Just(b'\n'), Just(b','), Just(b'0'), Just(b'x'), Just(0), any::<u8>(),
        ], 0..2000),
    ) {
        let root = Root::with(&[("passwd", &bytes), ("group", &bytes), ("shadow", &bytes)]);
        let accounts = root.accounts();
        for name in [&b"x"[..], b"0", b"", b"xx"] {
            if let Some(user) = accounts.user(name).unwrap() {
                let line = [name, b":"].concat();
                prop_assert!(bytes.windows(line.len()).any(|window| window == line));
                let groups = accounts.groups_of(&user).unwrap();
                prop_assert_eq!(groups[0], user.gid);
                accounts.is_locked(&user).unwrap();
            }
            accounts.group(name).unwrap();
            accounts.shadow(name).unwrap();
        }
    }
}

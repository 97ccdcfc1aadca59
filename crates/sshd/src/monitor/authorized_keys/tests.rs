use std::os::unix::fs::{PermissionsExt, chown, symlink};

use keys::{PrivateKey, PublicKey};
use sys::ids::{Credentials, Gid, Uid};
use sys::users::{Password, User};

use super::*;
use crate::monitor::limits::{KEY_FILES_MAX, USER_FILE_MAX};
use crate::monitor::testing::{Made, write};
use crate::peer::Peer;

fn key(seed: u8) -> PublicKey {
    PrivateKey::from_seed(&[seed; 32]).public()
}

/// 2026-01-01 00:00:00 UTC.
const NOW: i64 = 1_767_225_600;

struct Files {
    made: Made,
    account: Account,
    patterns: Vec<String>,
    strict: bool,
    reported: Reported,
    peer: Peer,
    now: i64,
}

impl Files {
    fn new() -> Self {
        let made = Made::new("");
        let credentials = Credentials::current().unwrap();
        let user = User {
            name: "alice".into(),
            uid: credentials.uid,
            gid: credentials.gid,
            comment: "".into(),
            home: made.home(),
            shell: "/bin/sh".into(),
            password: Password::Empty,
        };
        let account = Account { user, credentials, groups: Vec::new() };
        let patterns = vec![".ssh/authorized_keys".to_owned()];
        let (reported, peer) = (Reported::default(), Peer::default());
        Self { made, account, patterns, strict: true, reported, peer, now: NOW }
    }

    /// What is found, without what the client is told of it.
    fn find(&mut self, key: &PublicKey) -> Option<Listed> {
        let mut listed = self.find_with_remarks(key)?;
        listed.grant.remarks.clear();
        Some(listed)
    }

    fn find_with_remarks(&mut self, key: &PublicKey) -> Option<Listed> {
        let files = KeyFiles { patterns: &self.patterns, account: &self.account, strict: self.strict };
        let used = Use { peer: &self.peer, now: self.now, told: true };
        files.find(Shown::Key(key), used, &mut self.reported, &self.made.server.log)
    }

    /// Whether key 1 is found, and what was logged.
    fn found(&mut self) -> (bool, Vec<String>) {
        (self.find(&key(1)).is_some(), self.made.logged())
    }

    fn mode(&self, path: &str, mode: u32) {
        let path = self.made.home().join(path);
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }
}

fn line(seed: u8) -> String {
    format!("{} somebody\n", key(seed))
}

#[test]
fn a_listed_key_is_found_with_its_line_and_no_other_key_is() {
    let mut files = Files::new();
    files.made.authorize(&format!("# keys\n{}\n{}", line(2), line(1)));
    let listed = files.find(&key(1)).unwrap();
    assert_eq!(listed.grant, Grant::everything());
    assert!(listed.place.ends_with("/home/.ssh/authorized_keys:4"), "{}", listed.place);
    assert_eq!(files.find(&key(3)), None);
    assert_eq!(files.made.logged(), [""; 0]);
}

/// What the options give, where a file has them.
fn grant(options: &str) -> Grant {
    let text = format!("{options} {}", line(1));
    let Some((_, Ok(Some(entry)))) = lines(text.as_bytes()).next() else { panic!("{options}") };
    Grant::of(entry.options)
}

#[test]
fn options_come_with_the_key() {
    let mut files = Files::new();
    files.made.authorize(&format!("restrict,command=\"run \\\"it\\\"\" {}no-pty {}", line(1), line(2)));
    let listed = files.find(&key(1)).unwrap();
    assert_eq!(listed.grant.command.as_deref(), Some(&b"run \"it\""[..]));
    assert_eq!(listed.grant, grant("restrict,command=\"run \\\"it\\\"\""));
    assert_eq!(files.find(&key(2)).unwrap().grant, grant("no-pty"));
    assert_ne!(grant("no-pty"), Grant::everything());
}

#[test]
fn the_client_is_told_what_the_line_permits_and_sets() {
    let mut files = Files::new();
    files.made.authorize(&format!("restrict,pty,environment=\"A=b c\" {}", line(1)));
    let listed = files.find_with_remarks(&key(1)).unwrap();
    let place = &listed.place;
    let remarks = [format!("{place}: key options: environment pty"), format!("{place}: environment: A=b c")];
    assert_eq!(listed.grant.remarks, remarks);
}

#[test]
fn all_files_together_have_a_limit_of_number_and_of_bytes() {
    let mut files = Files::new();
    let directory = files.made.home().join("keys");
    std::fs::create_dir(&directory).unwrap();
    let file = |name: String, size: u64| {
        let path = directory.join(name);
        write(&path, "");
        std::fs::File::options().write(true).open(&path).unwrap().set_len(size).unwrap();
    };
    files.patterns = vec!["keys/a*".into(), "keys/z".into()];
    write(&directory.join("z"), &line(1));
    for number in 0..4 {
        file(format!("a{number}"), USER_FILE_MAX - 1024);
    }
    assert!(files.found().0, "as many bytes as there may be");
    file("a4".into(), 8 * 1024);
    let told = "AuthorizedKeysFile: only the first 67108864 bytes are read";
    assert_eq!(files.found(), (false, vec![told.into()]));
    for number in 0..KEY_FILES_MAX {
        file(format!("a{number}"), 0);
    }
    let told = "AuthorizedKeysFile: only the first 1024 files are read";
    assert_eq!(files.found(), (false, vec![told.into()]));
    std::fs::remove_file(directory.join("a0")).unwrap();
    assert_eq!(files.found(), (true, Vec::new()));
}

#[test]
fn a_line_with_a_fault_gives_no_key_and_is_logged_once() {
    let mut files = Files::new();
    let bad = "permitopen=\"a\"";
    files.made.authorize(&format!(
        "tunnel=\"x\" {}nonsense {}{bad} {}{}",
        line(1),
        line(1),
        line(1),
        line(2)
    ));
    assert_eq!(files.find(&key(1)), None);
    assert_eq!(
        files.made.logged(),
        [
            "HOME/.ssh/authorized_keys:1: option tunnel: invalid tun device",
            "HOME/.ssh/authorized_keys:2: unknown option nonsense",
            "HOME/.ssh/authorized_keys:3: option permitopen: invalid permission port",
        ]
    );
    assert!(files.find(&key(2)).is_some(), "a bad line does not block the next");
    assert_eq!(files.made.logged(), [""; 0]);
}

/// A client at 127.0.0.1.
fn local_peer() -> Peer {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    Peer::of(listener.accept().unwrap().0)
}

#[test]
fn only_peers_that_from_names_may_use_the_key() {
    let mut files = Files::new();
    files.peer = local_peer();
    for from in ["127.0.0.0/8", "127.0.0.1", "!10.0.0.0/8,*", "::1,127.*"] {
        files.made.authorize(&format!("from=\"{from}\" {}", line(1)));
        assert_eq!(files.found(), (true, vec![]), "{from}");
    }
    let refused = |required: &str, host: &str| {
        let place = "HOME/.ssh/authorized_keys:1";
        let tried = "Authentication tried for alice with correct key but not from a permitted host";
        let lines = [
            format!("{place}: {tried} (host={host}, ip={host}, required={required})."),
            format!("Refused by key options at {place}"),
        ];
        (false, lines.to_vec())
    };
    for from in ["192.0.2.1", "!127.0.0.1,*", "*,!127.0.0.0/8", "::1", "localhost"] {
        files.made.authorize(&format!("from=\"{from}\" {}", line(1)));
        assert_eq!(files.found(), refused(from, "127.0.0.1"), "{from}");
    }
    files.peer = Peer::default();
    for from in ["*", "!127.0.0.1,*", "0.0.0.0/0,::/0", "UNKNOWN"] {
        files.made.authorize(&format!("from=\"{from}\" {}", line(1)));
        assert_eq!(files.found(), refused(from, "UNKNOWN"), "a peer without an address");
    }
}

#[test]
fn a_key_that_has_expired_is_refused_and_one_that_has_not_is_good() {
    let mut files = Files::new();
    for (dates, good) in [
        ("expiry-time=\"20260101Z\"", true),
        ("expiry-time=\"20251231235959Z\"", false),
        ("expiry-time=\"20270101Z\",expiry-time=\"20250101Z\"", false),
        ("expiry-time=\"20250101Z\",expiry-time=\"20270101Z\"", false),
        ("expiry-time=\"20260103\"", true),
        ("expiry-time=\"20251230\"", false),
    ] {
        files.made.authorize(&format!("{dates} {}", line(1)));
        let logged =
            if good { vec![] } else { vec!["Refused by key options at HOME/.ssh/authorized_keys:1".into()] };
        assert_eq!(files.found(), (good, logged), "{dates}");
    }
    files.now += 1;
    files.made.authorize(&format!("expiry-time=\"20260101Z\" {}", line(1)));
    assert!(!files.found().0);
}

#[test]
fn a_refused_line_does_not_hide_a_good_one_of_the_same_key() {
    let mut files = Files::new();
    files.made.authorize(&format!("expiry-time=\"20000101\" {}from=\"::1\" {}{}", line(1), line(1), line(1)));
    assert!(files.find(&key(1)).unwrap().place.ends_with(":3"));
}

#[test]
fn nothing_is_said_of_the_keys_of_those_who_are_kept_out() {
    let files = Files::new();
    files.made.authorize(&format!("from=\"::1\" {}", line(1)));
    let keys = KeyFiles { patterns: &files.patterns, account: &files.account, strict: true };
    let used = Use { peer: &files.peer, now: NOW, told: false };
    assert_eq!(keys.find(Shown::Key(&key(1)), used, &mut Reported::default(), &files.made.server.log), None);
    assert_eq!(files.made.logged(), [""; 0]);
}

#[test]
fn an_authority_s_own_key_lets_nobody_in_nor_does_a_key_that_pretends_to_be_one() {
    let mut files = Files::new();
    files.made.authorize(&format!(
        "cert-authority {}cert-authority,principals=\"alice\" {}",
        line(1),
        line(1)
    ));
    assert_eq!(files.found(), (false, vec![]));
    files.made.authorize(&format!("principals=\"alice\" {}", line(1)));
    let refused = "Refused by key options at HOME/.ssh/authorized_keys:1";
    assert_eq!(files.found(), (false, vec![refused.into()]));
}

#[test]
fn a_tunnel_limits_nothing_because_there_is_none() {
    let mut files = Files::new();
    files.made.authorize(&format!("tunnel=\"0\" {}", line(1)));
    assert_eq!(files.find(&key(1)).unwrap().grant, Grant::everything());
}

#[test]
fn keys_of_other_types_are_nothing_to_talk_about() {
    let mut files = Files::new();
    files.made.authorize(&format!("ssh-x AAAABXNzaC14AAAAAQA= old\n{}", line(1)));
    assert_eq!(files.found(), (true, vec![]));
}

#[test]
fn tokens_are_expanded_and_several_files_are_read_in_their_order() {
    let mut files = Files::new();
    let home = files.made.home();
    write(&home.join("alice%keys"), &line(1));
    let absolute = home.join(format!("of-{}", files.account.user.uid));
    write(&absolute, &line(2));
    files.patterns = vec!["none-here".into(), "%u%%keys".into(), "%h/of-%U".into()];
    assert!(files.find(&key(1)).unwrap().place.ends_with("/alice%keys:1"));
    assert!(files.find(&key(2)).unwrap().place.ends_with(":1"));
    files.patterns = vec![absolute.to_str().unwrap().to_owned()];
    assert!(files.find(&key(2)).is_some());
    files.patterns = Vec::new();
    assert_eq!(files.find(&key(2)), None);
    assert_eq!(files.made.logged(), [""; 0]);
}

#[test]
fn an_unknown_token_lets_nobody_in_and_is_told() {
    let mut files = Files::new();
    files.made.authorize(&line(1));
    files.patterns = vec!["%x".into()];
    let (found, logged) = files.found();
    assert!(!found && logged.len() == 1 && logged[0].starts_with("AuthorizedKeysFile %x: "), "{logged:?}");
}

#[test]
fn files_and_directories_that_others_can_change_are_refused_in_openssh_s_words() {
    let mut files = Files::new();
    files.made.authorize(&line(1));
    let refused =
        |what: &str| (false, vec![format!("Authentication refused: bad ownership or modes for {what}")]);
    for (path, mode, good, what) in [
        (".ssh/authorized_keys", 0o620, 0o644, "file HOME/.ssh/authorized_keys"),
        (".ssh/authorized_keys", 0o602, 0o600, "file HOME/.ssh/authorized_keys"),
        (".ssh", 0o770, 0o755, "directory HOME/.ssh"),
        (".ssh", 0o777, 0o700, "directory HOME/.ssh"),
        ("", 0o722, 0o755, "directory HOME"),
    ] {
        files.mode(path, mode);
        assert_eq!(files.found(), refused(what), "{path} {mode:o}");
        files.strict = false;
        assert_eq!(files.found(), (true, vec![]), "without StrictModes");
        files.strict = true;
        files.mode(path, good);
        assert_eq!(files.found(), (true, vec![]), "{path} {good:o}");
    }
}

#[test]
fn above_the_home_directory_nothing_is_asked_but_outside_of_it_everything_is() {
    let mut files = Files::new();
    files.made.authorize(&line(1));
    let above = files.made.home();
    let above = above.parent().unwrap();
    std::fs::set_permissions(above, PermissionsExt::from_mode(0o777)).unwrap();
    assert_eq!(files.found(), (true, vec![]));
    let outside = above.join("keys");
    write(&outside, &line(1));
    files.patterns = vec![outside.to_str().unwrap().to_owned()];
    let (found, logged) = files.found();
    assert!(!found);
    let above = above.display();
    assert_eq!(logged, [format!("Authentication refused: bad ownership or modes for directory {above}")]);
}

#[test]
fn a_link_is_judged_by_what_it_leads_to() {
    let mut files = Files::new();
    let home = files.made.home();
    std::fs::create_dir(home.join("open")).unwrap();
    files.mode("open", 0o777);
    write(&home.join("open/keys"), &line(1));
    symlink("../open/keys", home.join(".ssh/authorized_keys")).unwrap();
    let line = "Authentication refused: bad ownership or modes for directory HOME/open";
    assert_eq!(files.found(), (false, vec![line.into()]));
}

#[test]
fn only_regular_files_are_read_and_nobody_waits_for_another_one() {
    let mut files = Files::new();
    std::fs::create_dir(files.made.home().join(".ssh/authorized_keys")).unwrap();
    let line = "User 'alice' authorized keys 'HOME/.ssh/authorized_keys' is not a regular file";
    assert_eq!(files.found(), (false, vec![line.into()]));
    files.patterns = vec!["fifo".into()];
    let status = std::process::Command::new("mkfifo").arg(files.made.home().join("fifo")).status().unwrap();
    assert!(status.success());
    let line = "User 'alice' authorized keys 'HOME/fifo' is not a regular file";
    assert_eq!(files.found(), (false, vec![line.into()]));
    files.patterns = vec!["/dev/null".into()];
    let line = "User 'alice' authorized keys '/dev/null' is not a regular file";
    assert_eq!(files.found(), (false, vec![line.into()]));
}

#[test]
fn a_missing_file_is_nothing_to_talk_about() {
    let mut files = Files::new();
    assert_eq!(files.found(), (false, vec![]));
    files.account.user.home = "/nonexistent".into();
    assert_eq!(files.found(), (false, vec![]));
}

#[test]
fn a_file_without_end_lets_nobody_in() {
    let mut files = Files::new();
    let path = files.made.authorize(&line(1));
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_len(USER_FILE_MAX + 1).unwrap();
    let (found, logged) = files.found();
    assert!(!found);
    assert_eq!(logged, ["Authentication refused: HOME/.ssh/authorized_keys is larger than 16777216 bytes"]);
}

#[test]
fn files_are_opened_with_the_user_s_rights_and_no_others() {
    let mut files = Files::new();
    let path = files.made.authorize(&line(1));
    if Uid::effective() == Uid::ROOT {
        let (uid, gid) = (Uid(54_321), Gid(54_321));
        files.account.user.uid = uid;
        files.account.credentials = Credentials { uid, gid, groups: vec![gid] };
        // The directories are root's own, so that the user may not even look into them.
        let denied =
            "Could not open user 'alice' authorized keys 'HOME/.ssh/authorized_keys': Permission denied";
        assert_eq!(files.found(), (false, vec![denied.into()]));
        for directory in ["", ".ssh"] {
            chown(files.made.home().join(directory), Some(uid.0), Some(gid.0)).unwrap();
        }
        let above = files.made.home();
        std::fs::set_permissions(above.parent().unwrap(), PermissionsExt::from_mode(0o755)).unwrap();
        assert_eq!(files.found(), (false, vec![denied.into()]), "the file is root's, for root only");
        chown(&path, Some(uid.0), Some(gid.0)).unwrap();
        assert_eq!(files.found(), (true, vec![]));
        chown(&path, Some(12_345), Some(gid.0)).unwrap();
        files.mode(".ssh/authorized_keys", 0o644);
        let bad = "Authentication refused: bad ownership or modes for file HOME/.ssh/authorized_keys";
        assert_eq!(files.found(), (false, vec![bad.into()]), "it is somebody else's");
        assert_eq!(Uid::effective(), Uid::ROOT, "we are who we were");
    } else {
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o000)).unwrap();
        let denied =
            "Could not open user 'alice' authorized keys 'HOME/.ssh/authorized_keys': Permission denied";
        assert_eq!(files.found(), (false, vec![denied.into()]));
        files.mode(".ssh/authorized_keys", 0o600);
        files.account.credentials.uid = Uid(54_321);
        let (found, logged) = files.found();
        assert!(!found && logged[0].starts_with("Could not take the rights of user 'alice'"), "{logged:?}");
    }
}

#[test]
fn wildcards_stand_for_the_files_there_are_in_the_order_of_their_names() {
    let mut files = Files::new();
    files.strict = false;
    let home = files.made.home();
    std::fs::create_dir_all(home.join("keys.d")).unwrap();
    write(&home.join("keys.d/10-other.pub"), &line(2));
    write(&home.join("keys.d/20-ours.pub"), &line(1));
    write(&home.join("keys.d/30-ours.off"), &line(3));
    files.patterns = vec!["keys.d/*.pub".to_owned(), "nowhere/*".to_owned()];
    let listed = files.find(&key(1)).unwrap();
    assert!(listed.place.contains("20-ours.pub"), "{}", listed.place);
    assert!(files.find(&key(2)).is_some() && files.find(&key(3)).is_none());
}

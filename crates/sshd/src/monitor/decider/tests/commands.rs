//! Programs that say who is let in. `/bin/sh` is one that only root can change, wherever the tests run.

use crypto::SeededRng;
use keys::{CertificateKind, CertificateRequest};

use super::*;
use crate::monitor::testing;

/// A shell that runs these commands, as the user of the tests; its arguments begin with `$1`.
fn keys_by(commands: &str, arguments: &str) -> String {
    assert!(!commands.contains(['"', '\\']));
    format!(
        "AuthorizedKeysFile none\nAuthorizedKeysCommandUser %u\nAuthorizedKeysCommand /bin/sh -c \"{commands}\" sh {arguments}\n"
    )
}

/// What says the user's key.
fn own_key() -> String {
    format!("echo {}", user_key().public())
}

fn asked(lines: &str) -> Bench {
    let bench = Bench::named(lines, USER);
    bench.made.logged();
    bench
}

/// What is logged of a key that lets nobody in, but for the failure itself.
#[track_caller]
fn why_not(lines: &str) -> Vec<String> {
    let mut bench = asked(lines);
    assert!(!bench.offer_own());
    let lines = bench.made.logged().into_iter();
    lines.filter(|line| !line.starts_with("Failed publickey for ")).collect()
}

#[test]
fn a_program_s_keys_let_in_and_the_log_says_where_they_stand() {
    let lines = keys_by(&format!("echo; echo no-pty {}", user_key().public()), "");
    let mut bench = asked(&lines);
    assert!(bench.offer_own());
    let line = lines.lines().last().unwrap().strip_prefix("AuthorizedKeysCommand ").unwrap().trim_end();
    let found = format!("Accepted key {} found at {line}:2", fingerprint());
    assert_eq!(bench.made.logged()[0], found);
    let admitted = admitted(bench.log_in(USER, false));
    assert!(!admitted.permit.pty && admitted.permit.agent);
    assert_eq!(
        admitted.remarks,
        format!("{line}:2: key options: agent-forwarding port-forwarding user-rc x11-forwarding\n")
    );
}

#[test]
fn files_go_before_the_program() {
    let lines = "AuthorizedKeysCommandUser %u\nAuthorizedKeysCommand /bin/false\n";
    let mut bench = asked(lines);
    assert!(bench.offer_own());
    assert!(bench.made.logged()[0].ends_with("found at HOME/.ssh/authorized_keys:1"));
    bench.made.authorize("");
    assert!(!bench.offer_own());
    assert_eq!(bench.made.logged()[0], format!("AuthorizedKeysCommand /bin/false {USER} failed, status 1"));
}

#[test]
fn what_a_program_says_that_fails_lets_nobody_in() {
    let own = own_key();
    let shown = |commands: &str| format!("/bin/sh -c \"{commands}\" sh");
    for (commands, outcome) in [
        (format!("{own}; exit 3"), "failed, status 3"),
        (format!("{own}; kill -9 $$"), "exited on signal 9"),
        ("exec yes".to_owned(), "said more than 16777216 bytes"),
    ] {
        let line = shown(&commands);
        assert_eq!(why_not(&keys_by(&commands, "")), [format!("AuthorizedKeysCommand {line} {outcome}")]);
    }
    assert_eq!(why_not(&keys_by("true", "")), [""; 0]);
}

#[test]
fn what_cannot_be_run_is_told_in_openssh_s_words() {
    let made = Made::new("");
    let mine = made.home().join("mine");
    std::fs::write(&mine, "#!/bin/sh\n").unwrap();
    let mine = mine.display();
    let line = |line: &str| {
        format!("AuthorizedKeysFile none\nAuthorizedKeysCommandUser %u\nAuthorizedKeysCommand {line}\n")
    };
    assert_eq!(
        why_not(&line("/nonexistent/x")),
        ["Could not stat AuthorizedKeysCommand \"/nonexistent/x\": No such file or directory"]
    );
    let unsafe_ = format!("Unsafe AuthorizedKeysCommand \"{mine}\": bad ownership or modes for ");
    let said = why_not(&line(&mine.to_string()));
    assert!(said.len() == 1 && said[0].starts_with(&unsafe_), "{said:?}");
    assert_eq!(why_not(&line("/etc")), ["Unsafe AuthorizedKeysCommand \"/etc\": /etc is not a regular file"]);
    assert_eq!(
        why_not(&line("/etc/passwd")),
        [format!("AuthorizedKeysCommand execve \"/etc/passwd {USER}\": Permission denied")]
    );
    let said = why_not(&line("/bin/sh %z"));
    assert!(said.len() == 1 && said[0].starts_with("AuthorizedKeysCommand %z: "), "{said:?}");
    let said = why_not(&line("/bin/sh %K"));
    assert!(said[0].starts_with("AuthorizedKeysCommand %K: "), "only for principals: {said:?}");
}

#[test]
fn the_user_of_a_program_is_an_account() {
    let line = |user: &str| format!("AuthorizedKeysFile none\n{user}\nAuthorizedKeysCommand /bin/true\n");
    assert_eq!(why_not(&line("")), ["No user for AuthorizedKeysCommand specified, skipping"]);
    let user = |name: &str| why_not(&line(&format!("AuthorizedKeysCommandUser {name}")));
    assert_eq!(user("nobody-at-all"), ["AuthorizedKeysCommandUser \"nobody-at-all\" not found"]);
    if Uid::effective() == Uid::ROOT {
        assert_eq!(user("bob"), [""; 0]);
    } else {
        assert_eq!(
            user("bob"),
            ["AuthorizedKeysCommandUser \"bob\" cannot be used: sshd does not run as root"]
        );
    }
}

#[test]
fn a_program_sees_its_arguments_its_own_environment_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out");
    let tell = |commands: &str, arguments: &str| {
        let mut bench = asked(&keys_by(&format!("({commands}) > {}", out.display()), arguments));
        assert!(!bench.offer_own());
        let told = std::fs::read_to_string(&out).unwrap();
        told.replace(bench.made.home().to_str().unwrap(), "HOME")
    };
    let each = "IFS=; for a; do echo [$a]; done";
    let key = user_key().public().to_string();
    let (key_type, blob) = key.split_once(' ').unwrap();
    let (uid, print) = (Uid::effective(), user_key().public().fingerprint());
    assert_eq!(
        tell(each, "'a  b' %% x%ux %h %U %f %t %k %C %D"),
        format!(
            "[a  b]\n[%]\n[xalicex]\n[HOME]\n[{uid}]\n[{print}]\n[{key_type}]\n[{blob}]\n\
             [UNKNOWN 65535 UNKNOWN 65535]\n[]\n"
        )
    );
    let language = std::env::var("LANG").map(|language| format!("LANG={language}\n")).unwrap_or_default();
    let environment = format!(
        "HOME=HOME\n{language}LOGNAME=alice\nPATH=/usr/local/bin:/usr/bin:/bin:/usr/games\nUSER=alice\n"
    );
    let seen = tell("env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= | LC_ALL=C sort", "");
    assert_eq!(seen, environment);
    assert_eq!(tell("readlink /proc/$$/fd/0; ls /proc/$$/fd | wc -l; cat", ""), "/dev/null\n3\n");
}

#[test]
fn nobody_runs_a_program_by_naming_who_is_kept_out() {
    let directory = tempfile::tempdir().unwrap();
    let ran = directory.path().join("ran");
    let lines = keys_by(&format!("touch {}", ran.display()), "");
    let mut bench = Bench::named(&lines, "nobody-at-all");
    assert!(!bench.offer_own());
    assert!(!ran.exists());
    assert!(!asked(&lines).offer_own());
    assert!(ran.exists());
}

/// A certificate for `ops`, and the configuration that trusts its authority.
fn certified(bench: &Bench, lines: &str) -> (Vec<u8>, String) {
    let authority = PrivateKey::from_seed(&[9; 32]);
    let mut request = CertificateRequest::new(CertificateKind::User, user_key().public(), b"the id");
    (request.principals, request.serial) = (vec!["ops".into()], 7);
    let row = SignatureAlg::by_name("ssh-ed25519").unwrap();
    let certificate = request.sign(&authority, row, &mut SeededRng::new(1)).unwrap();
    let home = bench.made.home();
    testing::write(&home.join("authorities"), &format!("{}\n", authority.public()));
    testing::write(&home.join("dev"), "dev\n");
    let lines = lines.replace("HOME", home.to_str().unwrap());
    let trusting = format!("TrustedUserCAKeys {}\n{lines}", home.join("authorities").display());
    (certificate.blob().to_vec(), trusting)
}

fn offers(lines: &str) -> (bool, Vec<String>) {
    let mut bench = Bench::new("");
    bench.made.authorize("");
    let (certificate, lines) = certified(&bench, lines);
    bench.made.server.config = testing::config(&lines).unwrap();
    bench.exchange(1);
    bench.name(USER);
    bench.made.logged();
    let algorithm = Name::new("ssh-ed25519-cert-v01@openssh.com").unwrap();
    let offered = good(bench.send(&KeyOffer { algorithm, key: Bytes(&certificate) }));
    (offered, bench.made.logged())
}

const BY: &str = "AuthorizedPrincipalsCommandUser %u\nAuthorizedPrincipalsCommand /bin/sh -c";

#[test]
fn a_program_names_principals_where_the_file_does_not() {
    assert!(offers(&format!("{BY} 'echo bogus x; echo no-pty ops'\n")).0);
    assert!(offers(&format!("AuthorizedPrincipalsFile HOME/dev\n{BY} 'echo ops'\n")).0);
    for (lines, first) in [
        (format!("{BY} 'echo dev'\n"), None),
        (
            format!("{BY} 'echo ops; exit 3'\n"),
            Some("AuthorizedPrincipalsCommand /bin/sh -c \"echo ops; exit 3\" failed, status 3"),
        ),
        (
            "AuthorizedPrincipalsCommand /bin/true\n".to_owned(),
            Some("No user for AuthorizedPrincipalsCommand specified, skipping"),
        ),
    ] {
        let (offered, logged) = offers(&lines);
        assert!(!offered, "{lines}");
        let refusing =
            logged.iter().position(|line| line.starts_with("Refusing certificate ID \"the id\" serial=7"));
        let refusing = refusing.unwrap();
        assert!(logged[refusing].ends_with(": Certificate does not contain an authorized principal"));
        assert_eq!(logged[..refusing].first().map(String::as_str), first, "{lines}");
    }
}

#[test]
fn a_program_that_names_principals_is_told_of_the_certificate_and_its_authority() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out");
    let lines =
        format!("{BY} 'for a; do echo \"[$a]\"; done > {}' sh %i %s %T %F %K %t %f %u\n", out.display());
    assert!(!offers(&lines).0);
    let authority = PrivateKey::from_seed(&[9; 32]).public();
    let (text, print) = (authority.to_string(), user_key().public().fingerprint());
    let (key_type, blob) = text.split_once(' ').unwrap();
    assert_eq!(
        std::fs::read_to_string(&out).unwrap(),
        format!(
            "[the id]\n[7]\n[{key_type}]\n[{}]\n[{blob}]\n[ssh-ed25519-cert-v01@openssh.com]\n[{print}]\n[alice]\n",
            authority.fingerprint()
        )
    );
    let seen = std::fs::remove_file(&out).and_then(|()| {
        offers(&format!("{BY} 'echo $# > {}'\n", out.display()));
        std::fs::read_to_string(&out)
    });
    assert_eq!(seen.unwrap(), "0\n", "nothing is added to what has no argument");
}

#[test]
fn principals_stand_in_all_files_that_a_pattern_means() {
    let mut bench = Bench::new("");
    bench.made.authorize("");
    let (certificate, lines) = certified(&bench, "AuthorizedPrincipalsFile who/*.list\n");
    let home = bench.made.home();
    std::fs::create_dir(home.join("who")).unwrap();
    for (name, text) in [("a.list", "dev\n"), ("b.list", "no-pty ops\n"), ("c.txt", "ops\n")] {
        testing::write(&home.join("who").join(name), text);
    }
    bench.made.server.config = testing::config(&lines).unwrap();
    bench.exchange(1);
    bench.name(USER);
    let offer = |bench: &mut Bench| {
        let algorithm = Name::new("ssh-ed25519-cert-v01@openssh.com").unwrap();
        good(bench.send(&KeyOffer { algorithm, key: Bytes(&certificate) }))
    };
    assert!(offer(&mut bench));
    testing::write(&home.join("who/b.list"), "\n");
    assert!(!offer(&mut bench));
}

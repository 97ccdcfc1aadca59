//! Certificates that `ssh-keygen` makes, shown by stock `ssh`.

use std::process::Command;

use crate::harness::{Need, Outcome, Scratch, Server, Setup, can, finish, world};

/// Keys and certificates of one test.
struct Papers(Scratch);

impl Papers {
    fn new() -> Self {
        Self(Scratch::new())
    }

    fn path(&self, name: &str) -> String {
        self.0.0.join(name).display().to_string()
    }

    /// Makes a key of this type, such as `ed25519` or `rsa -b 2048`.
    fn key(&self, name: &str, key_type: &str) -> &Self {
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-N", "", "-f", &self.path(name), "-t"]).args(key_type.split(' '));
        finish(&mut command, b"").success();
        self
    }

    fn public(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(&format!("{name}.pub"))).unwrap()
    }

    /// Has the authority `ca` certify the key `user`, for the account of the run unless the arguments name others.
    fn certify(&self, arguments: &[&str]) -> &Self {
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-s", &self.path("ca"), "-I", "the id", "-z", "7"]);
        if !arguments.contains(&"-n") {
            command.args(["-n", &world().account.name]);
        }
        finish(command.args(arguments).arg(self.path("user.pub")), b"").success();
        self
    }

    /// An authority, and a user's key.
    fn usual() -> Self {
        let papers = Self::new();
        papers.key("ca", "ed25519").key("user", "ed25519");
        papers
    }

    /// A server that trusts the authority, with no other key, and these lines in its configuration.
    fn trusted(&self, config: &str) -> Server {
        let trusting = format!("LogLevel VERBOSE\nTrustedUserCAKeys {}", self.path("ca.pub"));
        Setup::new().config(&trusting).config(config).authorized("").start()
    }

    /// Runs a command with the key and its certificate.
    fn run(&self, server: &Server, words: &[&str]) -> Outcome {
        let key = self.path("user");
        let key = format!("-oIdentityFile={key}");
        let options = words.iter().take_while(|word| word.starts_with('-')).count();
        let mut all = vec![key.as_str()];
        all.extend(&words[..options]);
        all.extend(&words[options..]);
        // The key `client` of every test is listed nowhere here.
        finish(&mut server.ssh(&all), b"")
    }

    #[track_caller]
    fn lets_in(&self, server: &Server) {
        assert_eq!(self.run(server, &["echo in"]).success(), "in");
    }

    #[track_caller]
    fn keeps_out(&self, server: &Server) {
        let outcome = self.run(server, &["echo in"]);
        assert_eq!((outcome.code, outcome.text().as_str()), (Some(255), ""), "{}", server.log());
    }
}

/// The fingerprint that `ssh-keygen` has for the key in a file.
fn fingerprint(path: &str) -> String {
    let said = finish(Command::new("ssh-keygen").args(["-lf", path]), b"").success();
    said.split(' ').nth(1).unwrap().to_owned()
}

#[test]
fn certificates_of_every_type_by_authorities_of_every_type_let_in() {
    let types = ["ed25519", "ecdsa -b 256", "ecdsa -b 384", "ecdsa -b 521", "rsa -b 2048"];
    for (at, user) in types.iter().enumerate() {
        let papers = Papers::new();
        papers.key("ca", types[(at + 1) % types.len()]).key("user", user).certify(&[]);
        papers.lets_in(&papers.trusted(""));
    }
}

#[test]
fn a_login_by_certificate_is_logged_in_the_usual_words() {
    let papers = Papers::usual();
    let server = papers.certify(&[]).trusted("");
    papers.lets_in(&server);
    let (own, ca) = (fingerprint(&papers.path("user.pub")), fingerprint(&papers.path("ca.pub")));
    server.logs(&format!(
        "Accepted certificate ID \"the id\" (serial 7) signed by ED25519 CA {ca} via {}",
        papers.path("ca.pub")
    ));
    let accepted = server.logs("Accepted publickey for ");
    let end = format!(" ssh2: ED25519-CERT {own} ID the id (serial 7) CA ED25519 {ca}");
    assert!(accepted.trim_end().ends_with(&end), "{accepted}");
}

#[test]
fn a_certificate_for_somebody_else_or_another_time_lets_nobody_in() {
    for (arguments, reason) in [
        (&["-n", "somebody,else"][..], "Certificate invalid: name is not a listed principal"),
        (&["-V", "20200101:20210101"], "Certificate invalid: expired"),
        (&["-V", "20900101:20910101"], "Certificate invalid: not yet valid"),
        (&["-O", "critical:unknown@here=x"], "Invalid certificate options"),
        (&["-O", "source-address=10.0.0.0/8,::1/128"], "Refused by certificate options"),
    ] {
        let papers = Papers::usual();
        let server = papers.certify(arguments).trusted("");
        papers.keeps_out(&server);
        server.logs(reason);
    }
    let papers = Papers::usual();
    let server = papers.trusted("");
    papers.key("ca2", "ed25519");
    std::fs::rename(papers.path("ca2"), papers.path("ca")).unwrap();
    std::fs::copy(papers.path("ca2.pub"), papers.path("other.pub")).unwrap();
    papers.certify(&[]).keeps_out(&server);
}

#[test]
fn what_a_certificate_says_is_what_is_done() {
    let papers = Papers::usual();
    let server = papers.certify(&["-O", "force-command=echo \"forced $SSH_ORIGINAL_COMMAND\""]).trusted("");
    assert_eq!(papers.run(&server, &["echo in"]).success(), "forced echo in");
    papers.certify(&["-O", "source-address=10.0.0.0/8,127.0.0.1"]).lets_in(&server);
    papers.certify(&["-O", "extension:unknown@here"]).lets_in(&server);
    for (arguments, terminal) in [(&[][..], true), (&["-O", "clear"], false), (&["-O", "no-pty"], false)] {
        papers.certify(arguments);
        let outcome = papers.run(&server, &["-tt", "tty"]);
        let refused = outcome.stderr.contains("PTY allocation request failed");
        assert_eq!(
            (outcome.text().starts_with("/dev/pts/"), refused),
            (terminal, !terminal),
            "{arguments:?}"
        );
    }
}

#[test]
fn an_authority_in_authorized_keys_lets_in_by_name_or_by_its_principals() {
    let papers = Papers::usual();
    let line = |options: &str| format!("cert-authority{options} {}", papers.public("ca"));
    let server = |options: &str| Setup::new().config("LogLevel VERBOSE").authorized(&line(options)).start();
    let plain = server("");
    papers.certify(&[]).lets_in(&plain);
    let place = format!("{}:1", plain.path("authorized_keys").display());
    plain.logs(&format!(" found at {place}"));
    papers.certify(&["-n", "ops"]).keeps_out(&plain);
    plain.logs("Certificate invalid: name is not a listed principal");
    let ops = server(",principals=\"dev,ops\",command=\"echo of the line\"");
    assert_eq!(papers.run(&ops, &["echo in"]).success(), "of the line");
    papers.certify(&["-n", "ops", "-O", "force-command=echo other"]).keeps_out(&ops);
    ops.logs("forced command options do not match");
    papers.certify(&[]).keeps_out(&ops);
    ops.logs("Certificate does not contain an authorized principal");
}

#[test]
fn a_file_of_principals_names_those_whom_an_account_lets_in() {
    let papers = Papers::usual();
    let name = &world().account.name;
    papers
        .0
        .file(&format!("for-{name}"), "# of the night\nno-pty,command=\"echo night\" night\nops # always\n");
    let server = papers.trusted(&format!("AuthorizedPrincipalsFile {}", papers.path("for-%u")));
    papers.certify(&["-n", "x,ops"]).lets_in(&server);
    assert_eq!(papers.certify(&["-n", "night"]).run(&server, &["echo in"]).success(), "night");
    papers.certify(&[]).keeps_out(&server);
    server.logs("Certificate does not contain an authorized principal");
}

#[test]
fn what_is_revoked_lets_nobody_in_and_neither_does_a_file_that_is_missing() {
    let papers = Papers::usual();
    papers.certify(&[]);
    papers.0.file("none", "# nobody\n");
    let server = |files: &str| papers.trusted(&format!("RevokedKeys {files}"));
    papers.lets_in(&server(&papers.path("none")));
    papers.0.file("serial", "serial: 7\n");
    let mut krl = Command::new("ssh-keygen");
    krl.args(["-kqf", &papers.path("krl"), "-s", &papers.path("ca.pub"), &papers.path("serial")]);
    finish(&mut krl, b"").success();
    for file in ["ca.pub", "user.pub", "krl"] {
        let revoking = server(&papers.path(file));
        papers.keeps_out(&revoking);
        revoking.logs(&format!(
            "Authentication key ED25519-CERT {} revoked by file ",
            fingerprint(&papers.path("user.pub"))
        ));
    }
    papers.certify(&["-z", "8"]).lets_in(&server(&papers.path("krl")));
    let missing = server(&papers.path("missing"));
    papers.keeps_out(&missing);
    missing.logs("Error checking authentication key ED25519-CERT ");
}

#[test]
fn the_size_of_rsa_keys_is_what_is_required_at_least() {
    let papers = Papers::new();
    papers.key("user", "rsa -b 2048");
    let server = |config: &str| {
        Setup::new().config("LogLevel VERBOSE").config(config).authorized(&papers.public("user")).start()
    };
    papers.lets_in(&server("RequiredRSASize 2048"));
    let larger = server("RequiredRSASize 2049");
    papers.keeps_out(&larger);
    larger.logs("refusing RSA key: Invalid key length");
    if can(&[Need::Ours]) {
        let papers = Papers::new();
        papers.key("user", "rsa -b 1024");
        let server = |config: &str| Setup::new().config(config).authorized(&papers.public("user")).start();
        papers.keeps_out(&server(""));
        papers.lets_in(&server("RequiredRSASize 1024"));
    }
}

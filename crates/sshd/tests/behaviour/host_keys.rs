//! Host keys of every type, their certificates, and an agent that has them, with stock `ssh`.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::harness::{Outcome, Scratch, Server, Setup, eventually, finish, kill, world};

/// Types of keys as `ssh-keygen -t` has them, and the algorithms that they sign by.
const TYPES: [(&str, &[&str]); 5] = [
    ("ed25519", &["ssh-ed25519"]),
    ("ecdsa -b 256", &["ecdsa-sha2-nistp256"]),
    ("ecdsa -b 384", &["ecdsa-sha2-nistp384"]),
    ("ecdsa -b 521", &["ecdsa-sha2-nistp521"]),
    ("rsa -b 2048", &["rsa-sha2-512", "rsa-sha2-256"]),
];

/// Keys of one test.
struct Keys(Scratch);

impl Keys {
    fn new() -> Self {
        Self(Scratch::new())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.0.join(name)
    }

    fn shown(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Makes a key of this type, as `ssh-keygen -t` has it.
    fn make(&self, name: &str, key_type: &str) {
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-N", "", "-f", &self.shown(name), "-t"]).args(key_type.split(' '));
        finish(&mut command, b"").success();
    }

    /// Has the authority `ca` certify a key.
    fn certify(&self, name: &str, arguments: &[&str]) {
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-s", &self.shown("ca"), "-I", "id"]).args(arguments);
        finish(command.arg(self.path(&format!("{name}.pub"))), b"").success();
    }

    fn public(&self, name: &str) -> String {
        let line = std::fs::read_to_string(self.path(&format!("{name}.pub"))).unwrap();
        line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    }

    /// A file of known hosts that knows this server by this key.
    fn known(&self, server: &Server, name: &str) -> String {
        self.known_as(&format!("[127.0.0.1]:{} {}", server.port, self.public(name)))
    }

    /// One that holds this line.
    fn known_as(&self, line: &str) -> String {
        self.0.file("known", &format!("{line}\n"));
        format!("-oUserKnownHostsFile={}", self.shown("known"))
    }
}

/// A configuration with these values of a keyword.
fn lines(keyword: &str, values: &[String]) -> String {
    values.iter().map(|value| format!("{keyword} {value}\n")).collect()
}

/// Runs a command over a connection whose host key is used by this algorithm.
fn run(server: &Server, known: &str, algorithm: &str) -> Outcome {
    let algorithm = format!("-oHostKeyAlgorithms={algorithm}");
    let options = [known, &algorithm, "-oLogLevel=DEBUG1", "-oStrictHostKeyChecking=yes"];
    server.run(&[&options[..], &["echo in"]].concat())
}

#[test]
fn host_keys_of_every_type_prove_the_server_by_every_algorithm() {
    let keys = Keys::new();
    let names: Vec<String> = (0..TYPES.len()).map(|number| format!("key{number}")).collect();
    for ((key_type, _), name) in TYPES.iter().zip(&names) {
        keys.make(name, key_type);
    }
    let files: Vec<String> = names.iter().map(|name| keys.shown(name)).collect();
    let server = Server::with(&lines("HostKey", &files));
    for ((_, algorithms), name) in TYPES.iter().zip(&names) {
        let known = keys.known(&server, name);
        for algorithm in *algorithms {
            let outcome = run(&server, &known, algorithm);
            assert_eq!(outcome.success(), "in");
            let agreed = format!("kex: host key algorithm: {algorithm}");
            assert!(outcome.stderr.contains(&agreed), "{}", outcome.stderr);
        }
    }
    let known = keys.known(&server, "key4");
    assert_eq!(run(&server, &known, "ssh-rsa").code, Some(255), "SHA-1 has to be asked for");
}

#[test]
fn keys_that_are_too_small_or_cannot_sign_are_named_and_the_others_used() {
    let keys = Keys::new();
    keys.make("small", "rsa -b 1024");
    keys.make("good", "rsa -b 2048");
    let files = ["small", "missing", "good"].map(|name| keys.shown(name));
    let server = Server::with(&lines("HostKey", &files));
    server.logs(&format!("Host key {}: Invalid key length", files[0]));
    server.logs(&format!("Unable to load host key: {}", files[1]));
    assert_eq!(run(&server, &keys.known(&server, "good"), "rsa-sha2-512").success(), "in");
    let allowed = Server::with(&format!("RequiredRSASize 1024\nHostKey {}", files[0]));
    assert!(!allowed.log().contains("Invalid key length"), "{}", allowed.log());
}

#[test]
fn certificates_are_shown_under_their_names_and_authorities_vouch_for_them() {
    let keys = Keys::new();
    keys.make("ca", "ed25519");
    let names: Vec<String> = (0..TYPES.len()).map(|number| format!("key{number}")).collect();
    for ((key_type, _), name) in TYPES.iter().zip(&names) {
        keys.make(name, key_type);
        keys.certify(name, &["-h", "-n", "127.0.0.1"]);
    }
    let files: Vec<String> = names.iter().map(|name| keys.shown(name)).collect();
    let certificates: Vec<String> = files.iter().map(|file| format!("{file}-cert.pub")).collect();
    let config = lines("HostKey", &files) + &lines("HostCertificate", &certificates);
    let server = Server::with(&config);
    let known = keys.known_as(&format!("@cert-authority * {}", keys.public("ca")));
    for algorithm in TYPES.iter().flat_map(|(_, algorithms)| *algorithms) {
        let name = format!("{algorithm}-cert-v01@openssh.com");
        // With keys anew, which are signed in the same way.
        let outcome = server.run(&[
            &known,
            &format!("-oHostKeyAlgorithms={name}"),
            "-oLogLevel=DEBUG1",
            "-oRekeyLimit=1M",
            "head -c 4000000 /dev/zero",
        ]);
        assert_eq!((outcome.code, outcome.stdout.len()), (Some(0), 4_000_000), "{}", outcome.stderr);
        assert!(outcome.stderr.matches("SSH2_MSG_NEWKEYS sent").count() >= 2, "{}", outcome.stderr);
        assert!(outcome.stderr.contains(&format!("host key algorithm: {name}")), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("Server host certificate: "), "{}", outcome.stderr);
    }
    // Who knows the plain keys is served as before.
    assert_eq!(run(&server, &keys.known(&server, "key0"), "ssh-ed25519").success(), "in");
}

#[test]
fn certificates_that_are_none_of_ours_are_said_and_not_shown() {
    let keys = Keys::new();
    for name in ["ca", "key", "other"] {
        keys.make(name, "ed25519");
    }
    keys.certify("key", &["-n", "127.0.0.1"]);
    keys.certify("other", &["-h", "-n", "127.0.0.1"]);
    keys.0.file("text", "nothing\n");
    let files = ["other-cert.pub", "key-cert.pub", "key.pub", "text", "missing"].map(|name| keys.shown(name));
    let config = format!("HostKey {}\n{}", keys.shown("key"), lines("HostCertificate", &files));
    let server = Server::with(&config);
    server.logs(&format!("No matching private key for certificate: {}", files[0]));
    server.logs(&format!("Certificate is not a host certificate: {}", files[1]));
    server.logs(&format!("Certificate file is not a certificate: {}", files[2]));
    server.logs(&format!("Could not load host certificate \"{}\": invalid format", files[3]));
    server.logs(&format!("Could not load host certificate \"{}\": No such file or directory", files[4]));
    let known = keys.known(&server, "key");
    assert_eq!(run(&server, &known, "ssh-ed25519").success(), "in");
    let outcome = run(&server, &known, "ssh-ed25519-cert-v01@openssh.com");
    assert!(outcome.stderr.contains("no matching host key type found"), "{}", outcome.stderr);
}

#[test]
fn a_client_that_knows_one_key_learns_the_others_and_forgets_those_that_are_gone() {
    let keys = Keys::new();
    for (name, key_type) in [
        ("r", "rsa -b 2048"),
        ("c", "ecdsa"),
        ("e", "ed25519"),
        ("second", "rsa -b 2048"),
        ("old", "ed25519"),
    ] {
        keys.make(name, key_type);
    }
    let files = ["r", "c", "e", "second"].map(|name| keys.shown(name));
    // The harness's own key is one more.
    let server = Server::with(&lines("HostKey", &files));
    let learnt = |known: &str, algorithm: &str| {
        let algorithm = format!("-oHostKeyAlgorithms={algorithm}");
        let options = [known, &algorithm, "-oUpdateHostKeys=yes", "-oLogLevel=ERROR"];
        let mut talk = server.shell(&options);
        let all = ["r", "c", "e", "second"].map(|name| keys.public(name));
        eventually("the keys are known", || {
            let known = std::fs::read_to_string(keys.path("known")).unwrap();
            all.iter().all(|key| known.contains(key)).then_some(())
        });
        talk.send("exit\n");
        let outcome = talk.end();
        assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    };
    for (first, algorithm) in [("e", "^ssh-ed25519"), ("c", "^ecdsa-sha2-nistp256")] {
        learnt(&keys.known(&server, first), algorithm);
    }
    // RSA keys by the algorithm that the exchange was signed with, which this client insists on.
    for algorithm in ["rsa-sha2-256", "rsa-sha2-512"] {
        learnt(&keys.known(&server, "r"), &format!("{algorithm},ecdsa-sha2-nistp256,ssh-ed25519"));
    }
    let port = server.port;
    let line = |name: &str| format!("[127.0.0.1]:{port} {}", keys.public(name));
    learnt(&keys.known_as(&format!("{}\n{}", line("c"), line("old"))), "^ecdsa-sha2-nistp256");
    let known = std::fs::read_to_string(keys.path("known")).unwrap();
    assert!(!known.contains(&keys.public("old")), "{known}");
}

#[test]
fn a_client_is_told_what_its_keys_may_sign_with() {
    let user = &world().account.name;
    let server = Server::with(&format!(
        "PubkeyAcceptedAlgorithms ssh-ed25519,rsa-sha2-512-cert-v01@openssh.com,rsa-sha2-256\nMatch User {user}\n\
         PubkeyAcceptedAlgorithms ssh-ed25519-cert-v01@openssh.com,ssh-ed25519,ecdsa-sha2-nistp256-cert-v01@openssh.com"
    ));
    let outcome = server.run(&["-oLogLevel=DEBUG1", "echo in"]);
    assert_eq!(outcome.success(), "in");
    let told: Vec<&str> = outcome
        .stderr
        .lines()
        .filter_map(|line| line.split_once("server-sig-algs=<"))
        .map(|(_, names)| names.trim_end().trim_end_matches('>'))
        .collect();
    let first = "ssh-ed25519,rsa-sha2-512,rsa-sha2-256";
    match told[..] {
        // Clients before OpenSSH 9.5 take it once.
        [only] => assert_eq!(only, first),
        _ => assert_eq!(told, [first, "ssh-ed25519,ecdsa-sha2-nistp256"]),
    }
}

/// An agent that runs until the end of the test.
struct Agent {
    child: Child,
    socket: String,
}

impl Agent {
    fn start(keys: &Keys) -> Self {
        let socket = keys.shown("agent");
        let mut command = Command::new("ssh-agent");
        command.args(["-D", "-a", &socket]).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("ssh-agent of openssh-client");
        eventually("the agent listens", || keys.path("agent").exists().then_some(()));
        Self { child, socket }
    }

    /// Gives it a key and takes the file away.
    fn take(&self, keys: &Keys, name: &str) {
        let mut command = Command::new("ssh-add");
        command.args(["-q", &keys.shown(name)]).env("SSH_AUTH_SOCK", &self.socket);
        finish(&mut command, b"").success();
        std::fs::remove_file(keys.path(name)).unwrap();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        kill("KILL", self.child.id());
        let _ = self.child.wait();
    }
}

#[test]
fn an_agent_signs_with_the_keys_that_the_server_does_not_have() {
    let keys = Keys::new();
    let agent = Agent::start(&keys);
    keys.make("ca", "ed25519");
    for (name, key_type) in [("e", "ed25519"), ("c", "ecdsa"), ("r", "rsa -b 2048"), ("lost", "ecdsa -b 384")]
    {
        keys.make(name, key_type);
        keys.certify(name, &["-h", "-n", "127.0.0.1"]);
    }
    for name in ["e", "c", "r"] {
        agent.take(&keys, name);
    }
    std::fs::remove_file(keys.path("lost")).unwrap();
    // By the name of the public key, or by that of the private one which would lie beside it.
    let files = ["e.pub", "c", "r", "lost"].map(|name| keys.shown(name));
    let certificate = keys.shown("e-cert.pub");
    let config =
        format!("{}HostCertificate {certificate}\nHostKeyAgent {}", lines("HostKey", &files), agent.socket);
    let by_environment = Setup::new()
        .config(&lines("HostKey", &files))
        .config("HostKeyAgent SSH_AUTH_SOCK")
        .environment("SSH_AUTH_SOCK", &agent.socket)
        .start();
    let server = Server::with(&config);
    for (name, algorithm) in
        [("e", "ssh-ed25519"), ("c", "ecdsa-sha2-nistp256"), ("r", "rsa-sha2-256"), ("r", "rsa-sha2-512")]
    {
        for server in [&server, &by_environment] {
            assert_eq!(run(server, &keys.known(server, name), algorithm).success(), "in");
        }
    }
    let authority = keys.known_as(&format!("@cert-authority * {}", keys.public("ca")));
    assert_eq!(run(&server, &authority, "ssh-ed25519-cert-v01@openssh.com").success(), "in");
    // What the agent does not have, nobody can use; the others stay.
    assert_ne!(run(&server, &keys.known(&server, "lost"), "ecdsa-sha2-nistp384").code, Some(0));
    server.logs("agent refused operation");
    let known = keys.known(&server, "c");
    drop(agent);
    assert_ne!(run(&server, &known, "ecdsa-sha2-nistp256").code, Some(0));
    server.logs("Connection refused");
}

#[test]
fn without_its_agent_a_server_uses_the_keys_that_it_has() {
    let keys = Keys::new();
    keys.make("gone", "ecdsa");
    std::fs::remove_file(keys.path("gone")).unwrap();
    let socket = keys.shown("none");
    let server = Server::with(&format!("HostKeyAgent {socket}\nHostKey {}", keys.shown("gone")));
    server.logs(&format!("Could not connect to agent \"{socket}\": No such file or directory"));
    server.logs(&format!("Unable to load host key: {}", keys.shown("gone")));
    assert_eq!(server.run(&["echo in"]).success(), "in");
}

#[test]
fn a_server_whose_keys_are_all_unusable_does_not_start() {
    let keys = Keys::new();
    keys.make("small", "rsa -b 1024");
    let scratch = Scratch::new();
    let config = scratch.file("config", &format!("HostKey {}\n", keys.shown("small")));
    let mut command = Command::new(&world().program);
    let outcome = finish(command.args(["-t", "-f"]).arg(config), b"");
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("Invalid key length"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("no hostkeys available"), "{}", outcome.stderr);
}

//! `-Q`: what our program says that it can do, beside what the newest `ssh` says. `sshd` of OpenSSH has no such option; ours has
//! it because a machine with that one file has no `ssh` beside it.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use crate::case::{Case, Job, Report};
use crate::error::{During, Error};
use crate::peers::{ClientKind, Input, Peers, Release, nacre_program};

/// When `ssh` is killed.
const DEADLINE: Duration = Duration::from_secs(20);

/// Queries, by all the names that they have.
const QUERIES: &[&str] = &[
    "help",
    "protocol-version",
    "compression",
    "cipher",
    "Ciphers",
    "cipher-auth",
    "mac",
    "macs",
    "kex",
    "KexAlgorithms",
    "key",
    "key-cert",
    "key-plain",
    "key-sig",
    "key-ca-sign",
    "sig",
    "HostKeyAlgorithms",
    "PubkeyAcceptedAlgorithms",
    "PubkeyAcceptedKeyTypes",
    "HostbasedAcceptedAlgorithms",
    "HostbasedAcceptedKeyTypes",
    "HostbasedKeyTypes",
    "CASignatureAlgorithms",
    "hostkeyalgorithms",
    // What neither has.
    "Cipher",
    "sigalgs",
    "",
];

/// Names that only one of both has, and why. Each has to be missing in the other's answers where it stands in one's.
const DIFFERENT: &[(&str, Has, &str)] = &[
    ("mlkem1024nistp384-sha384", Has::Ours, DRAFT),
    ("hmac-md5", Has::Theirs, MD5),
    ("hmac-md5-96", Has::Theirs, MD5),
    ("hmac-md5-etm@openssh.com", Has::Theirs, MD5),
    ("hmac-md5-96-etm@openssh.com", Has::Theirs, MD5),
    ("hmac-sha1-96", Has::Theirs, SHORT),
    ("hmac-sha1-96-etm@openssh.com", Has::Theirs, SHORT),
    ("ssh-mldsa44-ed25519@openssh.com", Has::Ours, EARLIER),
    ("ssh-mldsa44-ed25519-cert-v01@openssh.com", Has::Ours, EARLIER),
];

const DRAFT: &str = "of the same draft as the others with ML-KEM; OpenSSH has none so large";
const MD5: &str = "MD5 is not spoken";
const SHORT: &str = "MACs cut to 96 bits are not spoken";
const EARLIER: &str = "the name of the same algorithm in OpenSSH 10.5";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Has {
    Theirs,
    Ours,
}

/// What a program answered.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: Option<i32>,
    lines: Vec<String>,
    errors: String,
}

/// A case for each query.
pub(super) fn run(peers: &Peers, report: &mut Report, server: &str) {
    let client = peers.name_of_client(ClientKind::OpenSsh(Release::Forky));
    let job = |query: &'static str| {
        Job::new(Case::new(&client, server, &format!("-Q {query}")), move |_| same(peers, query))
    };
    report.run_side_by_side(QUERIES.iter().copied().map(job).collect());
}

/// Both say the same but for what is meant to differ; the order is ours: what is preferred first.
fn same(peers: &Peers, query: &str) -> Result<(), Error> {
    let (ours, theirs) = (ours(query)?, theirs(peers, query)?);
    if (ours.status, &ours.errors) != (theirs.status, &theirs.errors) {
        return Err(Error::wrong(format!("ours   {ours:?}\ntheirs {theirs:?}")));
    }
    let set = |answer: &Answer| answer.lines.iter().cloned().collect::<BTreeSet<_>>();
    let (own, other) = (set(&ours), set(&theirs));
    if own.len() != ours.lines.len() {
        return Err(Error::wrong(format!("a name stands twice: {:?}", ours.lines)));
    }
    let meant = |name: &str, has| DIFFERENT.iter().any(|(known, who, _)| *known == name && *who == has);
    let more = own.difference(&other).filter(|name| !meant(name, Has::Ours));
    let less = other.difference(&own).filter(|name| !meant(name, Has::Theirs));
    let wrong: Vec<String> = more
        .map(|name| format!("only ours: {name}"))
        .chain(less.map(|name| format!("only theirs: {name}")))
        .collect();
    // A difference that is none any more is to be taken off the list.
    let both = own.intersection(&other).filter(|name| DIFFERENT.iter().any(|(known, ..)| known == name));
    let wrong: Vec<String> = wrong.into_iter().chain(both.map(|name| format!("both have {name}"))).collect();
    if wrong.is_empty() { Ok(()) } else { Err(Error::wrong(wrong.join("\n"))) }
}

fn ours(query: &str) -> Result<Answer, Error> {
    let output = Command::new(nacre_program()?).args(["-Q", query]).output().during("asking our sshd")?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Answer {
        status: output.status.code(),
        lines: text(&output.stdout).lines().map(str::to_owned).collect(),
        errors: text(&output.stderr),
    })
}

fn theirs(peers: &Peers, query: &str) -> Result<Answer, Error> {
    let argv = ["/usr/bin/ssh", "-Q", query].map(str::to_owned);
    let finished = peers.chroot(Release::Forky).run(None, &argv, Input::default(), DEADLINE)?;
    let lines = String::from_utf8_lossy(&finished.stdout).lines().map(str::to_owned).collect();
    Ok(Answer { status: finished.status, lines, errors: finished.stderr })
}

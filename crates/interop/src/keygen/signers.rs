//! Files of allowed signers, as `ssh-keygen -Y` reads them.

use keyfiles::allowed_signers::{Asked, Entry, allowed, lines};
use keyfiles::sshsig::{MessageHash, SshSignature};
use keys::{CertificateKind, CertificateRequest, Identity, NewKey, PrivateKey, PublicKey, Verified};

use super::certificates::stamp;
use super::lab::{Lab, authority_algorithms, ours};
use super::random::Random;
use crate::error::Error;

/// Keys, and authorities among them.
const KEYS: usize = 4;
const AUTHORITIES: usize = 2;

/// Files of a batch, and questions about each.
const FILES: usize = 12;
const QUESTIONS: usize = 5;

const MESSAGE: &[u8] = b"message\n";
const NAMESPACES: [&str; 3] = ["git", "file", "mail@example.org"];
const PRINCIPALS: [&str; 6] =
    ["jo@example.org", "amy@example.org", "jo", "JO@example.org", "jo smith", "x@example.com"];

/// Names of signers as a line has them.
const PATTERNS: [&str; 14] = [
    "jo@example.org",
    "amy@example.org",
    "jo",
    "*",
    "*@example.org",
    "j?@example.org",
    "!jo@example.org,*@example.org",
    "*@example.org,!jo@example.org",
    "jo,amy@example.org",
    "\"jo smith\"",
    "\"jo smith,jo\"",
    "JO@*",
    "!jo",
    "x@example.com,,jo",
];

/// Options of a line; the last ones are none.
const OPTIONS: [&str; 26] = [
    "cert-authority",
    "CERT-AUTHORITY",
    "namespaces=\"git\"",
    "namespaces=\"git,file\"",
    "namespaces=\"*\"",
    "namespaces=\"!git,*\"",
    "namespaces=\"mail@*\"",
    "NameSpaces=\"file\"",
    "valid-after=\"20200101\"",
    "valid-after=\"20200101Z\"",
    "valid-after=\"202001010000\"",
    "valid-after=\"20200101000000Z\"",
    "valid-before=\"20250101\"",
    "valid-before=\"20250101Z\"",
    "valid-before=\"202501010000Z\"",
    "valid-before=\"20250101000000\"",
    "valid-before=\"20190101\"",
    "unknown",
    "namespaces=git",
    "namespaces",
    "namespaces=\"\"",
    "valid-after=\"2020\"",
    "valid-after=\"20201301\"",
    "valid-before=20250101",
    "no-pty",
    "cert-authority=\"x\"",
];
const GOOD_OPTIONS: usize = 17;

/// Times for which it is asked: around those of the options, in UTC.
const TIMES: [u64; 7] =
    [1_546_300_799, 1_577_836_799, 1_577_836_800, 1_600_000_000, 1_735_689_599, 1_735_689_600, 1_735_689_601];

/// Those who sign.
struct World {
    keys: Vec<PrivateKey>,
    /// Those who sign certificates.
    authorities: Vec<PublicKey>,
    /// A plain signature of each key, then some with certificates.
    signatures: Vec<Signed>,
}

struct Signed {
    namespace: &'static str,
    file: String,
    verified: Verified,
}

impl World {
    fn make(lab: &mut Lab<'_>) -> Result<Self, Error> {
        let mut keys = Vec::new();
        for _ in 0..KEYS + AUTHORITIES {
            keys.push(ours("a key", PrivateKey::generate_of(NewKey::Ed25519, &mut lab.random))?);
        }
        let authorities = keys.split_off(KEYS);
        let mut signatures = Vec::new();
        for (number, key) in keys.iter().chain(&keys).enumerate() {
            let identity = if number < KEYS {
                Identity::Key(key.public())
            } else {
                let authority = lab.random.pick(&authorities);
                certify(authority, key, &mut lab.random)?
            };
            let namespace = *lab.random.pick(&NAMESPACES);
            signatures.push(sign(key, identity, namespace)?);
        }
        Ok(Self { keys, authorities: authorities.iter().map(PrivateKey::public).collect(), signatures })
    }

    /// A file of some lines.
    fn file(&self, random: &mut Random, with_faults: bool) -> String {
        (0..1 + random.below(6)).map(|_| self.line(random, with_faults)).collect()
    }

    fn line(&self, random: &mut Random, with_faults: bool) -> String {
        if random.once_in(12) {
            return (*random.pick(&["\n", "# jo ssh-ed25519 AAAA\n", "  \t \n", "  # more\n"])).to_owned();
        }
        if with_faults && random.once_in(12) {
            return (*random.pick(&[
                "jo\n",
                "jo ssh-ed25519\n",
                "jo ssh-ed25519 AAAA\n",
                "\"jo ssh-ed25519 AAAA\n",
                "jo \"x ssh-rsa\n",
            ]))
            .to_owned();
        }
        let known = if with_faults && random.once_in(4) { OPTIONS.len() } else { GOOD_OPTIONS };
        let options: Vec<&str> = match random.below(3) {
            0 => Vec::new(),
            _ => (0..1 + random.below(3)).map(|_| *random.pick(&OPTIONS[..known])).collect(),
        };
        let name = |option: &str| option.split('=').next().unwrap_or_default().to_lowercase();
        // An option that stands there twice is a fault, and so is an end before a beginning.
        let twice =
            (1..options.len()).any(|at| options[..at].iter().any(|before| name(before) == name(options[at])));
        let reversed = options.contains(&"valid-before=\"20190101\"");
        let options = if !with_faults && (twice || reversed) { vec![options[0]] } else { options };
        let authority = options.iter().any(|option| option.eq_ignore_ascii_case("cert-authority"));
        let key = if authority && !random.once_in(5) {
            random.pick(&self.authorities).clone()
        } else {
            random.pick(&self.keys).public()
        };
        let blank = *random.pick(&[" ", " ", " ", "\t", "  ", " \t"]);
        let mut line = format!("{}{}{blank}", random.pick(&["", "", "", " ", "\t"]), random.pick(&PATTERNS));
        if !options.is_empty() {
            line.push_str(&format!("{}{blank}", options.join(",")));
        }
        line.push_str(&key.to_string());
        let comment = *random.pick(&["", "", " comment", " a # b", "\tjo ", " \"x"]);
        let end = *random.pick(&["\n", "\n", "\n", "\r\n"]);
        line + comment + end
    }
}

fn certify(authority: &PrivateKey, key: &PrivateKey, random: &mut Random) -> Result<Identity, Error> {
    let kind = if random.once_in(6) { CertificateKind::Host } else { CertificateKind::User };
    let mut request = CertificateRequest::new(kind, key.public(), b"signer");
    request.principals = random.some(&PRINCIPALS).iter().map(|name| name.as_bytes().to_vec()).collect();
    if random.once_in(3) {
        (request.valid_after, request.valid_before) = (1_577_836_800, 1_735_689_600);
    }
    let algorithm =
        authority.algorithms().find(|row| !row.certificate).ok_or_else(|| Error::wrong("no algorithm"))?;
    let certificate = ours("a certificate", request.sign(authority, algorithm, random))?;
    Ok(Identity::Certificate(Box::new(certificate)))
}

fn sign(key: &PrivateKey, identity: Identity, namespace: &'static str) -> Result<Signed, Error> {
    let row = keys::SIGNATURES.iter().find(|row| row.key_type == identity.key_type());
    let row = row.ok_or_else(|| Error::wrong("no algorithm"))?;
    let signed = SshSignature::sign(key, identity, row, namespace.as_bytes(), MessageHash::Sha512, MESSAGE);
    let signature = ours("signing", signed)?;
    let verified = ours("a signature", signature.verify(namespace.as_bytes(), MESSAGE))?;
    Ok(Signed { namespace, file: signature.armored(), verified })
}

/// Whether a signature counts, by files with every kind of line.
pub(super) fn verdicts(lab: &mut Lab<'_>) -> Result<(), Error> {
    let world = World::make(lab)?;
    let algorithms = authority_algorithms();
    for _ in 0..FILES {
        let file = world.file(&mut lab.random, true);
        let path = lab.write("allowed", &file)?;
        for _ in 0..QUESTIONS {
            let signed = lab.random.pick(&world.signatures);
            let (principal, time) = (*lab.random.pick(&PRINCIPALS), *lab.random.pick(&TIMES));
            let signature = lab.write("signature", &signed.file)?;
            let when = format!("verify-time={}", stamp(time));
            let arguments = [
                "-Y",
                "verify",
                "-f",
                &path,
                "-I",
                principal,
                "-n",
                signed.namespace,
                "-O",
                &when,
                "-s",
                &signature,
            ];
            let finished = lab.program("/usr/bin/ssh-keygen", &arguments, MESSAGE)?;
            let asked = Asked {
                principal,
                namespace: signed.namespace,
                at: time as i64,
                utc: &|date| date.seconds(),
                authority_algorithms: &algorithms,
            };
            let verdict = allowed(file.as_bytes(), &signed.verified, &asked);
            let shown = match signed.verified.certificate() {
                Some(certificate) => format!(
                    "{} certificate of {} for {:?}",
                    certificate.kind(),
                    certificate.authority(),
                    certificate.principals().map(String::from_utf8_lossy).collect::<Vec<_>>()
                ),
                None => signed.verified.key().to_string(),
            };
            let what = format!(
                "{principal:?} for {:?} at {} with {shown}\n{file}they say: {}we say: {verdict:?}",
                signed.namespace,
                stamp(time),
                finished.stderr
            );
            lab.same(&what, &(finished.status == Some(0)), &verdict.is_ok())?;
        }
    }
    Ok(())
}

/// Whose a key may be, and which lines name somebody, by files without faults.
pub(super) fn names(lab: &mut Lab<'_>) -> Result<(), Error> {
    let world = World::make(lab)?;
    for _ in 0..FILES {
        let file = world.file(&mut lab.random, false);
        let path = lab.write("allowed", &file)?;
        let entries: Vec<Entry<'_>> = lines(file.as_bytes()).filter_map(|(_, line)| line.ok()?).collect();
        for _ in 0..QUESTIONS {
            let principal = *lab.random.pick(&PRINCIPALS);
            let finished = lab.keygen(&["-Y", "match-principals", "-f", &path, "-I", principal])?;
            let theirs = String::from_utf8_lossy(&finished.stdout).into_owned();
            let ours: String = entries
                .iter()
                .filter(|entry| entry.names(principal))
                .map(|entry| format!("{}\n", entry.principals))
                .collect();
            lab.same_text(&format!("who is {principal:?} in\n{file}"), &theirs, &ours)?;

            let signed = &world.signatures[lab.random.index(KEYS)];
            let time = *lab.random.pick(&TIMES);
            let signature = lab.write("signature", &signed.file)?;
            let when = format!("verify-time={}", stamp(time));
            let finished =
                lab.keygen(&["-Y", "find-principals", "-f", &path, "-O", &when, "-s", &signature])?;
            let theirs = String::from_utf8_lossy(&finished.stdout).into_owned();
            let counts = |entry: &&Entry<'_>| {
                let at = time as i64;
                !entry.cert_authority
                    && entry.key == *signed.verified.key()
                    && entry.valid_after.is_none_or(|date| date.seconds() <= at)
                    && entry.valid_before.is_none_or(|date| date.seconds() >= at)
            };
            // It says each of the first such line on a line of its own, up to an empty one.
            let each = |entry: &Entry<'_>| -> String {
                entry
                    .principals
                    .split(',')
                    .take_while(|name| !name.is_empty())
                    .map(|name| format!("{name}\n"))
                    .collect()
            };
            let ours = entries.iter().find(counts).map(each);
            let what = format!("whose is {} at {} in\n{file}", signed.verified.key(), stamp(time));
            lab.same_text(&what, &theirs, &ours.unwrap_or_default())?;
        }
    }
    Ok(())
}

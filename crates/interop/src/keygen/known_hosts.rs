//! Files of known hosts, as `ssh-keygen -F`, `-R` and `-H` read and change them.

use keyfiles::known_hosts::{HostName, Marker, edit, lines};
use keys::{NewKey, PrivateKey, PublicKey};

use super::lab::{Lab, ours};
use super::random::Random;
use crate::error::Error;

/// Files of a batch, and names that each is asked about.
const FILES: usize = 12;
const QUESTIONS: usize = 6;

/// Hosts that are asked for.
const HOSTS: [(&str, u16); 10] = [
    ("example.org", 22),
    ("WWW.Example.Org", 22),
    ("www.example.org", 2222),
    ("db.example.org", 22),
    ("192.0.2.7", 22),
    ("192.0.2.7", 2222),
    ("2001:db8::1", 22),
    ("2001:db8::1", 22022),
    ("a", 22),
    ("x_y-z", 22),
];

/// Names as a line has them.
const NAMES: [&str; 20] = [
    // `-H` forgets what stands behind two commas, and with it the host. That is not wanted.
    "a,,b",
    ",a",
    "example.org",
    "EXAMPLE.org",
    "www.example.org,192.0.2.7",
    "[www.example.org]:2222",
    "[192.0.2.7]:2222,[www.example.org]:2222",
    "2001:db8::1",
    "[2001:db8::1]:22022",
    "a,b,c",
    "*",
    "*.example.org",
    "*.example.org,!db.example.org",
    "!db.example.org,*.example.org",
    "!*",
    "?",
    "[*]:2222",
    "[*.example.org]:*",
    "192.0.2.?",
    "x_y-z",
];

/// How many of the names, from the first one on, have two commas without a name between them.
const UNEVEN: usize = 2;

/// A hashed name that is none.
const BAD_HASH: &str = "|1|short|hash";

/// A file and what it is made of.
struct Files {
    keys: Vec<PublicKey>,
}

impl Files {
    fn make(lab: &mut Lab<'_>) -> Result<Self, Error> {
        let mut keys: Vec<PublicKey> = lab.quick_keys().iter().map(|made| made.key.public()).collect();
        for _ in 0..3 {
            keys.push(ours("a key", PrivateKey::generate_of(NewKey::Ed25519, &mut lab.random))?.public());
        }
        Ok(Self { keys })
    }

    /// A file of some lines, with lines that are none when `with_faults` says so.
    fn file(&self, random: &mut Random, names: &[&str], with_faults: bool) -> Result<String, Error> {
        (0..random.below(12)).map(|_| self.line(random, names, with_faults)).collect()
    }

    fn line(&self, random: &mut Random, names: &[&str], with_faults: bool) -> Result<String, Error> {
        if random.once_in(10) {
            return Ok((*random.pick(&["\n", "# example.org\n", "  \t\n", " # a\n"])).to_owned());
        }
        if with_faults && random.once_in(8) {
            let bad_hash = format!("{BAD_HASH} ssh-ed25519 AAAA");
            let faulty = [
                "example.org",
                "a ssh-ed25519",
                "@unknown a ssh-ed25519 AAAA",
                "@revoked",
                &bad_hash,
                "www.example.org\tjunk",
            ];
            return Ok(format!("{}\n", random.pick(&faulty)));
        }
        let names = if random.once_in(3) {
            let (host, port) = *random.pick(&HOSTS);
            let salt = random.bytes();
            ours("a name", HostName::new(host, port))?.hashed(&salt)
        } else {
            (*random.pick(names)).to_owned()
        };
        let marker = *random.pick(&["", "", "", "", "@cert-authority ", "@revoked "]);
        let start = *random.pick(&["", "", "", " ", "\t"]);
        let blank = *random.pick(&[" ", " ", "\t", "  "]);
        let key = random.pick(&self.keys).to_string();
        let key = if blank == " " { key } else { key.replace(' ', blank) };
        let end = *random.pick(&["", "", " comment", " a # b ", "\t"]);
        Ok(format!("{start}{marker}{names}{blank}{key}{end}\n"))
    }
}

/// The host as `-F` and `-R` take it: in small letters, which they do not make of hashed names, as `ssh` does.
fn asked(host: &str, port: u16) -> String {
    let host = host.to_lowercase();
    if port == 22 { host } else { format!("[{host}]:{port}") }
}

/// The lines that `ssh-keygen -F` finds, each with what it says of its marker.
fn found_by_them(lab: &Lab<'_>, path: &str, host: &str) -> Result<Vec<(usize, String)>, Error> {
    let finished = lab.keygen(&["-F", host, "-f", path])?;
    let text = String::from_utf8_lossy(&finished.stdout).into_owned();
    let mut found = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix(&format!("# Host {host} found: line ")) {
            let (number, marker) = rest.split_once(' ').unwrap_or((rest, ""));
            let number = number.parse().map_err(|_| Error::wrong(format!("ssh-keygen -F: {text}")))?;
            found.push((number, marker.to_owned()));
        }
    }
    Ok(found)
}

/// The same by us.
fn found_by_us(file: &[u8], host: &HostName) -> Vec<(usize, String)> {
    lines(file)
        .filter_map(|(number, line)| Some((number, line.ok()??)))
        .filter(|(_, entry)| entry.names.matches(host))
        .map(|(number, entry)| {
            let marker = match entry.marker {
                None => "",
                Some(Marker::CertAuthority) => "CA",
                Some(Marker::Revoked) => "REVOKED",
            };
            (number, marker.to_owned())
        })
        .collect()
}

/// Which lines are about a host.
pub(super) fn found(lab: &mut Lab<'_>) -> Result<(), Error> {
    let files = Files::make(lab)?;
    for _ in 0..FILES {
        let file = files.file(&mut lab.random, &NAMES, true)?;
        let path = lab.write("known_hosts", &file)?;
        for _ in 0..QUESTIONS {
            let (host, port) = *lab.random.pick(&HOSTS);
            let theirs = found_by_them(lab, &path, &asked(host, port))?;
            let ours = found_by_us(file.as_bytes(), &ours("a name", HostName::new(host, port))?);
            lab.same(&format!("{} in\n{file}", asked(host, port)), &theirs, &ours)?;
        }
    }

    // They overlook a marker with a tab behind it when there is a space behind that. We do not: a key that somebody revoked is revoked.
    let file = format!("@revoked\texample.org {}\n", files.keys[0]);
    let path = lab.write("known_hosts", &file)?;
    let theirs = found_by_them(lab, &path, "example.org")?;
    lab.same("a tab behind a marker", &theirs, &Vec::new())?;
    let ours = found_by_us(file.as_bytes(), &ours("a name", HostName::new("example.org", 22))?);
    lab.same("a tab behind a marker", &vec![(1, "REVOKED".to_owned())], &ours)
}

/// Files without a host, and files with hashed names.
pub(super) fn changed(lab: &mut Lab<'_>) -> Result<(), Error> {
    let files = Files::make(lab)?;
    for _ in 0..FILES {
        let with_faults = lab.random.once_in(3);
        let file = files.file(&mut lab.random, &NAMES[UNEVEN..], with_faults)?;
        let (host, port) = *lab.random.pick(&HOSTS);
        let name = ours("a name", HostName::new(host, port))?;
        let path = lab.write("known_hosts", &file)?;
        let finished = lab.keygen(&["-R", &asked(host, port), "-f", &path])?;
        let theirs = String::from_utf8_lossy(&lab.read("known_hosts")?).into_owned();
        let ours_is = edit::without(file.as_bytes(), &name);
        let what = format!("without {name}: {} {:?}\n{file}", finished.stderr, ours_is.as_ref().err());
        match ours_is {
            Ok((rest, _)) => lab.same_text(&what, &theirs, &String::from_utf8_lossy(&rest))?,
            // A file that is not what it seems stays.
            Err(_) => lab.same_text(&what, &theirs, &file)?,
        }

        let path = lab.write("known_hosts", &file)?;
        let finished = lab.keygen(&["-H", "-f", &path])?;
        let theirs = lab.read("known_hosts")?;
        let hashed = edit::hash_names(file.as_bytes(), &mut lab.random);
        let what = format!("hashed: {} {:?}\n{file}", finished.stderr, hashed.as_ref().err());
        // They keep a hashed name without a look at it; a file in which one is none is not rewritten here.
        let expected = finished.status == Some(0) && !file.contains(BAD_HASH);
        lab.same(&what, &expected, &hashed.is_ok())?;
        let Ok(hashed) = hashed else { continue };
        lab.same_text(&what, &shape(&theirs), &shape(&hashed))?;
        let path = lab.write("hashed", &hashed)?;
        for (host, port) in HOSTS {
            let name = ours("a name", HostName::new(host, port))?;
            let by_them = found_by_them(lab, &path, &asked(host, port))?;
            lab.same(&format!("{name} by both in ours, {what}"), &by_them, &found_by_us(&hashed, &name))?;
            let (in_theirs, in_ours) = (found_by_us(&theirs, &name), found_by_us(&hashed, &name));
            lab.same(&format!("{name} by us in both, {what}"), &in_theirs, &in_ours)?;
        }
    }
    Ok(())
}

/// A file of which hashed names are left out, and blanks at the ends of lines.
fn shape(file: &[u8]) -> String {
    let text = String::from_utf8_lossy(file).into_owned();
    let without = |word: &str| if word.starts_with("|1|") { "|1|".to_owned() } else { word.to_owned() };
    text.lines()
        .map(|line| line.trim_end().split(' ').map(without).collect::<Vec<_>>().join(" ") + "\n")
        .collect()
}

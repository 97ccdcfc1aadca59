//! Key revocation lists, as `ssh-keygen -Q` asks them.

use std::ops::RangeInclusive;

use keyfiles::krl::KeyRevocationList;
use keys::{CertificateKind, CertificateRequest, Identity, NewKey, PrivateKey, PublicKey};

use super::lab::{Lab, line, ours as must};
use crate::error::Error;

/// Authorities, keys and certificates that lists are asked about.
const AUTHORITIES: usize = 3;
const KEYS: usize = 8;
const CERTIFICATES: usize = 24;

/// Lists of a batch.
const LISTS: usize = 6;

/// Key IDs of certificates.
const KEY_IDS: [&str; 5] = ["jo", "jo smith", "\"quoted\"", "ä:é/1", "host-7"];

/// Those whom lists are about.
struct World {
    authorities: Vec<PublicKey>,
    /// In the order in which they are asked about: authorities, keys, certificates.
    identities: Vec<Identity>,
    /// The names of their files, in that order.
    files: Vec<String>,
}

/// An entry of a list.
#[derive(Clone, Debug)]
enum Entry {
    Serials(u64, u64),
    KeyId(&'static str),
    Key(PublicKey),
    Sha1(PublicKey),
    Sha256(PublicKey),
    /// What stands on a line of its own, to be named as the program likes.
    Plain(Identity),
}

impl World {
    fn make(lab: &mut Lab<'_>) -> Result<Self, Error> {
        let mut made = Vec::new();
        for _ in 0..AUTHORITIES + KEYS {
            made.push(must("a key", PrivateKey::generate_of(NewKey::Ed25519, &mut lab.random))?);
        }
        let authorities = &made[..AUTHORITIES];
        let mut identities: Vec<Identity> = made.iter().map(|key| Identity::Key(key.public())).collect();
        for _ in 0..CERTIFICATES {
            let (authority, key) = (lab.random.pick(authorities), lab.random.pick(&made).public());
            let key_id = *lab.random.pick(&KEY_IDS);
            let mut request = CertificateRequest::new(CertificateKind::User, key, key_id.as_bytes());
            request.serial = serial(lab);
            let algorithm = authority
                .algorithms()
                .find(|row| !row.certificate)
                .ok_or_else(|| Error::wrong("no algorithm"))?;
            let certificate = must("a certificate", request.sign(authority, algorithm, &mut lab.random))?;
            identities.push(Identity::Certificate(Box::new(certificate)));
        }
        let mut files = Vec::new();
        for (number, identity) in identities.iter().enumerate() {
            files.push(lab.write(&format!("{number}.pub"), identity_line(identity))?);
        }
        Ok(Self { authorities: authorities.iter().map(PrivateKey::public).collect(), identities, files })
    }

    /// What `ssh-keygen -Q` says of each of them.
    fn ask(&self, lab: &Lab<'_>, list: &str) -> Result<Vec<bool>, Error> {
        let mut arguments = vec!["-Q", "-f", list];
        arguments.extend(self.files.iter().map(String::as_str));
        let finished = lab.keygen(&arguments)?;
        let text = String::from_utf8_lossy(&finished.stdout).into_owned();
        let said: Option<Vec<bool>> = text
            .lines()
            .map(|line| match line.rsplit_once(": ")?.1 {
                "REVOKED" => Some(true),
                "ok" => Some(false),
                _ => None,
            })
            .collect();
        said.filter(|said| said.len() == self.files.len())
            .ok_or_else(|| Error::wrong(format!("ssh-keygen -Q: {text}{}", finished.stderr)))
    }

    /// What we say of each of them.
    fn judged(&self, list: &KeyRevocationList<'_>) -> Vec<bool> {
        self.identities.iter().map(|identity| list.revokes(identity)).collect()
    }

    fn key(&self, lab: &mut Lab<'_>) -> PublicKey {
        // Mostly no authority, which would take all of its certificates along.
        let from = if lab.random.once_in(5) { 0 } else { AUTHORITIES };
        lab.random.pick(&self.identities[from..AUTHORITIES + KEYS]).key().clone()
    }

    fn entries(&self, lab: &mut Lab<'_>) -> Vec<Entry> {
        let mut entries = Vec::new();
        for _ in 0..lab.random.below(8) {
            entries.push(match lab.random.below(8) {
                0 => Entry::KeyId(KEY_IDS[lab.random.index(KEY_IDS.len())]),
                1 => Entry::Key(self.key(lab)),
                2 => Entry::Sha1(self.key(lab)),
                3 => Entry::Sha256(self.key(lab)),
                4 => Entry::Plain(Identity::Key(self.key(lab))),
                5 => Entry::Plain(lab.random.pick(&self.identities[AUTHORITIES + KEYS..]).clone()),
                _ => {
                    let first = serial(lab).max(1);
                    let most = *lab.random.pick(&[1, 10, 1000]);
                    let length = lab.random.below(most);
                    Entry::Serials(first, first.saturating_add(length))
                }
            });
        }
        // Many that are near each other become a bitmap.
        if lab.random.once_in(2) {
            for _ in 0..lab.random.below(300) {
                let first = 1 + lab.random.below(400);
                entries.push(Entry::Serials(first, first + lab.random.below(2)));
            }
        }
        entries
    }
}

/// A serial number: none, a small one, one of many, the last ones.
fn serial(lab: &mut Lab<'_>) -> u64 {
    match lab.random.below(6) {
        0 => 0,
        1 => u64::MAX - lab.random.below(3),
        2 => lab.random.number(),
        _ => lab.random.below(400),
    }
}

fn identity_line(identity: &Identity) -> String {
    match identity {
        Identity::Key(key) => line(key, "key"),
        Identity::Certificate(certificate) => format!("{certificate} certificate\n"),
    }
}

/// The entry as a line of what `ssh-keygen -k` reads.
fn specification(entry: &Entry) -> String {
    match entry {
        Entry::Serials(first, last) if first == last => format!("serial: {first}\n"),
        Entry::Serials(first, last) => format!("serial: {first}-{last}\n"),
        Entry::KeyId(key_id) => format!("id: {key_id}\n"),
        Entry::Key(key) => format!("key: {key}\n"),
        Entry::Sha1(key) => format!("sha1: {key}\n"),
        Entry::Sha256(key) if key.blob().len() % 2 == 0 => format!("hash: {}\n", key.fingerprint()),
        Entry::Sha256(key) => format!("sha256: {key}\n"),
        Entry::Plain(identity) => identity_line(identity),
    }
}

/// Lists that `ssh-keygen -k` makes and changes: what we say of keys is what `ssh-keygen -Q` says.
pub(super) fn theirs(lab: &mut Lab<'_>) -> Result<(), Error> {
    let world = World::make(lab)?;
    for number in 0..LISTS {
        let list = format!("list{number}");
        let path = lab.scratch().path(&list);
        let mut specified = String::new();
        for round in 0..1 + lab.random.below(3) {
            let entries: String = world.entries(lab).iter().map(specification).collect();
            specified.push_str(&format!("round {round}:\n{entries}"));
            let specification = lab.write("specification", &entries)?;
            let authority = lab.random.pick(&world.files[..AUTHORITIES]).clone();
            // Certificates of any authority, once in a while.
            let authority = if lab.random.once_in(4) { "none" } else { &authority };
            let version = lab.random.number().to_string();
            let mut arguments = vec!["-k", "-q", "-f", &path, "-s", authority, "-z", &version];
            arguments.extend((round > 0).then_some("-u"));
            arguments.push(&specification);
            lab.keygen_does(&arguments)?;
            let file = lab.read(&list)?;
            let read = must(&specified, KeyRevocationList::parse(&file))?;
            lab.same(&specified, &version, &read.version.to_string())?;
            let said = world.ask(lab, &path)?;
            lab.same(&specified, &said, &world.judged(&read))?;
            // Written again it is another file, and says the same to them.
            let again = lab.write("again", read.write())?;
            let said_again = world.ask(lab, &again)?;
            lab.same(&specified, &said, &said_again)?;
            dump(lab, &specified, &path, &read)?;
        }
    }
    Ok(())
}

/// What `ssh-keygen -Q -l` says is in the list.
fn dump(lab: &mut Lab<'_>, what: &str, path: &str, list: &KeyRevocationList<'_>) -> Result<(), Error> {
    let hex = |hash: &[u8]| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut ours = Vec::new();
    for blob in list.key_blobs() {
        let key = must(what, PublicKey::parse(blob))?;
        ours.push(format!("hash: {} # {}", key.fingerprint(), key.key_type()));
    }
    // As the base64 of fingerprints it would be read again; so it is only shown.
    ours.extend(list.sha256_hashes().map(|hash| format!("hash: SHA256:{}", hex(hash))));
    ours.extend(list.sha1_hashes().map(|hash| format!("# hash SHA1:{}", hex(hash))));
    for (authority, revoked) in list.certificates() {
        ours.push(match PublicKey::parse(authority) {
            Ok(key) => format!("# CA key {} {}", key.key_type(), key.fingerprint()),
            Err(_) => "# Wildcard CA".to_owned(),
        });
        ours.extend(joined(revoked.serials()).into_iter().map(|(first, last)| match first == last {
            true => format!("serial: {first}"),
            false => format!("serial: {first}-{last}"),
        }));
        ours.extend(revoked.key_ids().map(|key_id| format!("id: {}", String::from_utf8_lossy(key_id))));
    }
    ours.sort();
    lab.same_text(what, &listed(lab, path)?, &ours.join("\n"))
}

/// The entries of a list as `ssh-keygen -Q -l` shows them, in no order.
fn listed(lab: &Lab<'_>, path: &str) -> Result<String, Error> {
    let text = lab.keygen_does(&["-Q", "-l", "-f", path])?;
    let others = ["# KRL version ", "# Generated at ", "# Comment: "];
    let is_entry = |line: &&str| !line.is_empty() && !others.iter().any(|other| line.starts_with(other));
    let mut lines: Vec<&str> = text.lines().filter(is_entry).collect();
    lines.sort_unstable();
    Ok(lines.join("\n"))
}

/// Ranges of which none overlaps or touches another.
fn joined(ranges: impl Iterator<Item = RangeInclusive<u64>>) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = ranges.map(RangeInclusive::into_inner).collect();
    ranges.sort_unstable();
    let mut joined: Vec<(u64, u64)> = Vec::new();
    for (first, last) in ranges {
        match joined.last_mut() {
            Some(before) if before.1.saturating_add(1) >= first => before.1 = before.1.max(last),
            _ => joined.push((first, last)),
        }
    }
    joined
}

/// Lists that we make: `ssh-keygen -Q` says of keys what we say, and what it says with a list of its own from the same entries.
pub(super) fn ours(lab: &mut Lab<'_>) -> Result<(), Error> {
    let world = World::make(lab)?;
    for _ in 0..LISTS {
        let entries = world.entries(lab);
        let chosen = lab.random.index(AUTHORITIES + 1);
        let authority = world.authorities.get(chosen);
        let mut list = KeyRevocationList::default();
        list.version = lab.random.number();
        must("a comment", list.set_comment(lab.random.comment().into_bytes()))?;
        for entry in &entries {
            match entry {
                Entry::Serials(first, last) => {
                    must("serials", list.revoke_serials(authority, *first..=*last))?
                }
                Entry::KeyId(key_id) => must("key ID", list.revoke_key_id(authority, key_id.as_bytes()))?,
                Entry::Key(key) => list.revoke_key(key),
                Entry::Sha1(key) => list.revoke_sha1(key),
                Entry::Sha256(key) => {
                    let fingerprint = key.fingerprint();
                    list.revoke_sha256(must("a hash", fingerprint.as_bytes().try_into())?);
                }
                Entry::Plain(identity) => must("an identity", list.revoke(identity))?,
            }
        }
        let what = format!("{entries:?}");
        let file = list.write();
        let path = lab.write("ours", &file)?;
        let said = world.ask(lab, &path)?;
        lab.same(&what, &said, &world.judged(&list))?;
        let read = must(&what, KeyRevocationList::parse(&file))?;
        lab.same(&what, &said, &world.judged(&read))?;

        let specified: String = entries.iter().map(specification).collect();
        let specification = lab.write("specification", specified)?;
        let authority = world.files[..AUTHORITIES].get(chosen).map_or("none", String::as_str);
        let theirs = lab.scratch().path("theirs");
        lab.keygen_does(&["-k", "-q", "-f", &theirs, "-s", authority, &specification])?;
        let expected = world.ask(lab, &theirs)?;
        lab.same(&what, &expected, &said)?;
        // Not only the same answers: the same entries.
        let listed = [listed(lab, &theirs)?, listed(lab, &path)?];
        lab.same_text(&what, &listed[0], &listed[1])?;
    }
    Ok(())
}

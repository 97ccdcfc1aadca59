//! Files with keys.

use keys::{
    Encryption, FileCipher, FileError, IdentityLine, KeyError, KeyFile, KeyLine, LineError, PublicKey,
    Secret, Ssh2PublicKey, VerifyError, verify,
};

use super::fingerprints::listed;
use super::lab::{Lab, line, ours};
use super::random::Random;
use crate::error::Error;
use crate::peers::{KeyKind, Release};

/// Bytes of base64 that the check number, twice four bytes, may reach.
const CHECK_SPAN: usize = 13;

/// Files without passphrase: read by us, written by us, and the same but for the check number.
pub(super) fn plain(lab: &mut Lab<'_>) -> Result<(), Error> {
    for made in lab.keys() {
        let what = format!("{:?}", made.kind);
        let comment = lab.random.comment();
        let path = lab.write("key", &made.file)?;
        lab.keygen_does(&["-c", "-q", "-P", "", "-C", &comment, "-f", &path])?;
        let theirs = lab.read("key")?;
        let read = ours(&what, KeyFile::parse(&theirs))?;
        lab.same(&what, &made.key.public(), &read.key.public())?;
        lab.same(&what, &comment.as_bytes(), &&read.comment[..])?;

        let public = lab.read("key.pub")?;
        let key_line = ours(&what, KeyLine::parse(&public))?;
        lab.same(&what, &public, &[key_line.to_vec(), b"\n".to_vec()].concat())?;

        let written = ours(&what, read.write(&mut lab.random))?;
        let (first, last) = difference(&theirs, written.expose());
        lab.holds(
            &format!("{what}: our file differs from theirs from byte {first} to {last}"),
            theirs.len() == written.expose().len() && last - first <= CHECK_SPAN,
        )?;
        let path = lab.write("ours", written.expose())?;
        let shown = lab.keygen_does(&["-y", "-P", "", "-f", &path])?;
        lab.same_text(&what, &shown, &line(&read.key.public(), &comment))?;
        let shown = lab.keygen_does(&["-l", "-f", &path])?;
        lab.same_text(&what, &shown, &listed(&read.key.public(), Default::default(), &comment))?;
    }
    Ok(())
}

/// The first place where they differ, and the first behind which they do not.
fn difference(one: &[u8], other: &[u8]) -> (usize, usize) {
    let before = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    let behind = one.iter().rev().zip(other.iter().rev()).take_while(|(a, b)| a == b).count();
    (before, one.len().saturating_sub(behind).max(before))
}

/// What opens a file and what does not. Five characters are the fewest that `ssh-keygen` takes.
fn passphrases(random: &mut Random) -> (String, String) {
    let right = format!("{}12345", random.text("abc XYZ'\"\\$äß日 ", 60));
    let wrong = match random.below(3) {
        0 => right[..right.len() - 1].to_owned(),
        1 => format!("{right} "),
        _ => "something else".to_owned(),
    };
    (right, wrong)
}

fn secret(text: &str) -> Secret {
    Secret::copy_of(text.as_bytes())
}

/// Files with a passphrase and every cipher. Of all pairs of a type and a cipher each release has a third.
pub(super) fn encrypted(lab: &mut Lab<'_>) -> Result<(), Error> {
    let third = Release::ALL.iter().position(|release| *release == lab.release()).unwrap_or_default();
    for (kind, made) in lab.quick_keys().into_iter().enumerate() {
        let every_third =
            FileCipher::ALL.into_iter().skip((kind + third) % Release::ALL.len()).step_by(Release::ALL.len());
        for cipher in every_third {
            let what = format!("{:?} with {}", made.kind, cipher.name());
            let (right, wrong) = passphrases(&mut lab.random);
            let path = lab.write("key", &made.file)?;
            lab.keygen_does(&[
                "-p",
                "-q",
                "-P",
                "",
                "-N",
                &right,
                "-Z",
                cipher.name(),
                "-a",
                "1",
                "-f",
                &path,
            ])?;
            let file = lab.read("key")?;
            let refused = FileError::Encrypted { cipher: cipher.name().into(), kdf: "bcrypt".into() };
            lab.same(&what, &Some(refused), &KeyFile::parse(&file).err())?;
            lab.same(
                &what,
                &Some(FileError::WrongPassphrase),
                &KeyFile::read(&file, Some(&secret(&wrong))).err(),
            )?;
            let read = ours(&what, KeyFile::read(&file, Some(&secret(&right))))?;
            lab.same(&what, &made.key.public(), &read.key.public())?;
            lab.same(&what, &&b"made"[..], &&read.comment[..])?;

            let passphrase = secret(&right);
            let encryption =
                Encryption { passphrase: &passphrase, cipher, rounds: 1 + lab.random.below(2) as u32 };
            let written = ours(&what, read.write_encrypted(&encryption, &mut lab.random))?;
            lab.same(&what, &file.len(), &written.expose().len())?;
            let path = lab.write("ours", written.expose())?;
            let shown = lab.keygen_does(&["-y", "-P", &right, "-f", &path])?;
            lab.same_text(&what, &shown, &line(&made.key.public(), "made"))?;
            let refused = lab.keygen(&["-y", "-P", &wrong, "-f", &path])?;
            lab.holds(
                &format!("{what}: a wrong passphrase: {}", refused.stderr),
                refused.stderr.contains("incorrect passphrase supplied to decrypt private key"),
            )?;
        }
    }
    Ok(())
}

/// Files in PEM, of which we write none.
pub(super) fn pem(lab: &mut Lab<'_>) -> Result<(), Error> {
    for made in lab.keys() {
        for form in ["PEM", "PKCS8"] {
            for passphrase in [false, true] {
                let (right, wrong) =
                    if passphrase { passphrases(&mut lab.random) } else { Default::default() };
                let what = format!("{:?} as {form} with passphrase {right:?}", made.kind);
                let path = lab.write("key", &made.file)?;
                let made_so =
                    lab.keygen(&["-p", "-q", "-P", "", "-N", &right, "-m", form, "-a", "1", "-f", &path])?;
                // Newer types of keys have no such form, or have it in newer releases only.
                let may_fail = matches!(made.kind, KeyKind::Ed25519 | KeyKind::MlDsa44Ed25519);
                if made_so.status != Some(0) && may_fail {
                    continue;
                }
                let file = lab.read("key")?;
                let old = file.starts_with(b"-----BEGIN OPENSSH");
                lab.holds(&format!("{what}: {}", made_so.stderr), may_fail || !old)?;
                if passphrase {
                    let refused = matches!(KeyFile::parse(&file), Err(FileError::Encrypted { .. }));
                    lab.holds(&format!("{what}: read without"), refused)?;
                    let read = KeyFile::read(&file, Some(&secret(&wrong)));
                    lab.holds(&format!("{what}: read with {wrong:?}"), read.is_err())?;
                }
                let read = match passphrase {
                    true => KeyFile::read(&file, Some(&secret(&right))),
                    false => KeyFile::parse(&file),
                };
                let read = ours(&what, read)?;
                lab.same(&what, &made.key.public(), &read.key.public())?;
                let comment = if old { "made" } else { "" };
                lab.same(&what, &comment.as_bytes(), &&read.comment[..])?;
            }
        }
    }
    Ok(())
}

/// Files of RFC 4716, which other programs read and write.
pub(super) fn public(lab: &mut Lab<'_>) -> Result<(), Error> {
    for made in lab.keys() {
        let what = format!("{:?}", made.kind);
        let key = made.key.public();
        let path = lab.write("key.pub", line(&key, "made"))?;
        let exported = lab.keygen_does(&["-e", "-m", "RFC4716", "-f", &path])?;
        let read = ours(&what, Ssh2PublicKey::parse(exported.as_bytes()))?;
        lab.same(&what, &key, read.key())?;
        let size = format!("{}-bit {}, converted by ", key.bits(), key.short_type());
        lab.holds(&format!("{what}: {:?}", read.comment()), read.comment().to_string().starts_with(&size))?;
        lab.same_text(&what, &exported, &String::from_utf8_lossy(&read.to_vec()))?;

        for _ in 0..4 {
            // Where a comment goes on in another line they take a colon and a blank for a header, and lose a line of the key.
            let comment = lab.random.comment().replace(": ", ":").repeat(1 + lab.random.index(4));
            let written = ours(&what, Ssh2PublicKey::new(key.clone(), comment.as_bytes()))?.to_vec();
            let written = if lab.random.once_in(2) { with_carriage_returns(&written) } else { written };
            let path = lab.write("ours", &written)?;
            let finished = lab.keygen(&["-i", "-m", "RFC4716", "-f", &path])?;
            let imported = String::from_utf8_lossy(&finished.stdout).into_owned();
            let file = String::from_utf8_lossy(&written).into_owned();
            lab.same_text(&format!("{}{what}\n{file}", finished.stderr), &imported, &line(&key, ""))?;
            let read = ours(&what, Ssh2PublicKey::parse(&written))?;
            lab.same(&what, &comment.as_bytes(), &read.comment().0)?;
        }
    }
    Ok(())
}

fn with_carriage_returns(text: &[u8]) -> Vec<u8> {
    text.split_inclusive(|byte| *byte == b'\n')
        .flat_map(|line| [&line[..line.len() - 1], b"\r\n"].concat())
        .collect()
}

/// How many lines of a file are damaged ones.
const DAMAGED: usize = 150;

/// Lines with keys that were changed in a place: who still takes them for keys.
pub(super) fn damaged(lab: &mut Lab<'_>) -> Result<(), Error> {
    let keys: Vec<PublicKey> = lab.quick_keys().iter().map(|made| made.key.public()).collect();
    let mut lines = Vec::new();
    for number in 0..DAMAGED {
        let text = lab.random.pick(&keys).to_string();
        let text = format!("{} n{number}n\n", damage(&text, &mut lab.random));
        // They take RSA keys with even numbers, which verify nothing.
        let odd = !matches!(
            IdentityLine::parse(text.as_bytes()),
            Err(LineError::Key(KeyError::BadModulus | KeyError::BadExponent))
        );
        lines.extend(odd.then_some((number, text)));
    }
    let file: String = lines.iter().map(|(_, text)| text.as_str()).collect();
    let path = lab.write("lines", file)?;
    // It says no when no line is a key, but there is always one.
    let listed = lab.keygen_does(&["-l", "-f", &path])?;
    for (number, text) in lines {
        lab.same(&text, &listed.contains(&format!(" n{number}n ")), &is_key(&text))?;
    }
    Ok(())
}

/// Changes, takes or adds a character or two, or changes nothing.
fn damage(text: &str, random: &mut Random) -> String {
    let mut bytes = text.as_bytes().to_vec();
    // The type's name stays: where it is not a known one, `ssh-keygen` looks for a key behind it, as behind options.
    let start = text.find(' ').unwrap_or_default() + 1;
    for _ in 0..random.below(3) {
        // Most of a key may be anything; what is at its ends may not.
        let place = match random.below(3) {
            0 => start + random.index(40.min(bytes.len() - start)),
            1 => bytes.len() - 1 - random.index(10),
            _ => start + random.index(bytes.len() - start),
        };
        let byte = *random.pick(b"ABCDwxyz0189+/=");
        match random.below(6) {
            0 => drop(bytes.remove(place)),
            1 => bytes.insert(place, byte),
            2 => bytes.truncate(bytes.len() - 4),
            3 => bytes.extend(b"AAAA"),
            _ => bytes[place] = byte,
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether we take the line for a key that could verify something. We look at points of curves only then.
fn is_key(text: &str) -> bool {
    let Ok(read) = IdentityLine::parse(text.as_bytes()) else { return false };
    let key = read.identity().key().clone();
    let PublicKey::Ecdsa(ecdsa) = &key else { return true };
    let Some(algorithm) = keys::SIGNATURES.iter().find(|row| row.key_type == key.key_type()) else {
        return false;
    };
    let signer = keys::PrivateKey::generate_of(keys::NewKey::Ecdsa(ecdsa.curve()), &mut Random::new(0));
    let Ok(signature) = signer.map_err(drop).and_then(|signer| signer.sign(algorithm, b"").map_err(drop))
    else {
        return false;
    };
    verify(algorithm, &key.blob(), b"", &signature) != Err(VerifyError::BadKey)
}

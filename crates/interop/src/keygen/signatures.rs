//! Signatures of messages, as `ssh-keygen -Y` makes and checks them.

use keyfiles::sshsig::{MessageHash, SshSignature};
use keys::{Certificate, CertificateKind, CertificateRequest, Identity};

use super::lab::{Lab, Made, authority_algorithms, line, ours};
use super::random::Random;
use crate::error::Error;
use crate::peers::Release;

/// What signatures are for.
const NAMESPACES: [&str; 4] = ["git", "file", "a b@example.org", "ä"];

/// Signatures of each key and hash: who made them does not matter to the other.
pub(super) fn compare(lab: &mut Lab<'_>) -> Result<(), Error> {
    for made in lab.keys() {
        for hash in [MessageHash::Sha256, MessageHash::Sha512] {
            let namespace = *lab.random.pick(&NAMESPACES);
            let message = message(&mut lab.random);
            let identity = shown(lab, made)?;
            let what =
                format!("{:?} {} for {namespace:?} of {} bytes", made.kind, hash.name(), message.len());
            let theirs = theirs(lab, made, &identity, namespace, hash, &message)?;
            let read = ours(&what, SshSignature::parse(theirs.as_bytes()))?;
            lab.same(&what, &identity, read.identity())?;
            lab.same(&what, &(namespace.as_bytes(), hash), &(read.namespace(), read.hash()))?;
            let proven = ours(&what, read.verify(namespace.as_bytes(), &message))?;
            lab.same(&what, &made.key.public(), proven.key())?;
            lab.holds(&format!("{what}: another namespace"), read.verify(b"other", &message).is_err())?;
            lab.holds(
                &format!("{what}: another message"),
                read.verify(namespace.as_bytes(), b"other").is_err(),
            )?;
            lab.same_text(&what, &theirs, &read.armored())?;

            let signed = sign(made, &identity, namespace, hash, &message, &mut lab.random)?;
            // Where one key, one message and one algorithm have one signature, it is theirs. Old ones always sign with SHA-512.
            let theirs_is_by = match (made.key.public().key_type(), lab.release(), hash) {
                ("ssh-ed25519", _, _) => "ssh-ed25519",
                ("ssh-rsa", Release::Trixie | Release::Forky, MessageHash::Sha256) => "rsa-sha2-256",
                ("ssh-rsa", _, _) => "rsa-sha2-512",
                _ => "many",
            };
            if signed.1 == theirs_is_by {
                lab.same_text(&what, &theirs, &signed.0)?;
            }
            lab.holds(&format!("{what}: refused"), checked(lab, &signed.0, namespace, &message)?)?;
            lab.holds(&format!("{what}: another message"), !checked(lab, &signed.0, namespace, b"other")?)?;
            lab.holds(&format!("{what}: another namespace"), !checked(lab, &signed.0, "other", &message)?)?;
            damaged(lab, &what, &signed.0, namespace, &message)?;
        }
    }
    Ok(())
}

fn message(random: &mut Random) -> Vec<u8> {
    let length = *random.pick(&[0, 1, 63, 64, 111, 112, 127, 128, 5000, 100_000]);
    (0..length).map(|_| random.number() as u8).collect()
}

/// What a signature of the key shows: the key, or a certificate of it that its own authority signed.
fn shown(lab: &mut Lab<'_>, made: &Made) -> Result<Identity, Error> {
    if !lab.random.once_in(3) {
        return Ok(Identity::Key(made.key.public()));
    }
    let mut request = CertificateRequest::new(CertificateKind::User, made.key.public(), b"signer");
    request.principals = vec![b"jo".to_vec()];
    let algorithm = made.algorithm(&mut lab.random);
    let certificate = ours("a certificate", request.sign(&made.key, algorithm, &mut lab.random))?;
    Ok(Identity::Certificate(Box::new(certificate)))
}

/// The key's line, or its certificate's.
fn identity_line(identity: &Identity) -> String {
    match identity {
        Identity::Key(key) => line(key, ""),
        Identity::Certificate(certificate) => format!("{certificate}\n"),
    }
}

/// Has `ssh-keygen` sign.
pub(super) fn theirs(
    lab: &Lab<'_>,
    made: &Made,
    identity: &Identity,
    namespace: &str,
    hash: MessageHash,
    message: &[u8],
) -> Result<String, Error> {
    let key = lab.write("signer", &made.file)?;
    let shown = if identity.certificate().is_some() { "signer-cert.pub" } else { "signer.pub" };
    lab.write(shown, identity_line(identity))?;
    let certificate = lab.scratch().path(shown);
    let key = if identity.certificate().is_some() { certificate } else { key };
    let hash = format!("hashalg={}", hash.name());
    let arguments = ["-Y", "sign", "-q", "-f", &key, "-n", namespace, "-O", &hash];
    let finished = lab.program("/usr/bin/ssh-keygen", &arguments, message)?;
    match finished.status {
        Some(0) => Ok(String::from_utf8_lossy(&finished.stdout).into_owned()),
        _ => Err(Error::wrong(format!("ssh-keygen -Y sign: {}", finished.stderr))),
    }
}

/// Signs, and tells by what algorithm.
pub(super) fn sign(
    made: &Made,
    identity: &Identity,
    namespace: &str,
    hash: MessageHash,
    message: &[u8],
    random: &mut Random,
) -> Result<(String, &'static str), Error> {
    let algorithm = made.algorithm(random);
    let shown_type = identity.key_type();
    let row = keys::SIGNATURES
        .iter()
        .find(|row| row.key_type == shown_type && row.signature_name == algorithm.signature_name)
        .ok_or_else(|| Error::wrong(format!("no algorithm of {shown_type}")))?;
    let signed = SshSignature::sign(&made.key, identity.clone(), row, namespace.as_bytes(), hash, message);
    Ok((ours("signing", signed)?.armored(), algorithm.name))
}

/// Whether `ssh-keygen` takes the signature, whoever made it.
fn checked(lab: &Lab<'_>, signature: &str, namespace: &str, message: &[u8]) -> Result<bool, Error> {
    let file = lab.write("signature", signature)?;
    let arguments = ["-Y", "check-novalidate", "-n", namespace, "-s", &file];
    let finished = lab.program("/usr/bin/ssh-keygen", &arguments, message)?;
    match finished.status {
        Some(0) => Ok(true),
        Some(255) => Ok(false),
        _ => Err(Error::wrong(format!("ssh-keygen -Y check-novalidate: {finished:?}"))),
    }
}

/// A signature that was changed in a place counts for both or for nobody.
fn damaged(
    lab: &mut Lab<'_>,
    what: &str,
    signature: &str,
    namespace: &str,
    message: &[u8],
) -> Result<(), Error> {
    for _ in 0..4 {
        let mut text = signature.as_bytes().to_vec();
        let place = lab.random.index(text.len());
        match lab.random.below(4) {
            0 => drop(text.remove(place)),
            1 => text.insert(place, *lab.random.pick(b"A\n \r=-")),
            _ => text[place] = *lab.random.pick(b"Aw/+=-\n 8"),
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        let theirs = checked(lab, &text, namespace, message)?;
        let verified =
            SshSignature::parse(text.as_bytes()).and_then(|read| read.verify(namespace.as_bytes(), message));
        // What `allowed` looks at when it is asked whose the key is, they look at here.
        let endorsed =
            |certificate: &Certificate| certificate.verify_authority(&authority_algorithms()).is_ok();
        let is_good = verified.as_ref().is_ok_and(|proven| proven.certificate().is_none_or(endorsed));
        lab.same(&format!("{what}: {verified:?}\n{text}"), &theirs, &is_good)?;
    }
    Ok(())
}

//! Proofs that host keys are ours, for a client that knows us by another one (`hostkeys-prove-00@openssh.com`).

use keys::SignatureAlg;
use wire::put_string;

use crate::host_keys::HostKeys;
use crate::log::Logger;
use crate::protocol::monitor::{PROVEN_MAX, Prove};
use crate::protocol::split;

use super::violation::Violation;

/// What the signatures are for, so that they are good for nothing else.
const PURPOSE: &[u8] = b"hostkeys-prove-00@openssh.com";

/// A signature by each of these keys, which must be ours: of the purpose, the session and the key, as OpenSSH's PROTOCOL has it. RSA
/// keys sign by `rsa`, the others by the one algorithm that they have. `None` when one cannot, which is logged.
pub(super) fn of_host_keys(
    request: &Prove<'_>,
    session: &[u8],
    rsa: Option<&'static SignatureAlg>,
    keys: &HostKeys,
    log: &Logger,
) -> Result<Option<Vec<Vec<u8>>>, Violation> {
    let blobs = split(request.keys.0).map_err(|error| Violation::Malformed("Prove", error))?;
    if blobs.len() > PROVEN_MAX {
        return Err(Violation::NoProof);
    }
    let mut proven = Vec::with_capacity(blobs.len());
    let mut signatures = Vec::with_capacity(blobs.len());
    for blob in blobs {
        let index = keys.position(blob).filter(|index| !proven.contains(index)).ok_or(Violation::NoProof)?;
        proven.push(index);
        let key_type = keys.public(index).ok_or(Violation::NoProof)?.key_type();
        let own = || SignatureAlg::for_key_type(key_type).next();
        let algorithm = rsa.filter(|rsa| rsa.plain == key_type).or_else(own).ok_or(Violation::NoProof)?;
        let mut data = Vec::new();
        for string in [PURPOSE, session, blob] {
            put_string(&mut data, string);
        }
        match keys.sign(index, algorithm, &data) {
            Ok(signature) => signatures.push(signature),
            Err(error) => {
                log.error(format_args!("couldn't prepare signature: {error}"));
                return Ok(None);
            }
        }
    }
    Ok(Some(signatures))
}

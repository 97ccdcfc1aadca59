use crypto::{CIPHERS, COMPRESSIONS, KEX, MACS};
use keys::SIGNATURES;

/// What `help` lists, as OpenSSH does.
const QUERIES: &[&str] = &[
    "cipher",
    "cipher-auth",
    "compression",
    "kex",
    "key",
    "key-cert",
    "key-plain",
    "key-sig",
    "mac",
    "protocol-version",
    "sig",
];

/// Keywords that choose from a list, compared without regard to case, and the query for it.
const KEYWORDS: &[(&str, &str)] = &[
    ("Ciphers", "cipher"),
    ("MACs", "mac"),
    ("KexAlgorithms", "kex"),
    ("HostKeyAlgorithms", "key-sig"),
    ("PubkeyAcceptedAlgorithms", "key-sig"),
    ("PubkeyAcceptedKeyTypes", "key-sig"),
    ("HostbasedAcceptedAlgorithms", "key-sig"),
    ("HostbasedAcceptedKeyTypes", "key-sig"),
    ("HostbasedKeyTypes", "key-sig"),
    ("CASignatureAlgorithms", "sig"),
];

/// The answer to a query by the names of `ssh -Q` (`ssh(1)`): what this build can do, whether it is offered or not, each name once
/// and the preferred ones first. `None` where there is no such query.
#[must_use]
pub fn query(name: &str) -> Option<Vec<&'static str>> {
    let keyword = KEYWORDS.iter().find(|(keyword, _)| keyword.eq_ignore_ascii_case(name));
    Some(match keyword.map_or(name, |(_, query)| query) {
        "cipher" => names(CIPHERS, |row| Some(row.name)),
        "cipher-auth" => names(CIPHERS, |row| row.aead.then_some(row.name)),
        "compression" => names(COMPRESSIONS, |row| Some(row.name)),
        "kex" => names(KEX, |row| Some(row.name)),
        "key" => names(SIGNATURES, |row| Some(row.key_type)),
        "key-cert" => names(SIGNATURES, |row| row.certificate.then_some(row.key_type)),
        "key-plain" => names(SIGNATURES, |row| (!row.certificate).then_some(row.key_type)),
        "key-sig" => names(SIGNATURES, |row| Some(row.name)),
        "key-ca-sign" | "sig" => names(SIGNATURES, |row| (!row.certificate).then_some(row.name)),
        "mac" => names(MACS, |row| Some(row.name)),
        "protocol-version" => vec!["2"],
        "help" => QUERIES.to_vec(),
        _ => return None,
    })
}

/// What the rows of a table are called, each name once.
fn names<T>(table: &'static [T], name: fn(&T) -> Option<&'static str>) -> Vec<&'static str> {
    let mut names = Vec::new();
    for row in table {
        if let Some(name) = name(row)
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_query_has_an_answer_of_names_that_stand_once() {
        let queries =
            QUERIES.iter().chain(&["help", "key-ca-sign"]).chain(KEYWORDS.iter().map(|(name, _)| name));
        for name in queries {
            let answer = query(name).unwrap();
            assert!(!answer.is_empty(), "{name}");
            let mut unique = answer.clone();
            unique.sort_unstable();
            unique.dedup();
            assert_eq!(unique.len(), answer.len(), "{name}: {answer:?}");
        }
    }

    #[test]
    fn keywords_are_known_in_any_case_and_the_other_queries_in_theirs() {
        assert_eq!(query("ciphers"), query("cipher"));
        assert_eq!(query("pubkeyACCEPTEDkeytypes"), query("key-sig"));
        for name in ["Cipher", "HELP", "Compression", "", "sigalgs"] {
            assert_eq!(query(name), None, "{name}");
        }
    }

    #[test]
    fn keys_are_told_by_their_types_and_signatures_by_their_algorithms() {
        let has = |list: &str, name: &str| query(list).unwrap().contains(&name);
        assert!(has("key", "ssh-rsa") && !has("key", "rsa-sha2-512") && has("key-sig", "rsa-sha2-512"));
        assert!(has("key-cert", "ssh-rsa-cert-v01@openssh.com") && !has("key-cert", "ssh-rsa"));
        assert!(has("key-plain", "ssh-ed25519") && !has("sig", "ssh-ed25519-cert-v01@openssh.com"));
        assert!(has("cipher-auth", "aes128-gcm@openssh.com") && !has("cipher-auth", "aes128-ctr"));
        assert!(has("cipher", "3des-cbc") && has("mac", "hmac-sha1"));
        assert_eq!(query("compression").unwrap(), ["none", "zlib@openssh.com"]);
    }
}

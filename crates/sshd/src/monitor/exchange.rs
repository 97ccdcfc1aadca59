//! Key exchanges: the monitor computes each hash itself, and signs nothing else with a host key.

use std::fmt;

use config::Effective;
use crypto::{Group, KEX, KexAlg, Secret};
use keys::{PublicKey, SignatureAlg};
use transport::message::KexInit;
use transport::{GroupPart, GroupRequest, SessionId, Transcript, limits::EXCHANGES_BEFORE_AUTH};
use userauth::SessionInfo;
use wire::NameList;

use crate::host_keys::HostKeys;
use crate::protocol::monitor::{Sign, WantGroup};

use super::table::Phase;

/// The exchanges of one connection.
#[derive(Default)]
pub(super) struct Exchanges {
    first: Option<First>,
    before_login: u32,
    /// What net was given for the exchange under way, where it asked for a group.
    group: Option<Chosen>,
    /// By what RSA keys sign for this client, as far as it has said.
    rsa: Option<&'static SignatureAlg>,
}

/// An answer to net, for an exchange that is not signed yet.
struct Chosen {
    sizes: GroupRequest,
    /// There may be none of these sizes; then the exchange is over.
    group: Option<Group>,
}

/// What the first exchange settled for good.
struct First {
    session: SessionInfo,
    client_ident: Vec<u8>,
    server_ident: Vec<u8>,
}

/// Why something is no key exchange of this connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Implausible {
    /// More exchanges than there may be before the login.
    TooMany,
    /// No such key exchange method, or not one of ours.
    Kex,
    /// No such signature algorithm, or not one of ours.
    Algorithm,
    /// Not the host key that this algorithm signs with.
    HostKey,
    /// Not an identification, or another one than before.
    Ident,
    /// Not a KEXINIT.
    KexInit,
    /// The KEXINITs do not come to what was asked for.
    Negotiation,
    /// A group is wanted that no client can have asked for.
    Sizes,
    /// A group is wanted for an exchange for which one was asked for.
    SecondGroup,
    /// Not the group that we chose, or one where we chose none.
    Group,
    /// There is no public value, or no secret.
    Empty,
    /// The host key did not sign: why.
    Signature(String),
}

impl fmt::Display for Implausible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooMany => "too many key exchanges before the login",
            Self::Kex => "key exchange method is not one of ours",
            Self::Algorithm => "signature algorithm is not one of ours",
            Self::HostKey => "host key is not that of the algorithm",
            Self::Ident => "identification is none, or has changed",
            Self::KexInit => "key exchange begins with no KEXINIT",
            Self::Negotiation => "the KEXINITs come to something else",
            Self::Sizes => "group of sizes that no client is given",
            Self::SecondGroup => "second group for one exchange",
            Self::Group => "group is not the one that was chosen",
            Self::Empty => "key exchange without its values",
            Self::Signature(why) => return write!(f, "host key cannot sign: {why}"),
        })
    }
}

impl Exchanges {
    /// What signatures of the user are bound to, once there is anything.
    pub(super) fn session(&self) -> Option<&SessionInfo> {
        self.first.as_ref().map(|first| &first.session)
    }

    /// By what this client takes signatures of RSA keys, when it is asked to believe that they are ours: as OpenSSH has it, by what the
    /// last exchange was signed with if that was one, else the best that it named there.
    pub(super) fn rsa(&self) -> Option<&'static SignatureAlg> {
        self.rsa
    }

    /// Has a group chosen for an exchange, and remembers it: it is the only one in which that exchange is signed. Net gets one for
    /// each exchange, so that it cannot make us read a file again and again.
    pub(super) fn group(
        &mut self,
        wanted: WantGroup,
        phase: Phase,
        config: &Effective,
        choose: impl FnOnce(GroupRequest) -> Option<Group>,
    ) -> Result<Option<Group>, Implausible> {
        if phase == Phase::Login && self.before_login >= EXCHANGES_BEFORE_AUTH {
            return Err(Implausible::TooMany);
        }
        let ours = |row: &&KexAlg| config.kex_algorithms.0.contains(&row.name);
        if !KEX.iter().filter(ours).any(KexAlg::chooses_group) {
            return Err(Implausible::Kex);
        }
        if self.group.is_some() {
            return Err(Implausible::SecondGroup);
        }
        let sizes = GroupRequest { min: wanted.min, preferred: wanted.preferred, max: wanted.max };
        if sizes.within_limits() != Some(sizes) {
            return Err(Implausible::Sizes);
        }
        let group = choose(sizes).filter(|group| sizes.admits(group.bits()));
        self.group = Some(Chosen { sizes, group: group.clone() });
        Ok(group)
    }

    /// What the group of this exchange adds to its hash.
    fn part(&mut self, request: &Sign<'_>, kex: &KexAlg) -> Result<Option<GroupPart>, Implausible> {
        let asked = GroupRequest {
            min: request.group_min,
            preferred: request.group_preferred,
            max: request.group_max,
        };
        match (kex.chooses_group(), self.group.take()) {
            (true, Some(Chosen { sizes, group: Some(group) })) => {
                let given = (group.prime(), group.generator()) == (request.prime.0, request.generator.0);
                let same = given && asked.within_limits() == Some(sizes);
                if same { Ok(Some(GroupPart { request: asked, group })) } else { Err(Implausible::Group) }
            }
            (false, None) if request.prime.0.is_empty() && request.generator.0.is_empty() => Ok(None),
            (true, None | Some(Chosen { group: None, .. })) | (false, Some(_) | None) => {
                Err(Implausible::Group)
            }
        }
    }

    /// Computes the exchange hash and signs it. That of the first exchange becomes the session id.
    ///
    /// The host key's blob is our own, whatever net says; the strings are net's, but they are those of a key exchange, so that a
    /// signature is good for nothing else.
    pub(super) fn sign(
        &mut self,
        request: &Sign<'_>,
        phase: Phase,
        keys: &HostKeys,
        config: &Effective,
    ) -> Result<Vec<u8>, Implausible> {
        if phase == Phase::Login {
            self.before_login = self.before_login.saturating_add(1);
            if self.before_login > EXCHANGES_BEFORE_AUTH {
                return Err(Implausible::TooMany);
            }
        }
        let kex = kex(request, config)?;
        let algorithm = algorithm(request, config)?;
        let blobs = keys.blobs();
        let (index, host_key) = first_of_type(&blobs, algorithm.key_type).ok_or(Implausible::HostKey)?;
        if u32::try_from(index) != Ok(request.host_key) {
            return Err(Implausible::HostKey);
        }
        self.check_idents(request)?;
        check_inits(request)?;
        if [request.client_public.0, request.server_public.0, request.shared_secret.0].contains(&&[][..]) {
            return Err(Implausible::Empty);
        }
        let group = self.part(request, kex)?;
        let transcript = Transcript {
            client_ident: request.client_ident.0.to_vec(),
            server_ident: request.server_ident.0.to_vec(),
            client_kexinit: request.client_kexinit.0.to_vec(),
            server_kexinit: request.server_kexinit.0.to_vec(),
            host_key: host_key.to_vec(),
            group,
            client_public: request.client_public.0.to_vec(),
            server_public: request.server_public.0.to_vec(),
            shared_secret: Secret::copy_of(request.shared_secret.0),
        };
        let hash = transcript.hash(kex.hash);
        let signature = keys
            .sign(index, algorithm, hash.as_bytes())
            .map_err(|error| Implausible::Signature(error.to_string()))?;
        self.rsa = rsa_for(algorithm, request);
        self.first.get_or_insert_with(|| First {
            session: SessionInfo::new(SessionId::from_first(&hash).as_bytes(), host_key),
            client_ident: transcript.client_ident,
            server_ident: transcript.server_ident,
        });
        Ok(signature)
    }

    fn check_idents(&self, request: &Sign<'_>) -> Result<(), Implausible> {
        let (client, server) = (request.client_ident.0, request.server_ident.0);
        let good = match &self.first {
            Some(first) => first.client_ident == client && first.server_ident == server,
            None => client.starts_with(b"SSH-") && server.starts_with(b"SSH-2.0-"),
        };
        if good { Ok(()) } else { Err(Implausible::Ident) }
    }
}

fn kex(request: &Sign<'_>, config: &Effective) -> Result<&'static KexAlg, Implausible> {
    let known = KEX.iter().find(|row| request.kex == row.name);
    known.filter(|row| config.kex_algorithms.0.contains(&row.name)).ok_or(Implausible::Kex)
}

fn algorithm(request: &Sign<'_>, config: &Effective) -> Result<&'static SignatureAlg, Implausible> {
    let known = SignatureAlg::by_name(request.algorithm.as_str());
    known.filter(|row| config.host_key_algorithms.0.contains(&row.name)).ok_or(Implausible::Algorithm)
}

/// The one host key that an algorithm signs with, and where it stands.
fn first_of_type<'a>(blobs: &'a [Vec<u8>], key_type: &str) -> Option<(usize, &'a [u8])> {
    let of_type = |blob: &[u8]| PublicKey::type_of(blob).is_ok_and(|found| found == key_type);
    blobs.iter().map(Vec::as_slice).enumerate().find(|(_, blob)| of_type(blob))
}

/// The KEXINITs come to the method and the algorithm that were asked for (RFC 4253 §7.1).
fn check_inits(request: &Sign<'_>) -> Result<(), Implausible> {
    let client = KexInit::from_payload(request.client_kexinit.0).map_err(|_| Implausible::KexInit)?;
    let server = KexInit::from_payload(request.server_kexinit.0).map_err(|_| Implausible::KexInit)?;
    let kex = agreed(client.kex, server.kex) == Some(request.kex.as_str());
    let host_key = agreed(client.host_keys, server.host_keys) == Some(request.algorithm.as_str());
    if kex && host_key { Ok(()) } else { Err(Implausible::Negotiation) }
}

/// By what RSA keys sign for the client of this exchange, which was signed by `algorithm`.
fn rsa_for(algorithm: &SignatureAlg, request: &Sign<'_>) -> Option<&'static SignatureAlg> {
    if algorithm.plain == "ssh-rsa" {
        return SignatureAlg::by_name(algorithm.signature_name);
    }
    let client = KexInit::from_payload(request.client_kexinit.0).ok()?;
    let named = ["rsa-sha2-512", "rsa-sha2-256"].into_iter().find(|name| client.host_keys.contains(name));
    SignatureAlg::by_name(named.unwrap_or("rsa-sha2-512"))
}

fn agreed<'a>(client: NameList<'a>, server: NameList<'_>) -> Option<&'a str> {
    client.iter().find(|name| server.contains(name))
}

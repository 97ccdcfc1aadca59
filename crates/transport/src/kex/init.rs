use wire::{Encode, NameList, Role};

use super::client::ExpectEcdhReply;
use super::group_client::ExpectGroup;
use super::group_server::ExpectGroupRequest;
use super::server::ExpectEcdhInit;
use super::{Context, Kex, Outcome, Step};
use crate::error::{Error, Misbehaviour};
use crate::message::KexInit;
use crate::negotiate::{Agreed, Markers, ext_info_marker, list, negotiate, strict_marker};

/// Our KEXINIT is out; the peer's must come.
pub(crate) struct ExpectInit {
    ours: Vec<u8>,
}

/// What both KEXINITs came to.
pub(super) struct Inits {
    pub(super) client_kexinit: Vec<u8>,
    pub(super) server_kexinit: Vec<u8>,
    pub(super) agreed: Agreed,
    /// The next packet is the peer's wrong guess.
    pub(super) drop_guess: bool,
}

impl ExpectInit {
    pub(super) fn begin(cx: &mut Context<'_>) -> Result<Self, Error> {
        let ours = kexinit(cx)?;
        cx.out.close_gate();
        cx.out.pass_payload(&ours);
        Ok(Self { ours })
    }

    pub(super) fn handle(self, payload: &[u8], sequence: u32, cx: &mut Context<'_>) -> Step {
        let theirs = KexInit::from_payload(payload)?;
        let role = cx.session.role;
        if cx.session.id.is_none() {
            cx.session.peer = Markers::of(&theirs, role.peer());
            cx.session.strict = cx.session.ours.strict && cx.session.peer.strict;
            if cx.session.strict && sequence != 0 {
                return Err(Misbehaviour::StrictKexInitNotFirst { sequence }.into());
            }
        }
        let negotiated =
            negotiate(cx.offer, &theirs, role).map_err(|none| Error::NoCommon(Box::new(none)))?;
        let agreed = negotiated.agreed;
        let (client_kexinit, server_kexinit) = match role {
            Role::Client => (self.ours, payload.to_vec()),
            Role::Server => (payload.to_vec(), self.ours),
        };
        let inits = Inits { client_kexinit, server_kexinit, agreed, drop_guess: negotiated.drop_guess };
        let next = match role {
            Role::Client if agreed.kex.chooses_group() => {
                Kex::ExpectGroup(Box::new(ExpectGroup::begin(inits, cx)))
            }
            Role::Client => Kex::ExpectEcdhReply(Box::new(ExpectEcdhReply::begin(inits, cx)?)),
            Role::Server if agreed.kex.chooses_group() => {
                Kex::ExpectGroupRequest(Box::new(ExpectGroupRequest::begin(inits)))
            }
            Role::Server => Kex::ExpectEcdhInit(Box::new(ExpectEcdhInit::begin(inits))),
        };
        Ok((next, Outcome::Agreed(agreed)))
    }
}

/// The payload of our KEXINIT.
fn kexinit(cx: &mut Context<'_>) -> Result<Vec<u8>, Error> {
    let mut cookie = [0; 16];
    cx.rng.fill(&mut cookie)?;
    let mut kex = list(&cx.offer.kex);
    // RFC 8308 §2.1 and the strict KEX draft: only the first KEXINIT has markers.
    if cx.session.id.is_none() {
        let role = cx.session.role;
        let ours = cx.session.ours;
        for (wanted, marker) in [(ours.ext_info, ext_info_marker(role)), (ours.strict, strict_marker(role))] {
            if wanted {
                kex.push(',');
                kex.push_str(marker);
            }
        }
    }
    let host_keys = list(&cx.offer.host_keys);
    let ciphers = both(cx, |offer, sender| list(offer.ciphers.sent_by(sender)));
    let macs = both(cx, |offer, sender| list(offer.macs.sent_by(sender)));
    let compressions = both(cx, |offer, sender| list(offer.compressions.sent_by(sender)));
    let message = KexInit {
        cookie,
        kex: NameList::new(&kex)?,
        host_keys: NameList::new(&host_keys)?,
        ciphers_client_to_server: NameList::new(&ciphers.0)?,
        ciphers_server_to_client: NameList::new(&ciphers.1)?,
        macs_client_to_server: NameList::new(&macs.0)?,
        macs_server_to_client: NameList::new(&macs.1)?,
        compressions_client_to_server: NameList::new(&compressions.0)?,
        compressions_server_to_client: NameList::new(&compressions.1)?,
        languages_client_to_server: NameList::default(),
        languages_server_to_client: NameList::default(),
        first_kex_packet_follows: false,
        reserved: 0,
    };
    let mut payload = Vec::with_capacity(wire::encoded_len(&message));
    message.encode(&mut payload);
    Ok(payload)
}

fn both(cx: &Context<'_>, list: impl Fn(&crate::algorithms::Algorithms, Role) -> String) -> (String, String) {
    (list(cx.offer, Role::Client), list(cx.offer, Role::Server))
}

//! The key exchange (RFC 4253 §7 and §8): one state for each thing that is waited for. A state is consumed by what it
//! waits for and gives the next one.
//!
//! We never send a packet on a guess: it saves a round trip only where the peer's first choices are known, and costs a
//! wasted public value where they are not. Guesses of the peer are handled, right and wrong ones.

mod client;
mod group_client;
mod group_server;
mod host_key;
mod init;
mod new_keys;
mod server;
mod verify;

pub(crate) use server::host_key_for;

use crypto::{Group, Rng};
use keys::SignatureAlg;
use wire::Role;

use crate::algorithms::Algorithms;
use crate::error::{Error, Misuse, Refusal};
use crate::group::GroupRequest;
use crate::inbound::Inbound;
use crate::input::Ask;
use crate::message::{
    KexDhGexGroup, KexDhGexInit, KexDhGexReply, KexDhGexRequest, KexEcdhInit, KexEcdhReply, KexInit, NewKeys,
};
use crate::negotiate::{Agreed, Markers};
use crate::outbound::Outbound;
use crate::transcript::SessionId;
use wire::Message;

/// The exchange under way.
pub(crate) enum Kex {
    /// None is.
    Idle,
    /// Our KEXINIT is out, the peer's is not here.
    ExpectInit(Box<init::ExpectInit>),
    /// The server waits for the client's public value.
    ExpectEcdhInit(Box<server::ExpectEcdhInit>),
    /// The server waits to be told which sizes of group will do.
    ExpectGroupRequest(Box<group_server::ExpectGroupRequest>),
    /// The server waits for a group.
    AwaitGroup(Box<group_server::AwaitGroup>),
    /// The server waits for the client's public value in that group.
    ExpectGroupInit(Box<group_server::ExpectGroupInit>),
    /// The server waits for its host key's signature.
    AwaitSignature(Box<server::AwaitSignature>),
    /// The client waits for the server's public value and signature.
    ExpectEcdhReply(Box<client::ExpectEcdhReply>),
    /// The client waits for the server's group.
    ExpectGroup(Box<group_client::ExpectGroup>),
    /// The client waits for the server's public value in that group, and its signature.
    ExpectGroupReply(Box<group_client::ExpectGroupReply>),
    /// The client waits to be told whether the host key is trusted.
    AwaitHostKey(Box<host_key::AwaitHostKey>),
    /// Our NEWKEYS is out, the peer's is not here.
    ExpectNewKeys(Box<new_keys::ExpectNewKeys>),
}

/// What all exchanges of a connection share.
pub(crate) struct Session {
    pub(crate) role: Role,
    pub(crate) client_ident: Vec<u8>,
    pub(crate) server_ident: Vec<u8>,
    /// Set at the first exchange's NEWKEYS.
    pub(crate) id: Option<SessionId>,
    /// Whether the first pair of KEXINITs agreed on strict KEX. Later ones change nothing.
    pub(crate) strict: bool,
    /// What the peer's first KEXINIT says beyond algorithms.
    pub(crate) peer: Markers,
    /// Whether we offer strict KEX and ask for EXT_INFO.
    pub(crate) ours: Markers,
    /// EXT_INFO to send after our first NEWKEYS, if the peer asks for it.
    pub(crate) ext_info: (u32, Vec<u8>),
}

/// What a state may use.
pub(crate) struct Context<'a> {
    pub(crate) session: &'a mut Session,
    pub(crate) offer: &'a Algorithms,
    pub(crate) host_keys: &'a [Vec<u8>],
    pub(crate) out: &'a mut Outbound,
    pub(crate) inbound: &'a mut Inbound,
    pub(crate) rng: &'a mut (dyn Rng + Send),
}

/// What a step of the exchange came to.
pub(crate) enum Outcome {
    Nothing,
    Agreed(Agreed),
    Ask(Ask),
    /// Both directions have their keys.
    KeysChanged {
        agreed: Agreed,
        first: bool,
    },
}

type Step = Result<(Kex, Outcome), Error>;

impl Kex {
    /// Sends our KEXINIT and closes the gate.
    pub(crate) fn begin(cx: &mut Context<'_>) -> Result<Self, Error> {
        Ok(Self::ExpectInit(Box::new(init::ExpectInit::begin(cx)?)))
    }

    /// Whether the peer's KEXINIT has come and its NEWKEYS has not: it may send nothing but the exchange then.
    pub(crate) fn peer_is_in_exchange(&self) -> bool {
        match self {
            Self::Idle | Self::ExpectInit(_) => false,
            Self::ExpectEcdhInit(_)
            | Self::ExpectGroupRequest(_)
            | Self::AwaitGroup(_)
            | Self::ExpectGroupInit(_)
            | Self::AwaitSignature(_)
            | Self::ExpectEcdhReply(_)
            | Self::ExpectGroup(_)
            | Self::ExpectGroupReply(_)
            | Self::AwaitHostKey(_)
            | Self::ExpectNewKeys(_) => true,
        }
    }

    pub(crate) fn is_idle(&self) -> bool {
        matches!(self, Self::Idle)
    }

    /// What is waited for an answer to.
    pub(crate) fn question(&self) -> Option<Question> {
        match self {
            Self::AwaitGroup(state) => Some(Question::Group(state.sizes())),
            Self::AwaitSignature(state) => Some(Question::Signature(state.algorithm())),
            Self::AwaitHostKey(_) => Some(Question::HostKey),
            Self::Idle
            | Self::ExpectInit(_)
            | Self::ExpectEcdhInit(_)
            | Self::ExpectGroupRequest(_)
            | Self::ExpectGroupInit(_)
            | Self::ExpectEcdhReply(_)
            | Self::ExpectGroup(_)
            | Self::ExpectGroupReply(_)
            | Self::ExpectNewKeys(_) => None,
        }
    }

    /// Whether it waits for a message with this number.
    pub(crate) fn expects(&self, number: u8) -> bool {
        let or_guess = |drop_guess: bool| drop_guess && is_method_number(number);
        match self {
            Self::Idle | Self::AwaitGroup(_) | Self::AwaitSignature(_) | Self::AwaitHostKey(_) => false,
            Self::ExpectInit(_) => number == KexInit::NUMBER,
            Self::ExpectEcdhInit(state) => or_guess(state.drop_guess) || number == KexEcdhInit::NUMBER,
            Self::ExpectGroupRequest(state) => {
                or_guess(state.drop_guess) || number == KexDhGexRequest::NUMBER
            }
            Self::ExpectGroupInit(_) => number == KexDhGexInit::NUMBER,
            Self::ExpectEcdhReply(state) => or_guess(state.drop_guess) || number == KexEcdhReply::NUMBER,
            Self::ExpectGroup(state) => or_guess(state.drop_guess) || number == KexDhGexGroup::NUMBER,
            Self::ExpectGroupReply(_) => number == KexDhGexReply::NUMBER,
            Self::ExpectNewKeys(_) => number == NewKeys::NUMBER,
        }
    }

    /// Takes a message that it [expects](Self::expects).
    pub(crate) fn handle(self, payload: &[u8], sequence: u32, cx: &mut Context<'_>) -> Step {
        match self {
            Self::ExpectInit(state) => state.handle(payload, sequence, cx),
            Self::ExpectEcdhInit(state) => state.handle(payload, cx),
            Self::ExpectGroupRequest(state) => state.handle(payload),
            Self::ExpectGroupInit(state) => state.handle(payload, cx),
            Self::ExpectEcdhReply(state) => state.handle(payload, cx),
            Self::ExpectGroup(state) => state.handle(payload, cx),
            Self::ExpectGroupReply(state) => state.handle(payload, cx),
            Self::ExpectNewKeys(state) => state.handle(payload, cx),
            state @ (Self::Idle | Self::AwaitGroup(_) | Self::AwaitSignature(_) | Self::AwaitHostKey(_)) => {
                Ok((state, Outcome::Nothing))
            }
        }
    }

    /// Takes the answer to the open question.
    pub(crate) fn answer(self, answer: Answer<'_>, cx: &mut Context<'_>) -> Result<Self, Error> {
        match (self, answer) {
            (Self::AwaitGroup(state), Answer::Group(group)) => state.chosen(group, cx),
            (Self::AwaitSignature(state), Answer::Signature(signature)) => state.signed(signature, cx),
            (Self::AwaitHostKey(state), Answer::HostKey(accept)) => state.answer(accept, cx),
            (
                Self::Idle
                | Self::ExpectInit(_)
                | Self::ExpectEcdhInit(_)
                | Self::ExpectGroupRequest(_)
                | Self::AwaitGroup(_)
                | Self::ExpectGroupInit(_)
                | Self::AwaitSignature(_)
                | Self::ExpectEcdhReply(_)
                | Self::ExpectGroup(_)
                | Self::ExpectGroupReply(_)
                | Self::AwaitHostKey(_)
                | Self::ExpectNewKeys(_),
                Answer::Group(_) | Answer::Signature(_) | Answer::HostKey(_),
            ) => Err(Misuse::NotAsked.into()),
        }
    }
}

/// What a state waits for an answer to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Question {
    /// A group of one of these sizes.
    Group(GroupRequest),
    /// A signature by this algorithm.
    Signature(&'static SignatureAlg),
    /// Whether the host key is trusted.
    HostKey,
}

impl Question {
    /// What "no" is to it.
    pub(crate) fn refusal(self) -> Refusal {
        match self {
            Self::Group(_) => Refusal::Group,
            Self::Signature(_) => Refusal::Signature,
            Self::HostKey => Refusal::HostKey,
        }
    }
}

/// An answer to a [`Question`].
pub(crate) enum Answer<'a> {
    Group(Option<Group>),
    Signature(Option<&'a [u8]>),
    HostKey(bool),
}

/// The numbers that belong to the key exchange method (RFC 4250 §4.1.2), so those that a guess can have.
pub(crate) fn is_method_number(number: u8) -> bool {
    (30..=49).contains(&number)
}

//! Commands, to be kept.

use std::time::Duration;

use connection::{ChannelRequest, ChannelType, Connection, GlobalRequest, Grant, Stream};
use proto::AlivePolicy;
use transport::RekeyPolicy;
use userauth::Methods;
use wire::{Reader, Role};

use super::answer::{methods, methods_text};
use super::words::{Words, hex};
use super::{stream, stream_name};

/// What an application had the connection do. Channels are our own numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `open` with what is granted and the tag.
    Open(Payload, Grant, u64),
    /// `request` on a channel, whether a reply is wanted, and the tag.
    Request(u32, Payload, bool, u64),
    /// `global`, whether a reply is wanted, and the tag.
    Global(Payload, bool, u64),
    /// `eof`.
    Eof(u32),
    /// `close`.
    Close(u32),
    /// `exit_status`.
    ExitStatus(u32, u32),
    /// `exit_signal`: the signal's name, whether it left a core, and the message.
    ExitSignal(u32, String, bool, Vec<u8>),
    /// `consumed`.
    Consumed(u32, u32),
    /// `set_window`.
    SetWindow(u32, u32),
    /// `stop_reading`.
    StopReading(u32),
    /// `ready`.
    Ready(u32, Stream, bool),
    /// `set_priority`; true is interactive.
    SetPriority(u32, bool),
    /// `rekey`.
    Rekey,
    /// `set_rekey_policy`: bytes, 0 for as many as the cipher allows, packets, and milliseconds, 0 for no limit.
    RekeyPolicy(u64, u64, u64),
    /// `set_alive_policy`: milliseconds, 0 for none, and how many questions.
    AlivePolicy(u64, u32),
    /// `ping`.
    Ping(Vec<u8>),
    /// `disconnect` with reason and text.
    Disconnect(u32, Vec<u8>),
    /// `release`.
    Release,
    /// `banner`.
    Banner(Vec<u8>),
    /// `set_methods`.
    SetMethods(Methods),
    /// `set_max_tries`: tries, and questions about keys.
    SetMaxTries(u32, u32),
    /// `set_signature_algorithms`.
    SignatureAlgorithms(Vec<String>),
}

/// The name of an open or a request, and the data that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The name.
    pub name: String,
    /// The data.
    pub data: Vec<u8>,
}

impl Payload {
    pub(crate) fn of_open(kind: &ChannelType<'_>) -> Self {
        let mut out = Vec::new();
        scratch().open(kind, Grant::default(), 0, &mut out).expect("a first channel");
        // The name, then sender, window and packet size.
        Self::after(&out[0], 1, 12)
    }

    pub(crate) fn of_request(request: &ChannelRequest<'_>) -> Self {
        let mut out = Vec::new();
        let mut scratch = scratch();
        let channel =
            scratch.open(&ChannelType::Session, Grant::default(), 0, &mut out).expect("a first channel");
        let mut confirmation = vec![91];
        for field in [channel.number(), 0, 1 << 20, 1 << 15] {
            wire::put_u32(&mut confirmation, field);
        }
        let _ = scratch.handle(&confirmation, &mut out).expect("the channel that was asked for");
        out.clear();
        scratch.request(channel, request, false, 0, &mut out).expect("an open channel");
        // The recipient, the name, then whether a reply is wanted.
        Self::after(&out[0], 5, 1)
    }

    pub(crate) fn of_global(request: &GlobalRequest<'_>) -> Self {
        let mut out = Vec::new();
        scratch().global(request, false, 0, &mut out).expect("a first request");
        Self::after(&out[0], 1, 1)
    }

    /// A message has a name `before` bytes from its start, and data `between` bytes behind that.
    fn after(message: &[u8], before: usize, between: usize) -> Self {
        let mut input = Reader::new(&message[before..]);
        let name = String::from_utf8(input.string().expect("a name").to_vec()).expect("ASCII");
        Self { name, data: input.rest()[between..].to_vec() }
    }

    fn to_text(&self) -> String {
        format!("{} {}", self.name, hex(&self.data))
    }

    fn parse(words: &mut Words<'_>) -> Option<Self> {
        Some(Self { name: words.next()?.to_owned(), data: words.bytes()? })
    }
}

/// A machine that is there to encode things.
fn scratch() -> Connection {
    Connection::new(Role::Client, connection::Config::default())
}

impl Command {
    /// `set_rekey_policy`.
    pub(crate) fn of_rekey(policy: RekeyPolicy) -> Self {
        let millis = policy.interval.unwrap_or_default().as_millis();
        Self::RekeyPolicy(
            policy.bytes.unwrap_or_default(),
            policy.packets,
            millis.try_into().expect("a time"),
        )
    }

    /// The policy of `rekey-policy`.
    pub(super) fn rekey_policy(bytes: u64, packets: u64, millis: u64) -> RekeyPolicy {
        let bytes = Some(bytes).filter(|bytes| *bytes > 0);
        let interval = Some(Duration::from_millis(millis)).filter(|interval| !interval.is_zero());
        RekeyPolicy { bytes, packets, interval }
    }

    /// `set_alive_policy`.
    pub(crate) fn of_alive(policy: Option<AlivePolicy>) -> Self {
        let millis = policy.map_or(0, |policy| policy.interval.as_millis());
        Self::AlivePolicy(millis.try_into().expect("a time"), policy.map_or(0, |policy| policy.count_max))
    }

    /// The policy of `alive-policy`.
    pub(super) fn alive_policy(millis: u64, count_max: u32) -> Option<AlivePolicy> {
        (millis > 0).then(|| AlivePolicy { interval: Duration::from_millis(millis), count_max })
    }

    pub(super) fn to_text(&self) -> String {
        match self {
            Self::Open(kind, grant, tag) => {
                format!("open {} {} {} {tag}", kind.to_text(), grant.window, grant.max_packet)
            }
            Self::Request(channel, request, want_reply, tag) => {
                format!("request {channel} {} {want_reply} {tag}", request.to_text())
            }
            Self::Global(request, want_reply, tag) => {
                format!("global {} {want_reply} {tag}", request.to_text())
            }
            Self::Eof(channel) => format!("eof {channel}"),
            Self::Close(channel) => format!("close {channel}"),
            Self::ExitStatus(channel, status) => format!("exit-status {channel} {status}"),
            Self::ExitSignal(channel, signal, core_dumped, message) => {
                format!("exit-signal {channel} {signal} {core_dumped} {}", hex(message))
            }
            Self::Consumed(channel, bytes) => format!("consumed {channel} {bytes}"),
            Self::SetWindow(channel, bytes) => format!("set-window {channel} {bytes}"),
            Self::StopReading(channel) => format!("stop-reading {channel}"),
            Self::Ready(channel, stream, ready) => {
                format!("ready {channel} {} {ready}", stream_name(*stream))
            }
            Self::SetPriority(channel, interactive) => format!("interactive {channel} {interactive}"),
            Self::Rekey => "rekey".to_owned(),
            Self::RekeyPolicy(bytes, packets, millis) => format!("rekey-policy {bytes} {packets} {millis}"),
            Self::AlivePolicy(millis, count) => format!("alive-policy {millis} {count}"),
            Self::Ping(data) => format!("ping {}", hex(data)),
            Self::Disconnect(reason, text) => format!("disconnect {reason} {}", hex(text)),
            Self::Release => "release".to_owned(),
            Self::Banner(text) => format!("banner {}", hex(text)),
            Self::SetMethods(methods) => format!("set-methods {}", methods_text(*methods)),
            Self::SetMaxTries(tries, questions) => format!("set-max-tries {tries} {questions}"),
            Self::SignatureAlgorithms(names) => format!("signature-algorithms {}", names.join(",")),
        }
    }

    pub(super) fn parse(name: &str, words: &mut Words<'_>) -> Option<Self> {
        Some(match name {
            "open" => {
                let kind = Payload::parse(words)?;
                let grant = Grant { window: words.number()?, max_packet: words.number()? };
                Self::Open(kind, grant, words.number()?)
            }
            "request" => {
                Self::Request(words.number()?, Payload::parse(words)?, words.number()?, words.number()?)
            }
            "global" => Self::Global(Payload::parse(words)?, words.number()?, words.number()?),
            "eof" => Self::Eof(words.number()?),
            "close" => Self::Close(words.number()?),
            "exit-status" => Self::ExitStatus(words.number()?, words.number()?),
            "exit-signal" => {
                Self::ExitSignal(words.number()?, words.next()?.to_owned(), words.number()?, words.bytes()?)
            }
            "consumed" => Self::Consumed(words.number()?, words.number()?),
            "set-window" => Self::SetWindow(words.number()?, words.number()?),
            "stop-reading" => Self::StopReading(words.number()?),
            "ready" => Self::Ready(words.number()?, stream(words.next()?)?, words.number()?),
            "interactive" => Self::SetPriority(words.number()?, words.number()?),
            "rekey" => Self::Rekey,
            "rekey-policy" => Self::RekeyPolicy(words.number()?, words.number()?, words.number()?),
            "alive-policy" => Self::AlivePolicy(words.number()?, words.number()?),
            "ping" => Self::Ping(words.bytes()?),
            "disconnect" => Self::Disconnect(words.number()?, words.bytes()?),
            "release" => Self::Release,
            "banner" => Self::Banner(words.bytes()?),
            "set-methods" => Self::SetMethods(methods(words.next()?)?),
            "set-max-tries" => Self::SetMaxTries(words.number()?, words.number()?),
            "signature-algorithms" => {
                Self::SignatureAlgorithms(words.next()?.split(',').map(str::to_owned).collect())
            }
            _ => return None,
        })
    }
}

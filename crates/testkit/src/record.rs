//! Record and replay of one side of a connection: from the same seed and the same inputs comes the same output again.
//!
//! A [`Driven`](crate::Driven) connection notes every input with what it led to. [`replay`] makes a fresh connection,
//! gives it the same inputs at the same times, and stops at the first output that differs: an event, a question, the
//! result of a command, or one byte that is to be sent. Nothing else is needed, no peer and no application, so a
//! recording of a real peer is a test for ever after.
//!
//! # The format
//! Text, one input a line, words separated by one space, then a tab and the output where there is one. Bytes are
//! hexadecimal, `-` for none. Times are nanoseconds since the connection was made, channels are our own numbers,
//! questions are counted from 0. The first line is `nacre-record 1`, the second `ROLE CONFIG SEED`: the configuration
//! is a name whose meaning is the test's.
//!
//! | line | input | output |
//! |---|---|---|
//! | `feed BYTES` | bytes came into the receive buffer | |
//! | `process TIME` | one call | the step or error as `Debug` writes it; data by length and hash |
//! | `timeout TIME` | `handle_timeout` | |
//! | `sent N` | N bytes were sent | SHA-256 of all bytes sent so far |
//! | `answer QUESTION KIND …` | an answer: `bool`, `bytes`, `group`, `data`, `grant`, `refusal`, `verdict`, `challenge`, `secrets`, `credential` | the result |
//! | `decline QUESTION` | the ticket is dropped | |
//! | `slot CHANNEL STREAM MAX BYTES` | a slot was asked for, and filled and committed with these bytes | the result of `commit` |
//! | `open`, `request`, `global`, … | the command of that name with its arguments in the order of [`Command`]; `interactive` is `set_priority` | the result |
//!
//! Secrets stand in a recording as they were given. Record nothing but test credentials.

mod answer;
mod command;
mod replay;
mod words;

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use connection::Stream;
use crypto::{HashAlg, Hasher};
use proto::{Error, Event, Side, Step};
use wire::Role;

pub use answer::{Answer, Credentials};
pub use command::{Command, Payload};
pub use replay::{Replayed, replay, replay_sent};
use words::{Words, hex};

/// One thing that was put into a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Bytes came into the receive buffer.
    Feed(Vec<u8>),
    /// `process`, so long after the start.
    Process(Duration),
    /// `handle_timeout`, so long after the start.
    Timeout(Duration),
    /// So many bytes were sent.
    Sent(usize),
    /// The question of that number was answered.
    Answer(u64, Answer),
    /// Its ticket was dropped.
    Decline(u64),
    /// A slot on that channel for at most so many bytes, and what was committed.
    Slot(u32, Stream, usize, Vec<u8>),
    /// A command.
    Command(Command),
}

/// An input and what it led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The input.
    pub input: Input,
    /// The output, as text; empty where there is none.
    pub output: String,
}

/// Everything that was put into one side of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The side.
    pub role: Role,
    /// The name of its configuration.
    pub config: String,
    /// Where its randomness comes from.
    pub seed: u64,
    /// The inputs, in order.
    pub entries: Vec<Entry>,
}

impl Record {
    /// The recording as text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let role = match self.role {
            Role::Client => "client",
            Role::Server => "server",
        };
        let mut out = format!("{HEADER}\n{role} {} {}\n", self.config, self.seed);
        for Entry { input, output } in &self.entries {
            out.push_str(&input.to_text());
            if !output.is_empty() {
                out.push('\t');
                out.push_str(output);
            }
            out.push('\n');
        }
        out
    }

    /// Leaves out what is not needed for [`replay_sent`].
    pub fn keep_only_sent(&mut self) {
        for entry in &mut self.entries {
            if !matches!(entry.input, Input::Sent(_)) {
                entry.output.clear();
            }
        }
    }

    /// Reads what [`to_text`](Self::to_text) wrote.
    ///
    /// # Errors
    /// The first line that is not understood.
    pub fn parse(text: &str) -> Result<Self, BadLine> {
        let mut lines = text.lines().enumerate();
        let bad = |number: usize, line: &str| BadLine { number, line: line.to_owned() };
        let (_, header) = lines.next().ok_or_else(|| bad(0, ""))?;
        let (_, of) = lines.next().ok_or_else(|| bad(1, ""))?;
        let mut words = Words::new(of);
        let head = (|| {
            let role = match words.next()? {
                "client" => Role::Client,
                "server" => Role::Server,
                _ => return None,
            };
            Some(Self { role, config: words.next()?.to_owned(), seed: words.number()?, entries: Vec::new() })
        })();
        let mut record = head.filter(|_| header == HEADER).ok_or_else(|| bad(1, of))?;
        for (number, line) in lines {
            let (input, output) = line.split_once('\t').unwrap_or((line, ""));
            let input = Input::parse(input).ok_or_else(|| bad(number, line))?;
            record.entries.push(Entry { input, output: output.to_owned() });
        }
        Ok(record)
    }
}

const HEADER: &str = "nacre-record 1";

/// A line that is not of the format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// Its number, from 0.
    pub number: usize,
    /// The line.
    pub line: String,
}

impl Input {
    fn to_text(&self) -> String {
        match self {
            Self::Feed(bytes) => format!("feed {}", hex(bytes)),
            Self::Process(at) => format!("process {}", at.as_nanos()),
            Self::Timeout(at) => format!("timeout {}", at.as_nanos()),
            Self::Sent(n) => format!("sent {n}"),
            Self::Answer(question, answer) => format!("answer {question} {}", answer.to_text()),
            Self::Decline(question) => format!("decline {question}"),
            Self::Slot(channel, stream, max, data) => {
                format!("slot {channel} {} {max} {}", stream_name(*stream), hex(data))
            }
            Self::Command(command) => command.to_text(),
        }
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = Words::new(line);
        let input = match words.next()? {
            "feed" => Self::Feed(words.bytes()?),
            "process" => Self::Process(Duration::from_nanos(words.number()?)),
            "timeout" => Self::Timeout(Duration::from_nanos(words.number()?)),
            "sent" => Self::Sent(words.number()?),
            "answer" => Self::Answer(words.number()?, Answer::parse(&mut words)?),
            "decline" => Self::Decline(words.number()?),
            "slot" => Self::Slot(words.number()?, stream(words.next()?)?, words.number()?, words.bytes()?),
            name => Self::Command(Command::parse(name, &mut words)?),
        };
        words.finish().then_some(input)
    }
}

fn stream_name(stream: Stream) -> &'static str {
    match stream {
        Stream::Data => "data",
        Stream::Stderr => "stderr",
    }
}

fn stream(name: &str) -> Option<Stream> {
    match name {
        "data" => Some(Stream::Data),
        "stderr" => Some(Stream::Stderr),
        _ => None,
    }
}

/// What `process` came to, as text. Data is told by its length and hash.
pub(crate) fn step_text<S: Side>(result: &Result<Step<'_, S>, Error>) -> String {
    match result {
        Ok(Step::Event(Event::Channel(connection::Event::Data { channel, stream, data }))) => {
            let digest = HashAlg::Sha256.digest(data);
            format!("Data {channel} {stream:?} {} {}", data.len(), hex(&digest.as_slice()[..8]))
        }
        Ok(step) => format!("{step:?}"),
        Err(error) => format!("Err({error:?})"),
    }
}

/// A recording that is being made.
pub(crate) struct Tape {
    record: Record,
    start: Instant,
    sent: Hasher,
}

impl Tape {
    pub(crate) fn new(role: Role, config: &str, seed: u64, start: Instant) -> Self {
        let record = Record { role, config: config.to_owned(), seed, entries: Vec::new() };
        Self { record, start, sent: Hasher::new(HashAlg::Sha256) }
    }

    pub(crate) fn offset(&self, now: Instant) -> Duration {
        now - self.start
    }

    pub(crate) fn push(&mut self, input: Input, output: String) {
        self.record.entries.push(Entry { input, output });
    }

    /// Notes the bytes of a slot that was just asked for.
    pub(crate) fn committed(&mut self, bytes: Vec<u8>, result: String) {
        if let Some(Entry { input: Input::Slot(.., data), output }) = self.record.entries.last_mut() {
            *data = bytes;
            *output = result;
        }
    }

    pub(crate) fn transmitted(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            self.push(Input::Sent(0), String::new());
            return;
        }
        self.sent.update(bytes);
        let digest = digest(&self.sent);
        self.push(Input::Sent(bytes.len()), digest);
    }

    pub(crate) fn finish(self) -> Record {
        self.record
    }
}

/// What the bytes so far hash to, in hexadecimal.
pub(crate) fn digest(so_far: &Hasher) -> String {
    so_far.clone().finish().as_slice().iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

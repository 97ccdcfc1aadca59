//! Answers to questions, to be kept.

use connection::Grant;
use userauth::{Challenge, Method, Methods, Prompt, Verdict};

use super::words::{Words, hex};

/// An answer. Which kinds of questions have which kind of answer is the core's to check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Yes or no.
    Bool(bool),
    /// A signature, or the prompt for another password.
    Bytes(Vec<u8>),
    /// A group: its prime and its generator.
    Group(Vec<u8>, Vec<u8>),
    /// The data of a grant, or none.
    Data(Option<Vec<u8>>),
    /// A channel is granted.
    Grant(Grant),
    /// A channel is refused: reason and text.
    Refusal(u32, Vec<u8>),
    /// A verdict about a login. For a key the proof is verified again on replay.
    Verdict(Verdict),
    /// More is to be asked.
    Challenge(Challenge),
    /// Responses to prompts, or the old and the new password.
    Secrets(Vec<Vec<u8>>),
    /// What to log in with.
    Credential(Credentials),
}

/// What to log in with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// `none`.
    None,
    /// A key: algorithm, blob, and whether to ask first.
    PublicKey(String, Vec<u8>, bool),
    /// A password.
    Password(Vec<u8>),
    /// Whatever is asked, by these submethods.
    Interactive(String),
    /// Nothing is left.
    GiveUp,
}

impl Answer {
    pub(super) fn to_text(&self) -> String {
        match self {
            Self::Bool(yes) => format!("bool {yes}"),
            Self::Bytes(bytes) => format!("bytes {}", hex(bytes)),
            Self::Group(prime, generator) => format!("group {} {}", hex(prime), hex(generator)),
            Self::Data(None) => "data none".to_owned(),
            Self::Data(Some(data)) => format!("data some {}", hex(data)),
            Self::Grant(grant) => format!("grant {} {}", grant.window, grant.max_packet),
            Self::Refusal(reason, text) => format!("refusal {reason} {}", hex(text)),
            Self::Verdict(Verdict::Accept) => "verdict accept".to_owned(),
            Self::Verdict(Verdict::Reject) => "verdict reject".to_owned(),
            Self::Verdict(Verdict::Partial { remaining }) => {
                format!("verdict partial {}", methods_text(*remaining))
            }
            Self::Challenge(Challenge { name, instruction, prompts }) => {
                let mut out = format!("challenge {} {}", hex(name.as_bytes()), hex(instruction.as_bytes()));
                for Prompt { text, echo } in prompts {
                    out.push_str(&format!(" {} {echo}", hex(text.as_bytes())));
                }
                out
            }
            Self::Secrets(secrets) => {
                let mut out = format!("secrets {}", secrets.len());
                for secret in secrets {
                    out.push(' ');
                    out.push_str(&hex(secret));
                }
                out
            }
            Self::Credential(Credentials::None) => "credential none".to_owned(),
            Self::Credential(Credentials::PublicKey(algorithm, key, query_first)) => {
                format!("credential publickey {algorithm} {} {query_first}", hex(key))
            }
            Self::Credential(Credentials::Password(password)) => {
                format!("credential password {}", hex(password))
            }
            Self::Credential(Credentials::Interactive(submethods)) => {
                format!("credential interactive {}", hex(submethods.as_bytes()))
            }
            Self::Credential(Credentials::GiveUp) => "credential give-up".to_owned(),
        }
    }

    pub(super) fn parse(words: &mut Words<'_>) -> Option<Self> {
        Some(match words.next()? {
            "bool" => Self::Bool(words.number()?),
            "bytes" => Self::Bytes(words.bytes()?),
            "group" => Self::Group(words.bytes()?, words.bytes()?),
            "data" => Self::Data(match words.next()? {
                "none" => None,
                "some" => Some(words.bytes()?),
                _ => return None,
            }),
            "grant" => Self::Grant(Grant { window: words.number()?, max_packet: words.number()? }),
            "refusal" => Self::Refusal(words.number()?, words.bytes()?),
            "verdict" => Self::Verdict(match words.next()? {
                "accept" => Verdict::Accept,
                "reject" => Verdict::Reject,
                "partial" => Verdict::Partial { remaining: methods(words.next()?)? },
                _ => return None,
            }),
            "challenge" => {
                let mut challenge =
                    Challenge { name: words.text()?, instruction: words.text()?, prompts: Vec::new() };
                while let Some(text) = words.text() {
                    challenge.prompts.push(Prompt { text, echo: words.number()? });
                }
                Self::Challenge(challenge)
            }
            "secrets" => {
                let count: usize = words.number()?;
                Self::Secrets((0..count).map(|_| words.bytes()).collect::<Option<_>>()?)
            }
            "credential" => Self::Credential(match words.next()? {
                "none" => Credentials::None,
                "publickey" => {
                    Credentials::PublicKey(words.next()?.to_owned(), words.bytes()?, words.number()?)
                }
                "password" => Credentials::Password(words.bytes()?),
                "interactive" => Credentials::Interactive(words.text()?),
                "give-up" => Credentials::GiveUp,
                _ => return None,
            }),
            _ => return None,
        })
    }
}

/// Methods by their names, separated by commas; `-` for none.
pub(super) fn methods_text(methods: Methods) -> String {
    let names: Vec<_> = methods.iter().map(Method::name).collect();
    if names.is_empty() { "-".to_owned() } else { names.join(",") }
}

pub(super) fn methods(names: &str) -> Option<Methods> {
    if names == "-" {
        return Some(Methods::EMPTY);
    }
    names.split(',').map(|name| Method::ALL.into_iter().find(|method| method.name() == name)).collect()
}

//! The client's machine of user authentication: whatever a server says, under an application that answers as a second
//! stream says. Only SUCCESS lets in, and whether anything was shown for it is told truly.
#![no_main]

use arbitrary::Arbitrary;
use keys::{NULL_SIGNATURE, Secret, SignatureAlg};
use libfuzzer_sys::fuzz_target;
use nacre_fuzz::{Choices, host_key, name, payload};
use userauth::client::{Ask, Client, Credential, Output, ServerExtensions};
use userauth::message as m;
use userauth::{Error, Misuse, SessionInfo};
use wire::{Bytes, Human, NameList, Rest};

#[derive(Arbitrary, Debug)]
struct Run<'a> {
    choices: &'a [u8],
    listed: Option<NameList<'a>>,
    host_bound: bool,
    messages: Vec<Sent<'a>>,
}

#[derive(Arbitrary, Debug)]
enum Sent<'a> {
    Service(bool),
    Failure { some: bool, partial: bool },
    Success,
    Banner(&'a [u8]),
    PkOk { other: bool },
    Change,
    Prompts { texts: Vec<&'a [u8]>, says: Option<u32> },
    AnyFailure(m::Failure<'a>),
    AnyPkOk(m::PkOk<'a>),
    AnyPrompts(m::InfoRequest<'a>),
    Raw(&'a [u8]),
}

impl Sent<'_> {
    fn payload(&self) -> Vec<u8> {
        match self {
            Self::Service(good) => payload(&m::ServiceAccept {
                service: name(if *good { "ssh-userauth" } else { "ssh-connection" }),
            }),
            Self::Failure { some, partial } => {
                let names = if *some { "publickey,password,keyboard-interactive" } else { "" };
                let remaining = NameList::new(names).expect("names");
                payload(&m::Failure { remaining, partial_success: *partial })
            }
            Self::Success => payload(&m::Success {}),
            Self::Banner(text) => payload(&m::Banner { text: Human(text), language: Human(b"") }),
            Self::PkOk { other } => {
                let key = if *other { b"other".to_vec() } else { host_key().public().blob() };
                payload(&m::PkOk { algorithm: name("ssh-ed25519"), key: Bytes(&key) })
            }
            Self::Change => {
                payload(&m::PasswordChangeRequest { prompt: Human(b"expired"), language: Human(b"") })
            }
            Self::Prompts { texts, says } => {
                let mut prompts = Vec::new();
                for text in texts {
                    wire::put_string(&mut prompts, text);
                    prompts.push(1);
                }
                let count = says.unwrap_or(u32::try_from(texts.len()).expect("few"));
                let (none, prompts) = (Human(b""), Rest(&prompts));
                payload(&m::InfoRequest { name: none, instruction: none, language: none, count, prompts })
            }
            Self::AnyFailure(message) => payload(message),
            Self::AnyPkOk(message) => payload(message),
            Self::AnyPrompts(message) => payload(message),
            Self::Raw(bytes) => bytes.to_vec(),
        }
    }
}

/// Answers a question, and says whether a signature, a password or a response was given with it.
fn answer(
    client: &mut Client,
    ask: Ask<'_>,
    choice: u8,
    out: &mut Vec<Vec<u8>>,
) -> (Result<Output<'static>, Error>, bool) {
    if choice & 0x80 != 0 {
        return (client.refuse(out), false);
    }
    match ask {
        Ask::Credential(_) => {
            let (credential, shows) = match choice & 7 {
                0 | 7 => (Credential::None, false),
                1 | 2 => {
                    let algorithm = if choice & 8 == 0 {
                        SignatureAlg::by_name("ssh-ed25519").unwrap()
                    } else {
                        &NULL_SIGNATURE
                    };
                    let key = host_key().public().blob();
                    (Credential::PublicKey { algorithm, key, query_first: choice & 1 != 0 }, false)
                }
                3 | 4 => (Credential::Password(Secret::new(b"secret".to_vec())), true),
                5 => (Credential::Interactive { submethods: String::new() }, false),
                _ => (Credential::GiveUp, false),
            };
            (client.credential(credential, out), shows)
        }
        Ask::Sign { algorithm, data, .. } => {
            let signature = host_key().sign(algorithm, &data).expect("a key of that type");
            (client.signature(Some(signature), out), true)
        }
        Ask::Prompts(prompts) => {
            assert!(prompts.count() <= userauth::limits::PROMPTS_MAX);
            let responses: Vec<_> = (0..prompts.count()).map(|_| Secret::new(b"r".to_vec())).collect();
            let shows = !responses.is_empty();
            (client.responses(Some(responses), out), shows)
        }
        Ask::ChangePassword { .. } => {
            let secret = || Secret::new(b"secret".to_vec());
            (client.change_password(Some((secret(), secret())), out), true)
        }
    }
}

fuzz_target!(|run: Run<'_>| {
    let session = SessionInfo::new(b"this session", b"the host key of this session");
    let mut client = Client::new("alice", session).expect("a good name");
    let mut choices = Choices::new(run.choices);
    let mut out: Vec<Vec<u8>> = Vec::new();
    client.start(&mut out).expect("the first time");
    client.set_extensions(ServerExtensions { signature_algorithms: run.listed, host_bound: run.host_bound });
    let (mut shown, mut requests) = (false, 0);
    for sent in &run.messages {
        let payload = sent.payload();
        out.clear();
        let mut output = match client.handle(&payload) {
            Ok(Output::Authenticated(how)) => {
                assert_eq!(payload, [52], "only SUCCESS lets in");
                assert!(requests > 0, "nothing was asked for");
                assert_eq!(how.trivial, !shown);
                return;
            }
            Ok(output) => output,
            Err(_) => {
                assert!(client.handle(&[52]).is_err(), "an error stays");
                return;
            }
        };
        // An answer can lead to the next question: a key to a signature, a no to another credential.
        for rounds in 0.. {
            assert!(rounds < 1000, "questions without end");
            let Output::Ask(ask) = output else { break };
            assert!(client.waiting());
            let (next, shows) = answer(&mut client, ask, choices.pick(), &mut out);
            match next {
                Ok(next) => {
                    shown |= shows;
                    output = next;
                }
                Err(Error::Misuse(Misuse::AlgorithmNotListed | Misuse::TooManyRequests)) => {
                    assert!(client.waiting(), "the question stays open");
                    return;
                }
                Err(Error::Refused(_)) => return,
                Err(error) => panic!("{error:?}"),
            }
        }
        assert!(out.len() <= 1, "one message at a time");
        requests += out.iter().filter(|payload| payload[0] == 50).count();
    }
});

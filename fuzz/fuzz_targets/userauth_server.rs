//! The server's machine of user authentication: requests of any kind in any order, under an application that answers as
//! a second stream says. Nobody gets in without an accepting verdict, and by a key only with the proof of that request.
#![no_main]

use std::time::Instant;

use arbitrary::Arbitrary;
use keys::{NULL_SIGNATURE, PrivateKey, SignatureAlg};
use libfuzzer_sys::fuzz_target;
use nacre_fuzz::{Choices, START, host_key, name, null_signature, payload};
use userauth::message as m;
use userauth::server::{Ask, Config, Output, Server};
use userauth::{
    Challenge, Error, InteractiveAnswer, KeyProven, KeyVerdict, Method, Methods, Misuse, PasswordAnswer,
    Prompt, SessionInfo, SignedRequest, Verdict, signed_data,
};
use wire::{Bytes, Human, Sensitive, Text};

const SESSION: &[u8] = b"this session";
const HOST_KEY: &[u8] = b"the host key of this session";

#[derive(Arbitrary, Debug)]
struct Run<'a> {
    choices: &'a [u8],
    max_tries: u8,
    /// An honest service request comes first.
    requested: bool,
    messages: Vec<Sent<'a>>,
}

#[derive(Arbitrary, Debug)]
enum Sent<'a> {
    Service(bool),
    None { other_user: bool },
    Key { bound: bool, other_host: bool, signature: Signed<'a>, other_user: bool },
    HonestProof { bound: bool },
    Password { password: &'a [u8], change: Option<&'a [u8]> },
    Interactive,
    Responses { count: u8, responses: Vec<&'a [u8]>, says: Option<u32> },
    Wait,
    AnyRequest(m::Request<'a>),
    AnyOffer(m::KeyOffer<'a>),
    AnyProof(m::KeyProof<'a>),
    Raw(&'a [u8]),
}

#[derive(Arbitrary, Debug)]
enum Signed<'a> {
    Offer,
    Honest,
    ForOtherSession,
    ForOtherUser,
    ForOtherMethod,
    ByOtherKey,
    Null,
    Bytes(&'a [u8]),
}

fn user(other: bool) -> Text<'static> {
    Text::new(if other { "mallory" } else { "alice" }).expect("a text")
}

fn responses(strings: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    strings.iter().for_each(|string| wire::put_string(&mut bytes, string));
    bytes
}

impl Sent<'_> {
    fn payload(&self) -> Vec<u8> {
        let service = name("ssh-connection");
        match self {
            Self::Service(good) => payload(&m::ServiceRequest {
                service: name(if *good { "ssh-userauth" } else { "ssh-connection" }),
            }),
            Self::None { other_user } => {
                payload(&m::NoneRequest { user: user(*other_user), service, method: name("none") })
            }
            Self::Key { bound, other_host, signature, other_user } => {
                key(*bound, *other_host, signature, user(*other_user))
            }
            Self::HonestProof { bound } => key(*bound, false, &Signed::Honest, user(false)),
            Self::Password { password, change: None } => payload(&m::PasswordRequest {
                user: user(false),
                service,
                method: name("password"),
                change: false,
                password: Sensitive(password),
            }),
            Self::Password { password, change: Some(new) } => payload(&m::PasswordChange {
                user: user(false),
                service,
                method: name("password"),
                change: true,
                old: Sensitive(password),
                new: Sensitive(new),
            }),
            Self::Interactive => payload(&m::InteractiveRequest {
                user: user(false),
                service,
                method: name("keyboard-interactive"),
                language: Human(b""),
                submethods: Text::new("").expect("a text"),
            }),
            Self::Responses { count, responses: given, says } => {
                let mut strings: Vec<&[u8]> = given.clone();
                strings.resize(usize::from(*count % 8), b"r");
                let count = says.unwrap_or(u32::try_from(strings.len()).expect("few"));
                payload(&m::InfoResponse { count, responses: m::MethodFields(&responses(&strings)) })
            }
            Self::Wait => Vec::new(),
            Self::AnyRequest(message) => payload(message),
            Self::AnyOffer(message) => payload(message),
            Self::AnyProof(message) => payload(message),
            Self::Raw(bytes) => bytes.to_vec(),
        }
    }
}

fn key(bound: bool, other_host: bool, signature: &Signed<'_>, user: Text<'_>) -> Vec<u8> {
    let (service, algorithm) = (
        name("ssh-connection"),
        name(if matches!(signature, Signed::Null) { "null" } else { "ssh-ed25519" }),
    );
    let blob = host_key().public().blob();
    let host: &[u8] = if other_host { b"another host key" } else { HOST_KEY };
    let method = name(if bound { "publickey-hostbound-v00@openssh.com" } else { "publickey" });
    let sign = |session: &[u8], user: &str, bound: bool, key: &PrivateKey| {
        let request =
            SignedRequest { user, algorithm: "ssh-ed25519", key: &blob, host_key: bound.then_some(host) };
        key.sign(SignatureAlg::by_name("ssh-ed25519").unwrap(), &signed_data(session, &request))
            .expect("a key of that type")
    };
    let signature = match signature {
        Signed::Offer if bound => {
            return payload(&m::BoundKeyOffer {
                user,
                service,
                method,
                signed: false,
                algorithm,
                key: Bytes(&blob),
                host_key: Bytes(host),
            });
        }
        Signed::Offer => {
            return payload(&m::KeyOffer {
                user,
                service,
                method,
                signed: false,
                algorithm,
                key: Bytes(&blob),
            });
        }
        Signed::Honest => sign(SESSION, user.as_str(), bound, host_key()),
        Signed::ForOtherSession => sign(b"that session", user.as_str(), bound, host_key()),
        Signed::ForOtherUser => sign(SESSION, "somebody", bound, host_key()),
        Signed::ForOtherMethod => sign(SESSION, user.as_str(), !bound, host_key()),
        Signed::ByOtherKey => sign(SESSION, user.as_str(), bound, &PrivateKey::from_seed(&[9; 32])),
        Signed::Null => null_signature(),
        Signed::Bytes(bytes) => bytes.to_vec(),
    };
    let (key, signature) = (Bytes(&blob[..]), Bytes(&signature[..]));
    if bound {
        payload(&m::BoundKeyProof {
            user,
            service,
            method,
            signed: true,
            algorithm,
            key,
            host_key: Bytes(host),
            signature,
        })
    } else {
        payload(&m::KeyProof { user, service, method, signed: true, algorithm, key, signature })
    }
}

/// The application: what it has said, and what may be held against the machine.
struct Site<'a> {
    choices: Choices<'a>,
    /// Proofs of earlier requests.
    stale: Vec<KeyProven>,
    /// The answer that was just given lets the user in.
    accepts: bool,
}

impl Site<'_> {
    fn verdict(&mut self, choice: u8) -> Verdict {
        match choice & 3 {
            1 => {
                self.accepts = true;
                Verdict::Accept
            }
            2 => {
                Verdict::Partial { remaining: Methods::EMPTY.with(Method::PublicKey).with(Method::Password) }
            }
            _ => Verdict::Reject,
        }
    }

    fn answer(
        &mut self,
        server: &mut Server,
        ask: Ask<'_>,
        now: Instant,
        out: &mut Vec<Vec<u8>>,
    ) -> Result<Output<'static>, Error> {
        let choice = self.choices.pick();
        if choice & 0x80 != 0 {
            return server.refuse(now, out);
        }
        match ask {
            Ask::None { user } => {
                assert_eq!(server.user(), Some(user.as_str()));
                let verdict = self.verdict(choice);
                match server.none(verdict, out) {
                    // It is asked for in any case, so that the user can be looked up.
                    Err(Error::Misuse(Misuse::NotEnabled)) => {
                        self.accepts = false;
                        server.refuse(now, out)
                    }
                    other => other,
                }
            }
            Ask::KeyOffer { .. } => server.key_offer(now, choice & 1 != 0, out),
            Ask::KeyProof { proof } => {
                assert_eq!(server.user(), Some(proof.user()));
                assert!(proof.host_key().is_none_or(|key| key == HOST_KEY));
                if let Some(stale) = self.stale.pop() {
                    let refused = server.key_proof(now, KeyVerdict::Accept(stale), out);
                    assert!(matches!(refused, Err(Error::Misuse(Misuse::OtherProof))), "{refused:?}");
                }
                let good = userauth::verify(&proof);
                if let Ok(proven) = userauth::verify(&proof) {
                    self.stale.push(proven);
                }
                let verdict = match (good, self.verdict(choice)) {
                    (Ok(proven), Verdict::Accept) => KeyVerdict::Accept(proven),
                    (Ok(proven), Verdict::Partial { remaining }) => KeyVerdict::Partial { proven, remaining },
                    (Err(_), _) | (_, Verdict::Reject) => {
                        self.accepts = false;
                        KeyVerdict::Reject
                    }
                };
                server.key_proof(now, verdict, out)
            }
            Ask::Password { .. } | Ask::PasswordChange { .. } => {
                let answer = if choice & 3 == 3 {
                    PasswordAnswer::Change { prompt: "another one".to_owned() }
                } else {
                    PasswordAnswer::Verdict(self.verdict(choice))
                };
                server.password(now, answer, out)
            }
            Ask::Interactive { .. } | Ask::Responses { .. } => {
                let answer = if choice & 3 == 3 {
                    let prompt = Prompt { text: "?".to_owned(), echo: false };
                    let prompts = vec![prompt; usize::from(choice >> 2 & 7)];
                    InteractiveAnswer::Challenge(Challenge { prompts, ..Challenge::default() })
                } else {
                    InteractiveAnswer::Verdict(self.verdict(choice))
                };
                server.interactive(now, answer, out)
            }
        }
    }
}

fuzz_target!(|run: Run<'_>| {
    let config = Config {
        methods: Method::ALL.into_iter().collect(),
        max_tries: u32::from(run.max_tries % 16) + 1,
        key_questions: u32::from(run.max_tries / 64),
        algorithms: vec![SignatureAlg::by_name("ssh-ed25519").unwrap(), &NULL_SIGNATURE],
        ..Config::default()
    };
    let max_tries = config.max_tries;
    let mut server = Server::new(config, SessionInfo::new(SESSION, HOST_KEY));
    let mut site = Site { choices: Choices::new(run.choices), stale: Vec::new(), accepts: false };
    let mut now = *START;
    let mut successes = 0;
    let first = run.requested.then_some(Sent::Service(true));
    for sent in first.iter().chain(&run.messages) {
        let mut out: Vec<Vec<u8>> = Vec::new();
        site.accepts = false;
        let payload = sent.payload();
        while let Some(due) = server.deadline() {
            now = now.max(due);
            match server.handle_timeout(now, &mut out) {
                Ok(output) => assert!(!matches!(output, Output::Authenticated(_)), "time lets nobody in"),
                Err(_) => return,
            }
        }
        assert!(!server.waiting(), "every question was answered");
        if matches!(sent, Sent::Wait) {
            continue;
        }
        let output = match server.handle(now, &payload, &mut out) {
            Ok(Output::Ask(ask)) => {
                assert!(server.waiting());
                site.answer(&mut server, ask, now, &mut out)
            }
            other => {
                assert!(!matches!(other, Ok(Output::Authenticated(_))), "a message alone lets nobody in");
                other
            }
        };
        successes += out.iter().filter(|payload| payload[..] == [52]).count();
        match output {
            Ok(Output::Authenticated(who)) => {
                assert!(site.accepts, "{} is let in by nobody", who.user());
                assert_eq!(successes, 1);
                let last = who.steps().last().expect("something succeeded");
                assert_eq!(last.method() == Method::PublicKey, last.key().is_some());
                return;
            }
            Ok(Output::Ask(_)) => panic!("an answer leads to no question"),
            Ok(_) => assert_eq!(successes, 0, "SUCCESS without a login"),
            // A verdict for a method that a partial success has ruled out is never asked for.
            Err(Error::Misuse(misuse)) => panic!("{misuse:?}"),
            Err(_) => {
                assert_eq!(successes, 0);
                assert!(server.handle(now, &[5], &mut out).is_err(), "an error stays");
                return;
            }
        }
        // The last failure ends the connection when it is released.
        let released = server.deadline().is_none();
        assert!(server.failures() < max_tries + u32::from(!released), "{} tries", server.failures());
    }
});

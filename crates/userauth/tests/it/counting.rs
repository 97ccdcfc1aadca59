//! One counter for everything that is not success.

use std::time::Instant;

use nacre_userauth::limits::{MAX_TRIES, ROUNDS_MAX, STEPS_MAX};
use nacre_userauth::server::{Config, Output};
use nacre_userauth::{
    Error, InteractiveAnswer, KeyVerdict, PasswordAnswer, Refusal, Server, Verdict, verify,
};

use crate::rig::{
    Payloads, all_methods, blob, colour, config, interactive_request, key_offer, none_request,
    password_request, ready, signed,
};

const OVER: Error = Error::Refused(Refusal::TooManyTries);

/// One request, its answer, and the wait for its release.
struct Rig {
    server: Server,
    now: Instant,
    out: Payloads,
}

impl Rig {
    /// Every question about a key counts.
    fn new(max_tries: u32) -> Self {
        Self::with(max_tries, 0)
    }

    fn with(max_tries: u32, key_questions: u32) -> Self {
        let now = Instant::now();
        let config = Config { max_tries, key_questions, ..config() };
        Self { server: ready(config, now), now, out: Payloads::new() }
    }

    /// Hands `payload` in. True when there is a question.
    fn request(&mut self, payload: &[u8]) -> Result<bool, Error> {
        let output = self.server.handle(self.now, payload, &mut self.out)?;
        Ok(matches!(output, Output::Ask(_)))
    }

    fn released(&mut self) -> Result<(), Error> {
        if let Some(deadline) = self.server.deadline() {
            self.now = deadline;
            let _ = self.server.handle_timeout(self.now, &mut self.out)?;
        }
        Ok(())
    }

    /// Hands `payload` in, says no if there is a question, and waits.
    fn refused(&mut self, payload: &[u8]) -> Result<(), Error> {
        if self.request(payload)? {
            let _ = self.server.refuse(self.now, &mut self.out)?;
        }
        self.released()
    }

    fn offered(&mut self, seed: u8, acceptable: bool) -> Result<(), Error> {
        assert!(self.request(&key_offer("alice", "ssh-ed25519", &blob(seed)))?);
        let _ = self.server.key_offer(self.now, acceptable, &mut self.out)?;
        self.released()
    }
}

#[test]
fn every_kind_of_failure_counts_and_the_last_one_ends_the_connection() {
    let requests: [Vec<u8>; 6] = [
        password_request("alice", b"wrong"),
        key_offer("alice", "ssh-ed25519", &blob(2)),
        signed("alice", 2),
        interactive_request("alice"),
        // These two are not even asked about.
        key_offer("alice", "ssh-dss", &blob(2)),
        password_request("alice", &[b'x'; 2000]),
    ];
    assert_eq!(requests.len(), MAX_TRIES as usize);
    let mut rig = Rig::new(MAX_TRIES);
    for (index, request) in requests[..5].iter().enumerate() {
        assert_eq!(rig.refused(request), Ok(()));
        assert_eq!(rig.server.failures() as usize, index + 1);
    }
    let told = rig.out.len();
    assert_eq!(rig.refused(&requests[5]), Err(OVER));
    // The disconnect stands in place of the failure, and waits like one.
    assert_eq!((told, rig.out.len()), (5, 5));
    assert_eq!(rig.refused(&none_request("alice")), Err(OVER));
}

#[test]
fn the_last_failure_too_is_told_only_at_its_point_of_release() {
    let mut rig = Rig::new(1);
    assert_eq!(rig.request(&password_request("alice", b"wrong")), Ok(true));
    assert!(rig.server.refuse(rig.now, &mut rig.out).is_ok());
    assert!(matches!(rig.server.handle_timeout(rig.now, &mut rig.out), Ok(Output::Progress)));
    assert!(rig.server.waiting());
    assert_eq!(rig.released(), Err(OVER));
}

#[test]
fn the_first_none_is_free_and_the_others_are_not() {
    let mut rig = Rig::new(2);
    assert_eq!(rig.refused(&none_request("alice")), Ok(()));
    assert_eq!(rig.server.failures(), 0);
    assert_eq!(rig.refused(&none_request("alice")), Ok(()));
    assert_eq!(rig.server.failures(), 1);
    assert_eq!(rig.refused(&none_request("alice")), Err(OVER));
}

#[test]
fn an_accepted_offer_and_its_proof_are_one_try() {
    let mut rig = Rig::new(2);
    assert_eq!(rig.offered(1, true), Ok(()));
    assert_eq!(rig.server.failures(), 0);
    assert_eq!(rig.refused(&signed("alice", 1)), Ok(()));
    assert_eq!(rig.server.failures(), 1);
    // The last try may be an offer whose proof succeeds.
    assert_eq!(rig.offered(1, true), Ok(()));
    assert_eq!(rig.request(&signed("alice", 1)), Ok(true));
}

#[test]
fn some_keys_may_be_asked_about_in_vain_before_that_counts() {
    let mut rig = Rig::with(2, 3);
    for key in 2..5 {
        // What is accepted uses nothing up; to leave it at that does.
        assert_eq!(rig.offered(key, false), Ok(()));
        assert_eq!(rig.server.failures(), 0);
        assert_eq!(rig.out.last().unwrap()[0], 51);
    }
    assert_eq!(rig.offered(1, true), Ok(()));
    assert_eq!(rig.refused(&signed("alice", 1)), Ok(()));
    assert_eq!(rig.server.failures(), 1);
    assert_eq!(rig.offered(5, false), Err(OVER));
    // A signature is no question, and neither is an algorithm that nobody here knows.
    let mut rig = Rig::with(2, 3);
    assert_eq!(rig.refused(&signed("alice", 2)), Ok(()));
    assert_eq!(rig.server.failures(), 1);
    assert_eq!(rig.refused(&key_offer("alice", "ssh-dss", &blob(2))), Err(OVER));
}

#[test]
fn offers_that_are_not_followed_by_their_proof_count_like_failures() {
    // Twice the same key.
    let mut rig = Rig::new(2);
    assert_eq!(rig.offered(1, true), Ok(()));
    assert_eq!(rig.offered(1, true), Ok(()));
    assert_eq!(rig.server.failures(), 1);
    assert_eq!(rig.request(&key_offer("alice", "ssh-ed25519", &blob(1))), Err(OVER));
    // The proof of another key.
    let mut rig = Rig::new(1);
    assert_eq!(rig.offered(1, true), Ok(()));
    assert_eq!(rig.request(&signed("alice", 2)), Err(OVER));
    // Another method.
    let mut rig = Rig::new(1);
    assert_eq!(rig.offered(1, true), Ok(()));
    assert_eq!(rig.request(&none_request("alice")), Err(OVER));
}

#[test]
fn abandoned_challenges_and_change_requests_count() {
    let mut rig = Rig::new(2);
    for failures in [0, 1] {
        assert_eq!(rig.request(&interactive_request("alice")), Ok(true));
        let answer = InteractiveAnswer::Challenge(colour());
        assert!(rig.server.interactive(rig.now, answer, &mut rig.out).is_ok());
        assert_eq!(rig.server.failures(), failures);
    }
    assert_eq!(rig.request(&interactive_request("alice")), Err(OVER));

    let mut rig = Rig::new(2);
    let change = || PasswordAnswer::Change { prompt: "Expired.".into() };
    for failures in [0, 1] {
        assert_eq!(rig.request(&password_request("alice", b"old")), Ok(true));
        assert!(rig.server.password(rig.now, change(), &mut rig.out).is_ok());
        assert_eq!(rig.server.failures(), failures);
    }
    assert_eq!(rig.request(&password_request("alice", b"old")), Err(OVER));
}

#[test]
fn a_refused_new_password_counts() {
    let mut renewal = password_request("alice", b"old");
    // The boolean stands before the 7 bytes of the old password; the new one follows.
    let at = renewal.len() - 8;
    renewal[at] = 1;
    wire::put_string(&mut renewal, b"new");
    let change = || PasswordAnswer::Change { prompt: "Again.".into() };

    let mut rig = Rig::new(2);
    assert_eq!(rig.request(&password_request("alice", b"old")), Ok(true));
    assert!(rig.server.password(rig.now, change(), &mut rig.out).is_ok());
    assert_eq!(rig.request(&renewal), Ok(true));
    assert!(rig.server.password(rig.now, change(), &mut rig.out).is_ok());
    assert_eq!((rig.server.failures(), rig.out.len()), (1, 2));
    assert_eq!(rig.request(&renewal), Ok(true));
    assert!(rig.server.password(rig.now, change(), &mut rig.out).is_ok());
    assert_eq!(rig.released(), Err(OVER));
    assert_eq!(rig.out.len(), 2);
}

#[test]
fn rounds_of_prompts_are_limited_and_the_one_too_many_is_a_failure() {
    let mut rig = Rig::new(2);
    let answer = || InteractiveAnswer::Challenge(nacre_userauth::Challenge::default());
    assert_eq!(rig.request(&interactive_request("alice")), Ok(true));
    for _ in 0..ROUNDS_MAX {
        assert!(rig.server.interactive(rig.now, answer(), &mut rig.out).is_ok());
        assert_eq!(rig.request(&[61, 0, 0, 0, 0]), Ok(true));
    }
    assert_eq!(rig.server.failures(), 0);
    assert!(rig.server.interactive(rig.now, answer(), &mut rig.out).is_ok());
    assert_eq!(rig.released(), Ok(()));
    assert_eq!(rig.server.failures(), 1);
    assert_eq!(rig.out.last().unwrap()[0], 51);
}

#[test]
fn partial_success_is_no_failure_and_there_is_a_limit_to_its_steps() {
    let mut rig = Rig::new(1);
    let partial = |rig: &mut Rig| {
        let payload = signed("alice", 1);
        let Ok(Output::Ask(nacre_userauth::server::Ask::KeyProof { proof })) =
            rig.server.handle(rig.now, &payload, &mut rig.out)
        else {
            panic!()
        };
        let verdict = KeyVerdict::Partial { proven: verify(&proof).unwrap(), remaining: all_methods() };
        rig.server.key_proof(rig.now, verdict, &mut rig.out).map(|_| ())
    };
    for _ in 0..STEPS_MAX {
        assert_eq!(partial(&mut rig), Ok(()));
        // Told at once, with the flag.
        assert_eq!(rig.out.last().unwrap().last(), Some(&1));
        assert_eq!(rig.server.deadline(), None);
    }
    assert_eq!((rig.server.failures(), rig.server.steps().len()), (0, STEPS_MAX));
    assert_eq!(partial(&mut rig), Ok(()));
    assert_eq!(rig.released(), Err(OVER));
}

#[test]
fn the_limit_may_be_set_for_one_user() {
    let mut rig = Rig::new(1);
    rig.server.set_max_tries(2, 1);
    assert_eq!(rig.offered(2, false), Ok(()));
    assert_eq!(rig.server.failures(), 0);
    assert_eq!(rig.refused(&password_request("alice", b"wrong")), Ok(()));
    rig.server.set_max_tries(0, 0);
    assert_eq!(rig.refused(&password_request("alice", b"wrong")), Err(OVER));
    let mut none = Rig::new(0);
    assert_eq!(none.request(&none_request("alice")), Ok(true));
    assert!(matches!(none.server.none(Verdict::Accept, &mut none.out), Ok(Output::Authenticated(_))));
}

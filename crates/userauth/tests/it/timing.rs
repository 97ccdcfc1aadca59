//! What the time and the bytes of a reply tell about a user: nothing.

use std::time::{Duration, Instant};

use nacre_userauth::server::{Ask, Config, Output};
use nacre_userauth::{InteractiveAnswer, KeyVerdict, PasswordAnswer, Verdict};

use crate::rig::{
    MS, Payloads, blob, colour, config, interactive_request, key_offer, none_request, password_request,
    ready, signed,
};

/// Sends what a client sends, lets each answer take `work`, and notes what came back when.
fn observed(user: &str, work: Duration, seed: u64) -> Vec<(Duration, Vec<u8>)> {
    let start = Instant::now();
    let mut now = start;
    let mut server = ready(Config { failure_seed: seed, max_tries: 20, ..config() }, now);
    let mut seen = Vec::new();
    let responses = [61, 0, 0, 0, 1, 0, 0, 0, 3, b'r', b'e', b'd'].to_vec();
    for payload in [
        none_request(user),
        key_offer(user, "ssh-ed25519", &blob(2)),
        key_offer(user, "ssh-unknown", &blob(2)),
        signed(user, 2),
        password_request(user, b"wrong"),
        password_request(user, &[b'x'; 2000]),
        interactive_request(user),
        responses,
    ] {
        let arrived = now;
        let mut out = Payloads::new();
        let output = server.handle(now, &payload, &mut out).unwrap();
        if let Output::Ask(ask) = output {
            now += work;
            // `none` and a challenge are answered without a point of release: the application must not differ there.
            let after = match ask {
                Ask::None { .. } => server.none(Verdict::Reject, &mut out),
                Ask::KeyOffer { .. } => server.key_offer(now, false, &mut out),
                Ask::KeyProof { .. } => server.key_proof(now, KeyVerdict::Reject, &mut out),
                Ask::Password { .. } | Ask::PasswordChange { .. } => {
                    server.password(now, PasswordAnswer::Verdict(Verdict::Reject), &mut out)
                }
                Ask::Interactive { .. } => {
                    server.interactive(now, InteractiveAnswer::Challenge(colour()), &mut out)
                }
                Ask::Responses { .. } => {
                    server.interactive(now, InteractiveAnswer::Verdict(Verdict::Reject), &mut out)
                }
            };
            assert!(matches!(after, Ok(Output::Progress)));
        }
        if let Some(deadline) = server.deadline() {
            // Too early is too early.
            assert!(matches!(server.handle_timeout(deadline - MS, &mut out), Ok(Output::Progress)));
            assert!(out.is_empty() && server.deadline() == Some(deadline));
            now = deadline;
            assert!(matches!(server.handle_timeout(now, &mut out), Ok(Output::Progress)));
        } else {
            now = arrived;
        }
        assert_eq!(out.len(), 1);
        seen.push((now - arrived, out.remove(0)));
    }
    seen
}

#[test]
fn known_and_unknown_users_get_the_same_bytes_at_the_same_times_however_long_the_work_takes() {
    // The known user's password is hashed, the unknown one's is not, or the other way about.
    let known = observed("alice", 30 * MS, 7_000_000);
    for (user, work) in [("alice", Duration::ZERO), ("nobody", Duration::ZERO), ("nobody", 57 * MS)] {
        assert_eq!(observed(user, work, 7_000_000), known, "{user} {work:?}");
    }
    let times: Vec<_> = known.iter().map(|(time, _)| time.as_millis()).collect();
    assert_eq!(times, [0, 57, 57, 57, 57, 57, 0, 57]);
    let numbers: Vec<_> = known.iter().map(|(_, payload)| payload[0]).collect();
    assert_eq!(numbers, [51, 51, 51, 51, 51, 51, 60, 51]);
}

#[test]
fn work_that_takes_longer_than_a_grid_moves_a_failure_by_whole_grids() {
    let late = observed("alice", 58 * MS, 7_000_000);
    let times: Vec<_> = late.iter().map(|(time, _)| time.as_millis()).collect();
    // What is refused without a question takes no time to decide.
    assert_eq!(times, [0, 107, 57, 107, 107, 57, 0, 107]);
}

#[test]
fn the_seed_moves_the_points_of_release() {
    let one = observed("alice", Duration::ZERO, 1_000_000);
    let two = observed("alice", Duration::ZERO, 51_000_000);
    let three = observed("alice", Duration::ZERO, 2_000_000);
    assert_eq!(one, two);
    assert_eq!((one[1].0, three[1].0), (51 * MS, 52 * MS));
}

#[test]
fn success_does_not_wait() {
    let now = Instant::now();
    let mut server = ready(config(), now);
    let mut out = Payloads::new();
    let payload = password_request("alice", b"correct");
    assert!(matches!(server.handle(now, &payload, &mut out), Ok(Output::Ask(_))));
    let accept = PasswordAnswer::Verdict(Verdict::Accept);
    assert!(matches!(server.password(now, accept, &mut out), Ok(Output::Authenticated(_))));
    assert_eq!((out.len(), server.deadline()), (1, None));
}

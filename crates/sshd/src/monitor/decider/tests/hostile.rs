//! What a net that was taken over may try: it is never let in, and the connection ends.

use super::*;

#[test]
fn nothing_comes_before_the_key_exchange() {
    let name = Text::new(USER).unwrap();
    assert_eq!(Bench::new("").refused(&User { name }), Violation::OutOfOrder("User"));
    let key = user_key().public().blob();
    let offer = KeyOffer { algorithm: algorithm(), key: Bytes(&key) };
    assert_eq!(Bench::new("").refused(&offer), Violation::OutOfOrder("KeyOffer"));
    let password = Password { password: Sensitive(b"x") };
    assert_eq!(Bench::new("").refused(&password), Violation::OutOfOrder("Password"));
}

#[test]
fn nothing_is_proven_before_the_user_is_named() {
    let mut bench = Bench::exchanged("");
    assert_eq!(violation(bench.log_in(USER, false)), Violation::OutOfOrder("KeyProof"));
    bench.is_over();
    let mut bench = Bench::exchanged("");
    assert_eq!(violation(bench.password(b"x")), Violation::OutOfOrder("Password"));
    bench.is_over();
}

#[test]
fn the_user_is_named_once() {
    let mut bench = Bench::named("", "nobody-at-all");
    let name = Text::new(USER).unwrap();
    assert_eq!(bench.refused(&User { name }), Violation::TooOften("User"));
}

#[test]
fn a_name_that_nobody_has_room_for_is_the_end() {
    let name = "x".repeat(USER_MAX + 1);
    assert_eq!(
        Bench::exchanged("").refused(&User { name: Text::new(&name).unwrap() }),
        Violation::UserTooLong
    );
}

#[test]
fn after_the_login_nobody_logs_in() {
    let key = user_key().public().blob();
    for attempt in 0..4 {
        let mut bench = Bench::named("", USER);
        admitted(bench.log_in(USER, false));
        let (name, outcome) = match attempt {
            0 => ("User", bench.send(&User { name: Text::new("root").unwrap() })),
            1 => ("KeyOffer", bench.send(&KeyOffer { algorithm: algorithm(), key: Bytes(&key) })),
            2 => ("KeyProof", bench.log_in(USER, false)),
            _ => ("Password", bench.password(b"x")),
        };
        assert_eq!(violation(outcome), Violation::WrongPhase(name));
        bench.is_over();
    }
}

#[test]
fn a_key_that_is_not_listed_proves_nothing() {
    let mut bench = Bench::named("MaxAuthTries 3\n", USER);
    let stranger = PrivateKey::from_seed(&[3; 32]);
    let proof = bench.proof(&stranger, &Exchange::new(1).hash(), USER, false);
    for _ in 0..3 {
        assert!(!good(bench.prove(&proof)));
    }
    assert_eq!(violation(bench.prove(&proof)), Violation::TooManyTries);
    bench.is_over();
}

#[test]
fn an_offered_key_lends_nothing_to_another_one() {
    let mut bench = Bench::named("", USER);
    assert!(bench.offer(&user_key()));
    let stranger = PrivateKey::from_seed(&[3; 32]);
    let mut proof = bench.proof(&stranger, &Exchange::new(1).hash(), USER, false);
    assert!(!good(bench.prove(&proof)));
    proof.key = user_key().public().blob();
    assert!(!good(bench.prove(&proof)), "the other key signed");
}

#[test]
fn a_signature_of_another_session_user_or_host_proves_nothing() {
    let session = Exchange::new(1).hash();
    let mut bench = Bench::named("MaxAuthTries 9\n", USER);
    for proof in [
        bench.proof(&user_key(), &Exchange::new(2).hash(), USER, false),
        bench.proof(&user_key(), b"", USER, false),
        bench.proof(&user_key(), &session, "bob", false),
        Proof { host_bound: true, ..bench.proof(&user_key(), &session, USER, false) },
        Proof { signature: Vec::new(), ..bench.proof(&user_key(), &session, USER, false) },
        Proof { key: Vec::new(), ..bench.proof(&user_key(), &session, USER, false) },
    ] {
        assert!(!good(bench.prove(&proof)));
    }
    admitted(bench.log_in(USER, false));
}

#[test]
fn an_algorithm_that_is_not_accepted_or_not_the_key_s_proves_nothing() {
    let mut bench = Bench::named("", USER);
    let proof = bench.proof(&user_key(), &Exchange::new(1).hash(), USER, false);
    for name in ["rsa-sha2-256", "none", "SSH-ED25519"] {
        let algorithm = Name::new(name).unwrap();
        let (key, signature) = (Bytes(&proof.key), Bytes(&proof.signature));
        let proof = KeyProof { algorithm, key, signature, host_bound: false };
        assert!(!good(bench.send(&proof)), "{name}");
    }
}

#[test]
fn there_is_no_password_without_quick() {
    let mut bench = Bench::named("MaxAuthTries 2\n", USER);
    for password in [&b""[..], b"x"] {
        assert!(!good(bench.password(password)));
    }
    assert_eq!(violation(bench.password(b"x")), Violation::TooManyTries);
    bench.is_over();
}

#[test]
fn nothing_but_a_key_exchange_of_this_connection_is_signed() {
    type Change = for<'a> fn(&mut Sign<'a>);
    let changes: [(Change, Implausible); 14] = [
        (|sign| sign.kex = Name::new("diffie-hellman-group1-sha1").unwrap(), Implausible::Kex),
        (|sign| sign.kex = Name::new("mlkem768x25519-sha256").unwrap(), Implausible::Kex),
        (|sign| sign.algorithm = Name::new("ssh-rsa").unwrap(), Implausible::Algorithm),
        (|sign| sign.host_key = 1, Implausible::HostKey),
        (|sign| sign.host_key = u32::MAX, Implausible::HostKey),
        (|sign| sign.client_ident = Bytes(b"GET / HTTP/1.1"), Implausible::Ident),
        (|sign| sign.server_ident = Bytes(b""), Implausible::Ident),
        (|sign| sign.client_kexinit = Bytes(b""), Implausible::KexInit),
        (|sign| sign.client_kexinit = Bytes(&[50; 64]), Implausible::KexInit),
        (|sign| sign.server_kexinit = Bytes(&[20]), Implausible::KexInit),
        (|sign| sign.server_kexinit = sign.client_kexinit, Implausible::Negotiation),
        (|sign| sign.client_public = Bytes(b""), Implausible::Empty),
        (|sign| sign.server_public = Bytes(b""), Implausible::Empty),
        (|sign| sign.shared_secret = Sensitive(b""), Implausible::Empty),
    ];
    for (change, why) in changes {
        let exchange = Exchange::new(1);
        let mut sign = exchange.sign();
        change(&mut sign);
        assert_eq!(Bench::new("").refused(&sign), Violation::Implausible(why));
    }
}

#[test]
fn host_keys_are_used_with_the_algorithm_they_belong_to() {
    let exchange = Exchange { server_kexinit: kexinit(KEX, "rsa-sha2-512", 2), ..Exchange::new(1) };
    assert_eq!(Bench::new("").refused(&exchange.sign()), Violation::Implausible(Implausible::Negotiation));
    let mut bench = Bench::new("");
    bench.made.server.host_keys = crate::host_keys::HostKeys::none();
    let exchange = Exchange::new(1);
    assert_eq!(bench.refused(&exchange.sign()), Violation::Implausible(Implausible::HostKey));
}

#[test]
fn the_ends_of_a_connection_do_not_change_their_names() {
    let exchange = Exchange::new(2);
    let mut sign = exchange.sign();
    sign.client_ident = Bytes(b"SSH-2.0-other");
    assert_eq!(Bench::exchanged("").refused(&sign), Violation::Implausible(Implausible::Ident));
    let mut sign = exchange.sign();
    sign.server_ident = Bytes(b"SSH-2.0-other");
    let mut bench = Bench::named("", USER);
    admitted(bench.log_in(USER, false));
    assert_eq!(bench.refused(&sign), Violation::Implausible(Implausible::Ident));
}

#[test]
fn signatures_before_the_login_are_few() {
    let mut bench = Bench::new("");
    for cookie in (0..).take(EXCHANGES_BEFORE_AUTH as usize) {
        bench.exchange(cookie);
    }
    let exchange = Exchange::new(5);
    assert_eq!(bench.refused(&exchange.sign()), Violation::Implausible(Implausible::TooMany));
    let mut bench = Bench::named("", USER);
    admitted(bench.log_in(USER, false));
    for cookie in 0..20 {
        bench.exchange(cookie);
    }
}

#[test]
fn messages_of_others_are_the_end() {
    assert_eq!(Bench::new("").refused(&PtyOpen {}), Violation::NotTheirs("PtyOpen"));
    let line = SessionLog { level: 3, text: Human(b"x") };
    assert_eq!(Bench::new("").refused(&line), Violation::NotTheirs("SessionLog"));
    assert_eq!(Bench::new("").refused(&Verdict { good: true }), Violation::NotTheirs("Verdict"));
    let signed = Signed { signature: Bytes(b"x") };
    assert_eq!(Bench::new("").refused(&signed), Violation::NotTheirs("Signed"));
    let mut bench = Bench::named("", USER);
    admitted(bench.log_in(USER, false));
    let exchange = Exchange::new(2);
    assert_eq!(violation(bench.session_sends(&exchange.sign())), Violation::NotTheirs("Sign"));
    bench.is_over();
}

#[test]
fn a_session_that_nobody_started_says_nothing() {
    let mut bench = Bench::named("", USER);
    assert_eq!(violation(bench.session_sends(&PtyOpen {})), Violation::WrongPhase("PtyOpen"));
    bench.is_over();
}

#[test]
fn what_is_no_message_is_the_end() {
    for payload in [&[0][..], &[200], &[2], &[4, 0, 0, 0, 9, b'x'], &[4, 0, 0, 0, 1, b'x', 0], &[7; 500]] {
        let mut bench = Bench::exchanged("");
        bench.net.send_encoded(payload, &[]).unwrap();
        let ended = violation(bench.receive(From::Net));
        assert!(matches!(ended, Violation::Unknown(_) | Violation::Malformed(..)), "{ended:?}");
        bench.is_over();
    }
    let mut bench = Bench::exchanged("");
    let line = Log { level: 8, text: Human(b"x") };
    assert_eq!(bench.refused(&line), Violation::LogLevel(8));
}

#[test]
fn messages_that_are_too_long_or_bring_descriptors_are_not_even_read() {
    let mut bench = Bench::exchanged("");
    let socket = bench.net.as_fd().try_clone_to_owned().unwrap();
    let mut message = vec![0; sys::limits::MAX_MESSAGE + 1];
    message[0] = User::NUMBER;
    File::from(socket).write_all(&message).unwrap();
    assert!(matches!(bench.receive(From::Net), Err(End::Link(LinkError::Protocol(_)))));
    let null = sys::fd::null().unwrap();
    bench.net.send(&User { name: Text::new(USER).unwrap() }, &[null.as_fd()]).unwrap();
    assert!(matches!(bench.receive(From::Net), Err(End::Link(LinkError::Protocol(_)))));
}

#[test]
fn a_flood_of_lines_fills_no_disk_and_ends_nothing() {
    let mut bench = Bench::exchanged("");
    let most =
        crate::protocol::monitor::MONITOR.iter().find(|row| row.number == Log::NUMBER).unwrap().phase.most;
    let text = vec![b'x'; 60_000];
    for _ in 0..most + 10 {
        bench.send(&Log { level: 3, text: Human(&text[..1]) }).unwrap();
    }
    assert_eq!(bench.made.logged().len(), usize::try_from(most).unwrap());
    let mut bench = Bench::exchanged("");
    bench.send(&Log { level: 3, text: Human(&text) }).unwrap();
    assert!(bench.made.logged()[0].len() < 5_000);
}

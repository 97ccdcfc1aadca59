//! Who is let in by a certificate, and what it permits.

use crypto::SeededRng;
use keyfiles::krl::KeyRevocationList;
use keys::{Certificate, CertificateKind, CertificateOption, CertificateRequest};

use super::*;
use crate::monitor::testing;
use crate::permit::{Forced, Permit};

const CERTIFICATE: &str = "ssh-ed25519-cert-v01@openssh.com";

fn authority() -> PrivateKey {
    PrivateKey::from_seed(&[9; 32])
}

/// For the user, with all that `ssh-keygen` gives.
fn request() -> CertificateRequest {
    let mut request = CertificateRequest::new(CertificateKind::User, user_key().public(), b"the id");
    request.principals = vec![USER.into()];
    request.serial = 7;
    request
}

fn issued_by(authority: &PrivateKey, request: &CertificateRequest) -> Certificate {
    let row = SignatureAlg::by_name("ssh-ed25519").unwrap();
    request.sign(authority, row, &mut SeededRng::new(1)).unwrap()
}

fn issued(request: &CertificateRequest) -> Certificate {
    issued_by(&authority(), request)
}

fn with(change: impl FnOnce(&mut CertificateRequest)) -> Certificate {
    let mut request = request();
    change(&mut request);
    issued(&request)
}

/// Nobody's key is listed, and these lines are the configuration; `HOME` is the user's home.
fn bench(lines: &str, keys: &str) -> Bench {
    let mut bench = Bench::new("");
    let home = bench.made.home();
    bench.made.authorize(keys);
    let file = |name: &str, text: &str| testing::write(&home.join(name), text);
    file("authorities", &format!("# of the system\n\n {} main\n", authority().public()));
    let lines = lines.replace("HOME", home.to_str().unwrap());
    bench.made.server.config = testing::config(&lines).unwrap();
    bench.exchange(1);
    bench.name(USER);
    bench
}

const TRUSTING: &str = "TrustedUserCAKeys HOME/authorities\n";

/// The authority is one of the system's, and these lines are configured too.
fn trusting(lines: &str) -> Bench {
    bench(&format!("{TRUSTING}{lines}"), "")
}

impl Bench {
    fn offer_certificate(&mut self, certificate: &Certificate) -> bool {
        let algorithm = Name::new(certificate.key_type()).unwrap();
        good(self.send(&KeyOffer { algorithm, key: Bytes(certificate.blob()) }))
    }

    /// A signature by `key` under the certificate.
    fn prove_certificate(&mut self, certificate: &Certificate, key: &PrivateKey) -> Result<Outcome, End> {
        let request =
            SignedRequest { user: USER, algorithm: CERTIFICATE, key: certificate.blob(), host_key: None };
        let row = SignatureAlg::by_name(CERTIFICATE).unwrap();
        let signature = key.sign(row, &signed_data(&Exchange::new(1).hash(), &request)).unwrap();
        self.send(&KeyProof {
            algorithm: Name::new(CERTIFICATE).unwrap(),
            key: Bytes(certificate.blob()),
            signature: Bytes(&signature),
            host_bound: false,
        })
    }

    /// What the user may do who is let in by this certificate.
    #[track_caller]
    fn permitted(&mut self, certificate: &Certificate) -> Permit {
        assert!(self.offer_certificate(certificate));
        admitted(self.prove_certificate(certificate, &user_key())).permit
    }

    /// What is logged, but for the failure itself, of a certificate that lets nobody in, when it is offered as when it signs.
    #[track_caller]
    fn why_not(&mut self, certificate: &Certificate) -> Vec<String> {
        let said = |bench: &Self| {
            let lines = bench.made.logged().into_iter();
            lines.filter(|line| !line.starts_with("Failed publickey for ")).collect::<Vec<_>>()
        };
        self.made.logged();
        assert!(!self.offer_certificate(certificate), "offered");
        let offered = said(self);
        assert!(!good(self.prove_certificate(certificate, &user_key())), "proven");
        assert_eq!(said(self), offered);
        offered
    }
}

fn fingerprint_of_authority() -> String {
    authority().public().fingerprint().to_string()
}

/// The line of a refusal.
fn refusing(via: &str, reason: &str) -> String {
    let ca = fingerprint_of_authority();
    format!("Refusing certificate ID \"the id\" serial=7 signed by ED25519 CA {ca}{via}: {reason}")
}

#[test]
fn a_certificate_of_a_trusted_authority_lets_in_and_is_logged_in_openssh_s_words() {
    let mut bench = trusting("");
    let permit = bench.permitted(&with(|_| ()));
    assert!(permit.pty && permit.user_rc && permit.agent && permit.tcp.local && permit.forced.is_none());
    let ca = fingerprint_of_authority();
    let by = format!(
        "Accepted certificate ID \"the id\" (serial 7) signed by ED25519 CA {ca} via HOME/authorities"
    );
    let key =
        format!("ED25519-CERT {} ID the id (serial 7) CA ED25519 {ca}", user_key().public().fingerprint());
    assert_eq!(
        bench.made.logged(),
        [
            by.clone(),
            format!("Postponed publickey for {USER} from UNKNOWN port 65535 ssh2 [preauth]"),
            by,
            format!("Accepted publickey for {USER} from UNKNOWN port 65535 ssh2: {key}"),
        ]
    );
}

#[test]
fn a_certificate_that_is_not_for_this_user_now_is_refused_and_told_why() {
    let critical =
        |name, value: &[u8]| with(|request| request.critical = vec![CertificateOption::text(name, value)]);
    for (certificate, reason) in [
        (
            with(|request| request.principals = vec!["bob".into(), format!("{USER}x").into()]),
            "Certificate invalid: name is not a listed principal",
        ),
        (
            with(|request| request.principals = vec![b"*".to_vec()]),
            "Certificate invalid: name is not a listed principal",
        ),
        (with(|request| request.principals.clear()), "Certificate lacks principal list"),
        (with(|request| request.valid_before = 1_600_000_000), "Certificate invalid: expired"),
        (with(|request| request.valid_after = u64::MAX - 1), "Certificate invalid: not yet valid"),
        (with(|request| request.kind = CertificateKind::Host), "Certificate invalid: not a user certificate"),
        (critical("unknown@here", b"x"), "Invalid certificate options"),
        (critical("source-address", b"192.0.2.0/24"), "Refused by certificate options"),
        (critical("source-address", b"0.0.0.0/0,::/0"), "Refused by certificate options"),
    ] {
        let logged = trusting("").why_not(&certificate);
        assert_eq!(logged.last(), Some(&refusing("", reason)), "{certificate:?}");
        let line = format!("cert-authority {}\n", authority().public());
        let logged = bench("", &line).why_not(&certificate);
        let via = " via HOME/.ssh/authorized_keys:1";
        assert_eq!(logged.last(), Some(&refusing(via, reason)), "{certificate:?}");
    }
    let logged = trusting("").why_not(&critical("unknown@here", b"x"));
    assert_eq!(logged[0], "Certificate critical option \"unknown@here\" is not supported");
    let logged = trusting("").why_not(&critical("source-address", b"::1"));
    let tried = "Authentication tried for alice with valid certificate but not from a permitted source address (UNKNOWN).";
    assert_eq!(logged[0], format!("cert: {tried}"));
}

#[test]
fn an_unknown_extension_grants_nothing_and_refuses_nothing() {
    let certificate =
        with(|request| request.extensions = vec![CertificateOption::new("permit-all@here", b"")]);
    let mut bench = trusting("");
    let permit = bench.permitted(&certificate);
    assert!(!permit.pty && !permit.user_rc && !permit.agent && !permit.tcp.local && !permit.tcp.remote);
    let logged = bench.made.logged();
    assert_eq!(logged[0], "Certificate extension \"permit-all@here\" is not supported");
}

#[test]
fn each_extension_permits_one_thing_and_the_configuration_can_take_it() {
    type Has = fn(&Permit) -> bool;
    let extensions: [(&str, Has, &str); 5] = [
        ("permit-pty", |permit| permit.pty, "PermitTTY no"),
        ("permit-user-rc", |permit| permit.user_rc, "PermitUserRC no"),
        ("permit-agent-forwarding", |permit| permit.agent, "AllowAgentForwarding no"),
        ("permit-port-forwarding", |permit| permit.tcp.local && permit.tcp.remote, "AllowTcpForwarding no"),
        ("permit-X11-forwarding", |permit| permit.x11.is_some(), "X11Forwarding no"),
    ];
    for (name, _, taken) in extensions {
        let certificate = with(|request| request.extensions = vec![CertificateOption::new(name, b"")]);
        let has = |lines: &str, keys: &str| {
            let trusted = if keys.is_empty() { TRUSTING } else { "" };
            let permit =
                bench(&format!("{lines}\nX11Forwarding yes\n{trusted}"), keys).permitted(&certificate);
            extensions.map(|(_, has, _)| has(&permit))
        };
        let only = extensions.map(|(other, ..)| other == name);
        assert_eq!(has("", ""), only, "{name}");
        assert_eq!(has(taken, ""), [false; 5], "{name}: {taken}");
        let line = |options: &str| format!("cert-authority{options} {}\n", authority().public());
        assert_eq!(has("", &line("")), only, "{name}");
        assert_eq!(has("", &line(",restrict")), [false; 5], "{name}: the line does not say so");
        let back = name.trim_start_matches("permit-");
        assert_eq!(has("", &line(&format!(",restrict,{back}"))), only, "{name}: both say so");
    }
}

#[test]
fn the_command_of_a_certificate_runs_and_one_of_the_line_must_be_the_same() {
    let forced = |command: &[u8]| {
        let option = CertificateOption::text("force-command", command);
        with(|request| request.critical = vec![option])
    };
    let by_key = |command: &str| Some(Forced { command: command.into(), by_key: true });
    assert_eq!(trusting("").permitted(&forced(b"of the certificate")).forced, by_key("of the certificate"));
    assert_eq!(trusting("").permitted(&forced(b"")).forced, by_key(""));
    let of_server = Some(Forced { command: b"of the server".into(), by_key: false });
    let permit = trusting("ForceCommand of the server\n").permitted(&forced(b"of the certificate"));
    assert_eq!(permit.forced, of_server);
    let line = |command: &str| format!("cert-authority,command=\"{command}\" {}\n", authority().public());
    assert_eq!(bench("", &line("x")).permitted(&with(|_| ())).forced, by_key("x"));
    assert_eq!(bench("", &line("x")).permitted(&forced(b"x")).forced, by_key("x"));
    for (of_line, of_certificate) in [("x", "y"), ("", "x"), ("x", ""), ("x", "x ")] {
        let logged = bench("", &line(of_line)).why_not(&forced(of_certificate.as_bytes()));
        let reason = "forced command options do not match";
        assert_eq!(
            logged,
            [refusing(" via HOME/.ssh/authorized_keys:1", reason)],
            "{of_line} {of_certificate}"
        );
    }
}

#[test]
fn only_an_authority_that_is_trusted_lets_in_and_a_certificate_is_none() {
    let stranger = PrivateKey::from_seed(&[3; 32]);
    assert_eq!(trusting("").why_not(&issued_by(&stranger, &request())), [""; 0]);
    assert_eq!(bench("", "").why_not(&with(|_| ())), [""; 0], "where no authority is trusted");
    // The trusted authority certifies a key, which then certifies the user's.
    let mut nested = CertificateRequest::new(CertificateKind::User, stranger.public(), b"nested");
    nested.principals = vec![USER.into()];
    let nested = issued(&nested);
    assert_eq!(trusting("").why_not(&issued_by(&stranger, &request())), [""; 0]);
    let mut listed = bench(TRUSTING, &format!("cert-authority {nested}\n"));
    testing::write(&listed.made.home().join("authorities"), &format!("{nested}\n"));
    assert_eq!(listed.why_not(&issued_by(&stranger, &request())), [""; 0]);
}

#[test]
fn what_follows_a_line_that_is_no_key_is_no_authority() {
    let mut bench = trusting("");
    let file = bench.made.home().join("authorities");
    testing::write(&file, &format!("nonsense\n{}\n", authority().public()));
    assert_eq!(bench.why_not(&with(|_| ())), [""; 0]);
    testing::write(&file, &format!("{}\nnonsense\n", authority().public()));
    bench.permitted(&with(|_| ()));
    let mut bench = trusting("");
    std::fs::remove_file(bench.made.home().join("authorities")).unwrap();
    assert_eq!(bench.why_not(&with(|_| ())), [""; 0]);
}

#[test]
fn a_forged_certificate_is_none_whoever_signs_with_its_key() {
    let good_one = with(|_| ());
    let at = good_one.blob().windows(USER.len()).position(|part| part == USER.as_bytes()).unwrap();
    let mut forged = good_one.blob().to_vec();
    forged[at] = b'b';
    let forged = Certificate::parse(&forged).unwrap();
    let line = format!("cert-authority,principals=\"blice\" {}\n", authority().public());
    let mut bench = bench(TRUSTING, &line);
    let logged = bench.why_not(&forged);
    assert!(logged.len() == 1 && logged[0].starts_with("userauth_pubkey: "), "{logged:?}");
    let mut bench = trusting("");
    let stranger = PrivateKey::from_seed(&[3; 32]);
    assert!(bench.offer_certificate(&good_one));
    assert!(!good(bench.prove_certificate(&good_one, &stranger)), "the key is another one");
}

#[test]
fn the_algorithm_of_the_authority_must_be_accepted_and_that_of_the_user_too() {
    let logged = trusting("CASignatureAlgorithms ecdsa-sha2-nistp256\n").why_not(&with(|_| ()));
    let line =
        "userauth_pubkey: certificate signature algorithm ssh-ed25519: signature algorithm not supported";
    assert_eq!(logged, [line]);
    trusting("CASignatureAlgorithms ecdsa-sha2-nistp256,ssh-ed25519\n").permitted(&with(|_| ()));
    assert_eq!(trusting("PubkeyAcceptedAlgorithms ssh-ed25519\n").why_not(&with(|_| ())), [""; 0]);
}

#[test]
fn a_certificate_is_not_its_key_nor_the_key_a_certificate() {
    let own = user_key().public();
    assert_eq!(bench("", &format!("{own}\n")).why_not(&with(|_| ())), [""; 0]);
    let mut trusting = trusting("");
    assert!(!trusting.offer_own() && !trusting.prove_own());
    // What is offered says nothing about what is used.
    assert!(trusting.offer_certificate(&with(|_| ())));
    assert!(!trusting.prove_own());
}

#[test]
fn revoked_keys_certificates_and_authorities_let_nobody_in() {
    let certificate = with(|_| ());
    let (own, ca) = (user_key().public(), authority().public());
    let named = format!("ED25519-CERT {}", own.fingerprint());
    let mut serial = KeyRevocationList::default();
    serial.revoke_serials(Some(&ca), 5..=9).unwrap();
    let mut other_serial = KeyRevocationList::default();
    other_serial.revoke_serials(Some(&ca), 8..=9).unwrap();
    let mut key_id = KeyRevocationList::default();
    key_id.revoke_key_id(Some(&ca), b"the id").unwrap();
    let mut key_of_authority = KeyRevocationList::default();
    key_of_authority.revoke_key(&ca);
    for (contents, revoked) in [
        (format!("{own}\n").into_bytes(), true),
        (format!("# lost\n{ca} old\n").into_bytes(), true),
        (format!("{certificate}\n").into_bytes(), true),
        (serial.write(), true),
        (key_id.write(), true),
        (key_of_authority.write(), true),
        (other_serial.write(), false),
        (format!("{}\n", PrivateKey::from_seed(&[3; 32]).public()).into_bytes(), false),
        (Vec::new(), false),
    ] {
        for lines in ["RevokedKeys HOME/revoked\n", "RevokedKeys /dev/null HOME/revoked\n"] {
            let mut bench = trusting(lines);
            std::fs::write(bench.made.home().join("revoked"), &contents).unwrap();
            if !revoked {
                bench.permitted(&certificate);
                continue;
            }
            let line = format!("Authentication key {named} revoked by file HOME/revoked");
            assert_eq!(bench.why_not(&certificate), [line], "{}", String::from_utf8_lossy(&contents));
        }
    }
}

#[test]
fn a_file_of_revoked_keys_that_cannot_be_used_lets_nobody_in() {
    let own = user_key().public();
    for lines in ["RevokedKeys HOME/revoked\n", "RevokedKeys /dev/null HOME/revoked\n", "RevokedKeys HOME\n"]
    {
        let mut bench = bench(lines, &format!("{own}\n"));
        bench.made.logged();
        assert!(!bench.offer_own() && !bench.prove_own(), "{lines}");
        let told = format!(
            "Error checking authentication key ED25519 {} in revoked keys file HOME",
            own.fingerprint()
        );
        let logged = bench.made.logged();
        assert_eq!(logged.iter().filter(|line| line.starts_with(&told)).count(), 2, "{logged:?}");
    }
    let mut bench = bench("RevokedKeys HOME/revoked\n", &format!("{own}\n"));
    for (contents, good) in [("nonsense\n", false), ("SSHKRL\n", false), ("# nothing\n", true)] {
        testing::write(&bench.made.home().join("revoked"), contents);
        assert_eq!(bench.offer_own(), good, "{contents}");
    }
    testing::write(&bench.made.home().join("revoked"), &format!("{own}\n"));
    assert!(!bench.offer_own() && !bench.prove_own(), "a plain key that is revoked");
}

#[test]
fn an_authority_of_the_user_s_own_lets_in_whom_its_line_names() {
    let ca = authority().public();
    let line = |options: &str| format!("# mine\ncert-authority{options} {ca}\n");
    let mut own = bench("", &line(""));
    own.permitted(&with(|_| ()));
    let fingerprint = ca.fingerprint();
    let found = format!(
        "Accepted certificate ID \"the id\" (serial 7) signed by CA ED25519 {fingerprint} found at HOME/.ssh/authorized_keys:2"
    );
    assert_eq!(own.made.logged()[0], found);
    let deploy = with(|request| request.principals = vec!["deploy".into(), "ops".into()]);
    bench("", &line(",principals=\"x,ops\"")).permitted(&deploy);
    for (options, certificate) in [
        (",principals=\"x,y\"", &deploy),
        (",principals=\"\"", &deploy),
        (",principals=\"alice,ops*\"", &deploy),
        (",principals=\"x\"", &with(|_| ())),
        (",principals=\"alice\"", &with(|request| request.principals.clear())),
        (",principals=\"a,b\"", &with(|request| request.principals = vec!["a,b".into()])),
    ] {
        let reason = "Certificate does not contain an authorized principal";
        let logged = bench("", &line(options)).why_not(certificate);
        assert_eq!(logged, [refusing(" via HOME/.ssh/authorized_keys:2", reason)], "{options}");
    }
    // The next line may be for it.
    let lines = format!("{}{}", line(",principals=\"x\""), line(",principals=\"ops\",no-pty"));
    assert!(!bench("", &lines).permitted(&deploy).pty);
    assert_eq!(bench("", &format!("{ca}\n")).why_not(&with(|_| ())), [""; 0], "it is not said to be one");
}

#[test]
fn lines_of_the_user_come_before_authorities_of_the_system() {
    let ca = authority().public();
    let mut both = bench(TRUSTING, &format!("cert-authority,no-pty {ca}\n"));
    assert!(!both.permitted(&with(|_| ())).pty);
    let mut other = bench(TRUSTING, &format!("cert-authority,no-pty,expiry-time=\"20200101\" {ca}\n"));
    assert!(other.permitted(&with(|_| ())).pty, "the line does not count");
    assert_eq!(other.made.logged()[0], "Refused by key options at HOME/.ssh/authorized_keys:1");
}

#[test]
fn a_file_of_principals_says_who_is_let_in_and_for_what() {
    let reason = "Certificate does not contain an authorized principal";
    let ops = with(|request| request.principals = vec!["ops".into()]);
    let lines = "AuthorizedPrincipalsFile .ssh/%u-%%principals\n";
    for (contents, outcome) in [
        ("ops\n", Ok(true)),
        ("# all\n\n\tdev\nno-pty,from=\"*\" other\n  ops # on call\n", Ok(true)),
        ("no-pty ops\nops\n", Ok(false)),
        ("nonsense ops\nops\n", Ok(true)),
        ("restrict,pty  ops\n", Ok(true)),
        ("command=\"x\" ops\n", Ok(true)),
        ("", Err(reason)),
        ("alice\n", Err(reason)),
        ("op*\n", Err(reason)),
        ("nonsense ops\n", Err(reason)),
        ("#ops\n", Err(reason)),
        ("expiry-time=\"20200101\" ops\nops\n", Err("Refused by certificate principals options")),
        ("from=\"192.0.2.1\" ops\n", Err("Refused by certificate principals options")),
        ("cert-authority ops\n", Err("Refused by certificate principals options")),
        ("principals=\"ops\" ops\n", Err("Refused by certificate principals options")),
    ] {
        let mut bench = trusting(lines);
        testing::write(&bench.made.home().join(format!(".ssh/{USER}-%principals")), contents);
        match outcome {
            Ok(pty) => {
                let permit = bench.permitted(&ops);
                assert_eq!(permit.pty, pty, "{contents}");
                assert_eq!(permit.forced.is_some(), contents.contains("command"), "{contents}");
            }
            Err(reason) => {
                assert_eq!(bench.why_not(&ops).last(), Some(&refusing("", reason)), "{contents}");
            }
        }
    }
    assert_eq!(trusting(lines).why_not(&ops), [refusing("", reason)], "there is no such file");
    let mut user_only = trusting(lines);
    testing::write(&user_only.made.home().join(format!(".ssh/{USER}-%principals")), "ops\n");
    assert_eq!(user_only.why_not(&with(|_| ())), [refusing("", reason)], "its own name counts no more");
    let forced = with(|request| {
        request.principals = vec!["ops".into()];
        request.critical = vec![CertificateOption::text("force-command", b"y")];
    });
    testing::write(&user_only.made.home().join(format!(".ssh/{USER}-%principals")), "command=\"x\" ops\n");
    let reason = "forced command options do not match";
    assert_eq!(user_only.why_not(&forced), [refusing("", reason)]);
}

#[test]
fn a_file_of_principals_that_others_can_change_names_nobody() {
    let ops = with(|request| request.principals = vec!["ops".into()]);
    for (strict, good) in [("yes", false), ("no", true)] {
        let mut bench = trusting(&format!("AuthorizedPrincipalsFile HOME/who\nStrictModes {strict}\n"));
        let file = bench.made.home().join("who");
        testing::write(&file, "ops\n");
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
        if good {
            bench.permitted(&ops);
        } else {
            let refused = "Authentication refused: bad ownership or modes for file HOME/who";
            let reason = "Certificate does not contain an authorized principal";
            assert_eq!(bench.why_not(&ops), [refused.to_owned(), refusing("", reason)]);
        }
    }
}

#[test]
fn who_is_kept_out_is_told_nothing_about_certificates() {
    let mut bench = Bench::new("");
    let file = bench.made.home().with_file_name("authorities");
    testing::write(&file, &format!("{}\n", authority().public()));
    let lines = format!("TrustedUserCAKeys {}\nRevokedKeys /nonexistent/file\n", file.display());
    bench.made.server.config = testing::config(&lines).unwrap();
    bench.exchange(1);
    bench.name("nobody-at-all");
    bench.made.logged();
    let certificate = with(|request| request.principals = vec!["nobody-at-all".into(), "NOUSER".into()]);
    assert!(!bench.offer_certificate(&certificate));
    assert!(!good(bench.prove_certificate(&certificate, &user_key())));
    assert_eq!(bench.made.logged(), [""; 0]);
}

#[test]
fn root_s_forced_command_may_be_that_of_the_certificate() {
    if Uid::effective() != Uid::ROOT {
        return;
    }
    let forced = CertificateOption::text("force-command", b"x");
    let forced = with(|request| request.critical = vec![forced]);
    trusting("PermitRootLogin forced-commands-only\n").permitted(&forced);
    let mut bench = trusting("PermitRootLogin forced-commands-only\n");
    assert!(!good(bench.prove_certificate(&with(|_| ()), &user_key())));
}

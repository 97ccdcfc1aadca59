//! Keys in devices: who must touch the device, and who must show the device who he is.

use crate::case::{Case, Job, Report};
use crate::error::Error;
use crate::peers::{ClientKind, KeyKind, KeyPair, Login, Peers, Release, ServerKind, Settings, USER};
use crate::sshd::with_log;

/// What makes a key that signs untouched, and what lets a certificate's key do so.
const UNTOUCHED: [&str; 2] = ["-O", "no-touch-required"];

/// The newest `ssh` with our sshd and with the stock one, which proves the cases: a signature that was made untouched lets
/// nobody in unless the key's line or its certificate says that it may, and nothing here knows a user's fingerprint.
pub(super) fn touched(peers: &Peers, report: &mut Report) -> Result<(), Error> {
    let newest = Release::Forky;
    let (chroot, client) = (peers.chroot(newest), ClientKind::OpenSsh(newest));
    let authority = KeyPair::generate(chroot, KeyKind::Ed25519, "authority")?;
    for kind in KeyKind::DEVICES {
        let make = |further| KeyPair::generate_with(chroot, kind, "device", further);
        let certified = |key: &KeyPair, further| key.certified(chroot, &authority, false, USER, further);
        let (untouched, allowed, verified) = (make(&UNTOUCHED)?, make(&UNTOUCHED)?, make(&[])?);
        let vouched = make(&UNTOUCHED)?;
        let settings = Settings {
            more_user_keys: vec![
                untouched.public().to_owned(),
                format!("no-touch-required {}", allowed.public()),
                format!("verify-required {}", verified.public()),
            ],
            authority: Some(authority.clone()),
            ..Settings::default()
        };
        let cases = [
            ("untouched", untouched, false),
            ("no-touch-required", allowed, true),
            ("verify-required", verified, false),
            ("untouched, certified", certified(&vouched, &[])?, false),
            ("certified no-touch-required", certified(&vouched, &UNTOUCHED)?, true),
        ];
        for server in [ServerKind::OpenSsh(newest), ServerKind::Nacre] {
            let server = &server.start(peers, &settings)?;
            let name = peers.name_of_client(client);
            let jobs = cases.iter().map(|(what, key, lets_in)| {
                let short = kind.key_type().split('@').next().unwrap_or_default();
                Job::new(Case::new(&name, server.name(), &format!("{short}: {what}")), move |case| {
                    let login = Login {
                        port: server.address().port(),
                        command: "echo in",
                        ..Login::new(key, server.host_key())
                    };
                    let mark = server.log_mark();
                    let finished = client.run(peers, login)?;
                    case.agreed_in_log(&finished.stderr);
                    let good = match finished.status {
                        Some(0) => *lets_in && finished.stdout == b"in\n",
                        _ => !lets_in && finished.stderr.contains("Permission denied"),
                    };
                    let wrong = || Error::wrong(format!("lets in: {lets_in}, but {finished:?}"));
                    with_log(server, mark, if good { Ok(()) } else { Err(wrong()) })
                })
            });
            report.run_side_by_side(jobs.collect());
        }
    }
    Ok(())
}

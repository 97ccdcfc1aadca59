//! Much data, each way, with keys exchanged all the time.

use std::io::{Read, Write};
use std::process::Stdio;
use std::thread;

use crate::harness::{Master, Server, Talk, finish};

const MUCH: usize = 100_000_000;

/// Bytes in which a lost, doubled or moved one is seen.
fn pattern(size: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    let mut bytes: Vec<u8> = words.take(size.div_ceil(8)).flatten().collect();
    bytes.truncate(size);
    bytes
}

#[track_caller]
fn assert_same(got: &[u8], sent: &[u8]) {
    assert_eq!(got.len(), sent.len());
    let differs = got.iter().zip(sent).position(|(one, other)| one != other);
    assert_eq!(differs, None, "the first byte that differs");
}

#[test]
fn a_hundred_megabytes_arrive_from_standard_output_and_standard_error() {
    let server = Server::start();
    let sent = pattern(MUCH);
    let file = server.path("sent");
    std::fs::write(&file, &sent).unwrap();
    let outcome = finish(&mut server.ssh(&[&format!("cat {}", file.display())]), b"");
    assert_eq!(outcome.code, Some(0));
    assert_same(&outcome.stdout, &sent);
    let mut command = server.ssh(&[&format!("cat {} >&2; exit 3", file.display())]);
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut got = Vec::with_capacity(MUCH);
    child.stderr.take().unwrap().read_to_end(&mut got).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3));
    assert_same(&got, &sent);
}

#[test]
fn a_hundred_megabytes_arrive_on_standard_input() {
    let server = Server::start();
    let sent = pattern(MUCH);
    let file = server.path("got");
    std::fs::write(&file, b"").unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    let outcome = finish(&mut server.ssh(&[&format!("cat >{}; exit 4", file.display())]), &sent);
    assert_eq!(outcome.code, Some(4));
    assert_same(&std::fs::read(&file).unwrap(), &sent);
}

#[test]
fn data_survives_new_keys_every_64_kib_of_either_side_in_both_directions_at_once() {
    let server = Server::with(
        "RekeyLimit 64K\nCiphers aes128-gcm@openssh.com,chacha20-poly1305@openssh.com,aes128-ctr",
    );
    for (cipher, size) in [
        ("aes128-gcm@openssh.com", 4_000_000),
        ("chacha20-poly1305@openssh.com", 4_000_000),
        ("aes128-ctr", 2_000_000),
    ] {
        for limit in ["64K", "1G"] {
            let sent = pattern(size);
            let outcome = finish(
                &mut server.ssh(&[
                    &format!("-c{cipher}"),
                    "-oKexAlgorithms=curve25519-sha256",
                    &format!("-oRekeyLimit={limit}"),
                    "cat",
                ]),
                &sent,
            );
            assert_eq!(outcome.code, Some(0), "{cipher}, {limit}: {}", outcome.stderr);
            assert_same(&outcome.stdout, &sent);
        }
    }
}

#[test]
fn a_client_that_does_not_read_stops_its_own_session_and_no_other() {
    let server = Server::start();
    let master = Master::new(&server, 0);
    let mut stuck = master.ssh(&["head -c 30000000 /dev/zero"]);
    let mut stuck = stuck.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut out = stuck.stdout.take().unwrap();
    let mut first = [0; 1];
    out.read_exact(&mut first).unwrap();
    for _ in 0..20 {
        assert_eq!(finish(&mut master.ssh(&["echo beside"]), b"").success(), "beside");
    }
    let mut rest = Vec::new();
    out.read_to_end(&mut rest).unwrap();
    assert_eq!((rest.len(), stuck.wait().unwrap().code()), (29_999_999, Some(0)));
}

#[test]
fn a_program_that_does_not_read_stops_its_own_session_and_no_other() {
    let server = Server::start();
    let master = Master::new(&server, 0);
    let mut command = master.ssh(&["read line </dev/null; sleep 100 & echo $!=; wait; cat | wc -c"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let writer = thread::spawn(move || input.write_all(&vec![b'x'; 20_000_000]));
    let mut out = child.stdout.take().unwrap();
    let mut number = Vec::new();
    while !number.ends_with(b"=") {
        let mut byte = [0];
        out.read_exact(&mut byte).unwrap();
        number.push(byte[0]);
    }
    for _ in 0..20 {
        assert_eq!(finish(&mut master.ssh(&["echo beside"]), b"").success(), "beside");
    }
    let sleeper: u32 = String::from_utf8_lossy(&number).trim_end_matches('=').parse().unwrap();
    crate::harness::kill("TERM", sleeper);
    let mut count = String::new();
    out.read_to_string(&mut count).unwrap();
    writer.join().unwrap().unwrap();
    assert_eq!(count.trim(), "20000000");
    child.wait().unwrap();
}

#[test]
fn many_small_exchanges_over_one_session_are_answered_at_once() {
    let server = Server::start();
    let mut talk = Talk::start(&mut server.ssh(&["cat"]));
    let began = std::time::Instant::now();
    for round in 0..500 {
        let line = format!("{round}\n");
        talk.send(&line);
        assert_eq!(talk.take(line.len()), line.as_bytes());
    }
    // Forty milliseconds each, as a delayed acknowledgement costs, would be twenty seconds.
    assert!(began.elapsed().as_secs() < 8, "{:?}", began.elapsed());
}

//! Times what the protocol is made of, one by one: `tools/bench primitives` builds and runs it, and puts `openssl speed` of
//! the same machine beside.
//!
//! ```text
//! bench-primitives [--quick] [OPENSSL]     the table in Markdown; OPENSSL is the program to compare with
//! ```

use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, Instant};

use crypto::{
    CIPHERS, COMPRESSIONS, CipherAlg, Deflater, Group, KEX, KexAlg, MACS, MacAlg, OpeningKey, SealingKey,
    SeededRng,
};
use keys::{Curve, KeyFile, NewKey, PrivateKey, SignatureAlg, verify};
use nacre_bench::machine;

/// The sizes of packets in the table.
const SIZES: [usize; 3] = [64, 1024, 32 * 1024];

/// A cipher that wants a MAC, for the rows of MACs.
const PLAIN: &str = "aes128-ctr";

/// An RSA key of 3072 bits, which no program here makes; good for nothing but this.
const RSA: &str = include_str!("../../data/rsa3072");

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let quick = args.iter().any(|arg| arg == "--quick");
    let openssl = args.iter().find(|arg| !arg.starts_with("--"));
    let clock = Clock { time: Duration::from_millis(if quick { 30 } else { 300 }) };
    for (name, value) in machine::facts() {
        println!("{name:<8} {value}");
    }
    exchanges(clock);
    signatures(clock);
    packets(clock);
    compressions(clock);
    if let Some(openssl) = openssl {
        compare(openssl);
    }
}

/// How long each thing is repeated.
#[derive(Clone, Copy)]
struct Clock {
    time: Duration,
}

impl Clock {
    /// Nanoseconds that one call takes: the best of five parts of the time.
    fn nanoseconds(self, mut work: impl FnMut()) -> f64 {
        work();
        let mut best = f64::INFINITY;
        for _ in 0..5 {
            let (started, mut count) = (Instant::now(), 0_u32);
            while started.elapsed() < self.time / 5 || count == 0 {
                work();
                count += 1;
            }
            best = best.min(started.elapsed().as_secs_f64() * 1e9 / f64::from(count));
        }
        best
    }

    /// Megabytes a second where one call is about so many bytes.
    fn speed(self, bytes: usize, work: impl FnMut()) -> String {
        format!("{:.0}", bytes as f64 * 1e3 / self.nanoseconds(work))
    }

    fn microseconds(self, work: impl FnMut()) -> String {
        format!("{:.1}", self.nanoseconds(work) / 1e3)
    }
}

fn exchanges(clock: Clock) {
    println!("\n| key exchange, µs | start | respond | complete |\n|---|---|---|---|");
    let group = Group::well_known(4096).expect("a well-known group");
    for row in KEX {
        let mut rng = SeededRng::new(1);
        let mut start = || ephemeral(row, &group, &mut rng);
        let started = clock.microseconds(|| drop(black_box(start())));
        let client = start();
        let mut rng = SeededRng::new(2);
        let mut respond = || {
            let public = client.public();
            if row.chooses_group() {
                row.respond_in(&mut rng, &group, public).expect("a good public value")
            } else {
                row.respond(&mut rng, public).expect("a good public value")
            }
        };
        let responded = clock.microseconds(|| drop(black_box(respond())));
        let response = respond();
        // One that is completed is gone, so a start is in each, and is taken off.
        let mut rng = SeededRng::new(1);
        let both = clock.nanoseconds(|| {
            let client = ephemeral(row, &group, &mut rng);
            // A key that is not this one's fails where there is something to fail, after the same work.
            drop(black_box(client.complete(&response.public)));
        });
        let completed = both / 1e3 - started.parse::<f64>().unwrap_or(0.0);
        let name = row.name;
        println!("| {name} | {started} | {responded} | {:.1} |", completed.max(0.0));
    }
}

fn ephemeral(row: &'static KexAlg, group: &Group, rng: &mut SeededRng) -> crypto::Ephemeral {
    let started = if row.chooses_group() { row.start_in(rng, group) } else { row.start(rng) };
    started.expect("seeded")
}

fn signatures(clock: Clock) {
    println!("\n| signature, µs | sign | verify |\n|---|---|---|");
    let mut rng = SeededRng::new(1);
    let mut made = |kind| PrivateKey::generate_of(kind, &mut rng).expect("seeded");
    let keys = [
        made(NewKey::Ed25519),
        made(NewKey::Ecdsa(Curve::NistP256)),
        made(NewKey::Ecdsa(Curve::NistP384)),
        made(NewKey::Ecdsa(Curve::NistP521)),
        KeyFile::parse(RSA.as_bytes()).expect("a good file").key,
        made(NewKey::MlDsa44Ed25519),
    ];
    for key in &keys {
        let rows: Vec<&SignatureAlg> = key.algorithms().filter(|row| row.name != "ssh-rsa").collect();
        let blob = key.public().blob();
        for row in rows {
            let sign = || key.sign(row, b"data of a session").expect("its own algorithm");
            let signed = clock.microseconds(|| drop(black_box(sign())));
            let signature = sign();
            let verified = clock.microseconds(|| {
                assert!(verify(row, &blob, b"data of a session", &signature).is_ok(), "a good signature");
            });
            println!("| {} {} | {signed} | {verified} |", row.name, key.public().bits());
        }
    }
}

fn packets(clock: Clock) {
    let head: String = SIZES.iter().map(|size| format!(" seal {size} | open {size} |")).collect();
    println!("\n| cipher and MAC, MB/s |{head}\n|---|{}", "---|---|".repeat(SIZES.len()));
    let plain = CIPHERS.iter().find(|row| row.name == PLAIN).expect("a row");
    let hmac = MACS.iter().find(|row| row.name == "hmac-sha2-256-etm@openssh.com").expect("a row");
    let ciphers = CIPHERS.iter().map(|row| (row, (!row.aead).then_some(hmac)));
    for (cipher, mac) in ciphers.chain(MACS.iter().map(|mac| (plain, Some(mac)))) {
        let name = mac.map_or(cipher.name.to_owned(), |mac| format!("{} {}", cipher.name, mac.name));
        let cells: String = SIZES.iter().map(|size| packet(clock, cipher, mac, *size)).collect();
        println!("| {name} |{cells}");
    }
}

/// The cells of sealing and of opening packets of a size.
fn packet(clock: Clock, cipher: &'static CipherAlg, mac: Option<&'static MacAlg>, size: usize) -> String {
    let zeros = [0; 64];
    let part = |length: usize| &zeros[..length];
    let mac_key = part(mac.map_or(0, |mac| mac.key_len));
    let (iv, key) = (part(cipher.iv_len), part(cipher.key_len));
    let mut sealing = SealingKey::new(cipher, mac, iv, key, mac_key).expect("lengths of the rows");
    let outside = if sealing.length_outside_blocks() { 4 } else { 0 };
    let text = outside + size.next_multiple_of(sealing.block_len());
    let mut packet = vec![0; text + sealing.tag_len()];
    packet[..4].copy_from_slice(&u32::try_from(text - 4).expect("small").to_be_bytes());
    packet[4] = 4;
    let good = packet.clone();
    let mut seq = 0_u32;
    let mut seal = |packet: &mut Vec<u8>| {
        packet.copy_from_slice(&good);
        sealing.seal(seq, packet).expect("a packet of whole blocks");
        seq = seq.wrapping_add(1);
    };
    let sealed = clock.speed(size, || seal(&mut packet));
    // What is opened was sealed right before, by a key as old: the time of that is taken off.
    let mut sealing = SealingKey::new(cipher, mac, iv, key, mac_key).expect("lengths of the rows");
    let mut opening = OpeningKey::new(cipher, mac, iv, key, mac_key).expect("lengths of the rows");
    let prefix = opening.prefix_len();
    let (mut at, mut total) = (0_u32, Duration::ZERO);
    let mut count = 0_u32;
    let began = Instant::now();
    while began.elapsed() < clock.time || count == 0 {
        packet.copy_from_slice(&good);
        sealing.seal(at, &mut packet).expect("a packet of whole blocks");
        let started = Instant::now();
        opening.length(at, &mut packet[..prefix]).expect("a good length");
        opening.open(at, &mut packet).expect("a good packet");
        total += started.elapsed();
        at = at.wrapping_add(1);
        count += 1;
    }
    let opened = size as f64 * f64::from(count) / total.as_secs_f64() / 1e6;
    format!(" {sealed} | {opened:.0} |")
}

fn compressions(clock: Clock) {
    let head: String = SIZES.iter().map(|size| format!(" deflate {size} | inflate {size} |")).collect();
    println!("\n| compression, MB/s |{head}\n|---|{}", "---|---|".repeat(SIZES.len()));
    for row in COMPRESSIONS.iter().filter(|row| row.name != "none") {
        let cells: String = SIZES
            .iter()
            .map(|size| {
                let mut deflater = row.deflater().expect("it compresses");
                let mut inflater = row.inflater().expect("it compresses");
                let text: Vec<u8> = b"-rw-r--r-- 1 user group 4096 "
                    .iter()
                    .cycle()
                    .zip(0_u32..)
                    .map(|(byte, at)| {
                        byte ^ (u8::from(at % 7 == 0) * (at.wrapping_mul(2_654_435_761) >> 29) as u8)
                    })
                    .take(*size)
                    .collect();
                let mut room = vec![0; Deflater::room_for(*size)];
                let mut payload = Vec::new().into();
                let (mut deflating, mut inflating, mut count) = (Duration::ZERO, Duration::ZERO, 0_u32);
                let began = Instant::now();
                while began.elapsed() < clock.time || count == 0 {
                    let started = Instant::now();
                    let length = deflater.deflate(&text, &mut room).expect("room enough");
                    deflating += started.elapsed();
                    let started = Instant::now();
                    inflater.inflate(&room[..length], &mut payload, *size).expect("our own");
                    inflating += started.elapsed();
                    count += 1;
                }
                let speed = |time: Duration| *size as f64 * f64::from(count) / time.as_secs_f64() / 1e6;
                format!(" {:.0} | {:.0} |", speed(deflating), speed(inflating))
            })
            .collect();
        println!("| {} |{cells}", row.name);
    }
}

/// What `openssl speed` says of the same, in its own words.
fn compare(openssl: &str) {
    println!("\n`openssl speed -seconds 1`:\n\n```text");
    let runs: [&[&str]; 7] = [
        &["-bytes", "32768", "-evp", "aes-128-gcm"],
        &["-bytes", "32768", "-evp", "chacha20-poly1305"],
        &["-bytes", "32768", "-evp", "aes-128-ctr"],
        &["-bytes", "32768", "-hmac", "sha256"],
        &["ecdhx25519", "ecdhp256", "ecdhp384", "ecdhp521"],
        &["ed25519", "ecdsap256", "ecdsap384", "ecdsap521"],
        &["rsa3072"],
    ];
    for run in runs {
        let mut command = Command::new(openssl);
        let output = command.args(["speed", "-seconds", "1"]).args(run).output().expect("openssl runs");
        let text = String::from_utf8_lossy(&output.stdout);
        // After its version and how it was built.
        let figures = text.lines().skip_while(|line| !line.starts_with("CPUINFO")).skip(1);
        for line in figures.filter(|line| !line.starts_with("The 'numbers'")) {
            println!("{line}");
        }
    }
    println!("```");
}

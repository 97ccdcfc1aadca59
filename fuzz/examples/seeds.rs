//! Writes the seeds: `cargo run --manifest-path fuzz/Cargo.toml --example seeds`, from anywhere.

use std::path::{Path, PathBuf};

use crypto::SeededRng;
use keys::{KeyFile, KeyLine, PrivateKey, SignatureAlg};
use nacre_fuzz::Treatment::{AfterWaiting, Damaged, Framed, Raw};
use nacre_fuzz::{Suite, host_key, name, payload, suites, write_input};
use userauth::message as auth;
use wire::{Bytes, Human, NameList, Rest, Role, Sensitive, Text};

/// Most bytes of one seed.
const SEED_MAX: usize = 2048;

fn put(target: &str, seed: &str, bytes: &[u8]) {
    assert!(bytes.len() <= SEED_MAX, "{target}/{seed} is large");
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join(seed), bytes).expect("a file");
}

/// The messages by which a client asks for the service and tries every method.
struct Requests {
    service: Vec<u8>,
    none: Vec<u8>,
    offer: Vec<u8>,
    proof: Vec<u8>,
    password: Vec<u8>,
    interactive: Vec<u8>,
    responses: Vec<u8>,
}

fn requests() -> Requests {
    let (user, service) = (Text::new("alice").expect("a text"), name("ssh-connection"));
    let blob = host_key().public().blob();
    let (algorithm, key, method) = (name("null"), Bytes(&blob), name("publickey"));
    let signature = nacre_fuzz::null_signature();
    Requests {
        service: payload(&auth::ServiceRequest { service: name("ssh-userauth") }),
        none: payload(&auth::NoneRequest { user, service, method: name("none") }),
        offer: payload(&auth::KeyOffer { user, service, method, signed: false, algorithm, key }),
        proof: payload(&auth::KeyProof {
            user,
            service,
            method,
            signed: true,
            algorithm,
            key,
            signature: Bytes(&signature),
        }),
        password: payload(&auth::PasswordRequest {
            user,
            service,
            method: name("password"),
            change: false,
            password: Sensitive(b"secret"),
        }),
        interactive: payload(&auth::InteractiveRequest {
            user,
            service,
            method: name("keyboard-interactive"),
            language: Human(b""),
            submethods: Text::new("").expect("a text"),
        }),
        responses: payload(&auth::InfoResponse {
            count: 1,
            responses: auth::MethodFields(&[0, 0, 0, 1, b'r']),
        }),
    }
}

/// A session of the peer: open, request, data both ways, end. `id` is the number that the side under test has given.
fn session(id: u32) -> Vec<Vec<u8>> {
    use connection::message as m;
    let request = |request, want_reply, data| {
        payload(&m::ChannelRequestFrame { recipient: id, name: name(request), want_reply, data: Rest(data) })
    };
    vec![
        payload(&m::ChannelOpen {
            kind: name("session"),
            sender: 7,
            window: 4096,
            max_packet: 256,
            data: Rest(&[]),
        }),
        request("exec", true, &[0, 0, 0, 2, b'i', b'd']),
        request("window-change", false, &[0; 16]),
        payload(&m::ChannelData { recipient: id, data: Bytes(b"to the program") }),
        payload(&m::ChannelWindowAdjust { recipient: id, bytes: 4096 }),
        payload(&m::GlobalRequestFrame {
            name: name("keepalive@openssh.com"),
            want_reply: true,
            data: Rest(&[]),
        }),
        payload(&m::ChannelEof { recipient: id }),
        payload(&m::ChannelClose { recipient: id }),
    ]
}

fn packets() {
    let asked = requests();
    let login = [&asked.service, &asked.none];
    let mut talk: Vec<Vec<u8>> = login.into_iter().cloned().collect();
    talk.extend(session(0));
    let framed = |payloads: &[Vec<u8>]| -> Vec<u8> {
        let records: Vec<_> = payloads.iter().map(|payload| (Framed, &payload[..])).collect();
        // `none` is enough, every question is answered with yes, data is sent back.
        write_input(1, &[1, 0, 1, 0, 1, 2, 0, 0, 2, 0, 5], &records)
    };
    put("packets_server", "session", &framed(&talk));

    let kexinit = Suite::NULL.kexinit(Role::Client);
    let real = Suite::NULL.kexinit_with("curve25519-sha256,kex-strict-c-v00@openssh.com", "ssh-ed25519");
    let mut init = vec![30];
    wire::put_string(&mut init, &[9; 32]);
    let ident: &[u8] = b"SSH-2.0-seed\r\n";
    let exchange = [(Raw, ident), (Framed, &kexinit), (Framed, &[30, 0, 0, 0, 0]), (Framed, &[21])];
    put("packets_server", "exchange", &write_input(0, &[], &exchange));
    let exchange = [(Raw, ident), (Framed, &real[..]), (Framed, &init), (Framed, &[21])];
    put("packets_server", "real_exchange", &write_input(4, &[], &exchange));

    let every = [
        (Framed, &asked.service[..]),
        (Framed, &asked.none),
        (Framed, &asked.offer),
        (Framed, &asked.proof),
        (AfterWaiting, &asked.password),
        (AfterWaiting, &asked.interactive),
        (Framed, &asked.responses),
    ];
    put("preauth_server", "every_method", &write_input(1, &[0, 1, 0, 0, 0x13, 1], &every));
    put("preauth_server", "key", &write_input(1, &[1, 1], &[every[0], every[2], every[3]]));
    let exchange = [(Raw, ident), (Framed, &kexinit), (Framed, &[30, 0, 0, 0, 0]), (Framed, &[21]), every[0]];
    put("preauth_server", "exchange", &write_input(0, &[], &exchange));

    for (at, suite) in suites().iter().enumerate() {
        let flags = u8::try_from(at).expect("few suites");
        let records = [(Framed, &talk[0][..]), (Framed, &talk[1]), (Framed, &talk[2]), (Damaged, &talk[3])];
        let seed = format!("{}_{}", suite.cipher.name, suite.mac.map_or("aead", |mac| mac.name));
        put("packets_real", &seed.replace('@', "_"), &write_input(flags, &[1, 0, 1], &records));
    }
    let accept = payload(&auth::ServiceAccept { service: name("ssh-userauth") });
    let remaining = NameList::new("publickey,password,keyboard-interactive").expect("names");
    let failure = payload(&auth::Failure { remaining, partial_success: false });
    let banner = payload(&auth::Banner { text: Human(b"hello"), language: Human(b"") });
    let confirm = payload(&connection::message::ChannelOpenConfirmation {
        recipient: 0,
        sender: 3,
        window: 4096,
        max_packet: 256,
        data: Rest(&[]),
    });
    let served = [
        (Framed, &accept[..]),
        (Framed, &banner),
        (Framed, &failure),
        (Framed, &[52]),
        (Framed, &confirm),
        (Framed, &talk[5]),
    ];
    // `none`, a password, then a session that sends.
    put("packets_client", "login", &write_input(1, &[0, 3, 0, 0x40, 2, 0, 10], &served));
    put("packets_real", "client", &write_input(0x80, &[0, 3, 0, 0x40, 2, 0, 10], &served));
    let kexinit = Suite::NULL.kexinit(Role::Server);
    let greeted: &[u8] = b"a line before\r\nSSH-2.0-seed\r\n";
    put("packets_client", "greeting", &write_input(0, &[], &[(Raw, greeted), (Framed, &kexinit)]));
}

fn identification() {
    for (seed, lines) in [
        ("openssh", &b"SSH-2.0-OpenSSH_10.0p1 Debian-7\r\n"[..]),
        ("bare_lf", b"SSH-1.99-old\n"),
        ("greeting", b"Welcome\r\nto this host\nSSH-2.0-x\r\n"),
        ("http", b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"),
    ] {
        for (role, flags) in [("server", 0), ("client", 1)] {
            put("identification", &format!("{seed}_{role}"), &[&[flags, 1, 5], lines].concat());
        }
    }
}

fn messages() {
    let asked = requests();
    for (seed, message) in [
        ("kexinit", Suite::NULL.kexinit(Role::Client)),
        ("none", asked.none),
        ("proof", asked.proof),
        ("password", asked.password),
        ("open", session(0).swap_remove(0)),
        ("exec", session(0).swap_remove(1)),
    ] {
        put("wire_types", seed, &[&[0], &message[..]].concat());
    }
    for (seed, suite) in [("null", &Suite::NULL), ("real", &suites()[0])] {
        let message = suite.kexinit_with("curve25519-sha256,null", "ssh-ed25519,null");
        put("kexinit", seed, &[&[0x20; 48], &message[..]].concat());
    }
}

fn key_files() {
    let key = PrivateKey::from_seed(&[3; 32]);
    let public = key.public();
    put("keys", "blob", &[&[0], &public.blob()[..]].concat());
    let line = KeyLine::new(public, b"alice@example.org").expect("a line").to_vec();
    put("keys", "line", &[&[1], &line[..]].concat());
    let signature =
        host_key().sign(SignatureAlg::by_name("ssh-ed25519").unwrap(), b"data").expect("a key of that type");
    put("keys", "signature", &[&[4], &signature[..]].concat());
    let file = KeyFile { key, comment: b"alice@example.org".to_vec() };
    let text = file.write(&mut SeededRng::new(1)).expect("a small file");
    put("keys", "file", &[&[2], text.expose()].concat());
    // The same without its armour.
    let mut document = b"\x03openssh-key-v1\0".to_vec();
    for string in [&b"none"[..], b"none", b""] {
        wire::put_string(&mut document, string);
    }
    wire::put_u32(&mut document, 1);
    wire::put_string(&mut document, &file.key.public().blob());
    let mut section = vec![1; 8];
    let point = &file.key.public().blob()[19..];
    wire::put_string(&mut section, b"ssh-ed25519");
    wire::put_string(&mut section, point);
    wire::put_string(&mut section, &[&[3; 32], point].concat());
    wire::put_string(&mut section, b"c");
    section.extend((1..=8).take(8 - section.len() % 8));
    wire::put_string(&mut document, &section);
    put("keys", "document", &document);
}

fn authorized_keys() {
    let key = KeyLine::new(PrivateKey::from_seed(&[3; 32]).public(), b"alice@example.org").expect("a line");
    let key = String::from_utf8(key.to_vec()).expect("a text");
    // A type that nobody knows: "ssh-x", and four bytes.
    let other = "ssh-x AAAABXNzaC14AAAAAQA=";
    let file = format!("# keys\n\n{key}\r\nno-pty,X11-forwarding {key}\nbad\n{other} b\nfrom=\"*\" {key}");
    put("authorized_keys", "file", &[&[0], file.as_bytes()].concat());
    for (seed, options) in [
        ("permissions", "no-port-forwarding,NO-PTY,agent-forwarding,user-rc,no-x11-forwarding"),
        ("command", "restrict,command=\"echo \\\"a b\\\", c\",pty"),
        ("not_enforced", "restrict,permitopen=\"[::1]:22\",expiry-time=\"20991231Z\""),
    ] {
        put("authorized_keys", seed, &[&[1], options.as_bytes()].concat());
    }
}

fn exchanges() {
    for (suite, byte) in [("null_exchange", 0), ("null", 6), ("real", 7)] {
        for (attack, kind) in [("nothing", 7), ("xor", 0), ("drop", 3), ("swap", 5)] {
            // Cipher, direction and rekeying, which packet, what, and with which bytes.
            put("live_exchange", &format!("{suite}_{attack}"), &[byte, 1, 6, 4, kind, 9, 0, 1]);
        }
    }
}

/// Requests for files, directories and everything else, with a disk that is slow at every second one.
fn sftp() {
    let string = |bytes: &[u8]| [&[0, 0, 0, u8::try_from(bytes.len()).expect("short")], bytes].concat();
    let (handle, offset) = (string(&[0; 8]), [0; 8]);
    let request = |number: u8, fields: &[&[u8]]| [&[number, 0, 0, 0, number][..], &fields.concat()].concat();
    let extended = |name: &str, fields: &[&[u8]]| request(200, &[&string(name.as_bytes()), &fields.concat()]);
    let open = |path: &[u8], flags: u8| request(3, &[&string(path), &[0, 0, 0, flags], &[0; 4]]);
    let seed = |name: &str, requests: &[Vec<u8>]| {
        let mut bytes = [&[0xaa; 8][..], &[6, 255, 1, 2, 3, 9, 0]].concat();
        for request in requests {
            bytes.push(u8::try_from(request.len()).expect("short"));
            bytes.extend_from_slice(request);
        }
        put("sftp", name, &bytes);
    };
    let second = string(&[0, 0, 0, 1, 0, 0, 0, 1]);
    seed(
        "file",
        &[
            open(b"a", 0x0b),
            request(6, &[&handle, &offset, &string(b"written")]),
            request(5, &[&handle, &offset, &[0, 0, 0, 9]]),
            request(5, &[&handle, &[0, 0, 0, 0, 0, 0, 0, 5], &[0, 4, 0, 0]]),
            request(8, &[&handle]),
            request(10, &[&handle, &[0, 0, 0, 1], &[0, 0, 0, 0, 0, 0, 0, 3]]),
            open(b"new", 0x1b),
            extended("copy-data", &[&handle, &offset, &offset, &second, &offset]),
            extended("fsync@openssh.com", &[&second]),
            extended("fstatvfs@openssh.com", &[&second]),
            request(4, &[&handle]),
            request(4, &[&second]),
        ],
    );
    seed(
        "directory",
        &[
            request(14, &[&string(b"made"), &[0; 4]]),
            request(11, &[&string(b".")]),
            request(12, &[&handle]),
            request(12, &[&handle]),
            request(4, &[&handle]),
            request(15, &[&string(b"made")]),
            request(13, &[&string(b"a")]),
        ],
    );
    seed(
        "names",
        &[
            request(20, &[&string(b"d/c"), &string(b"link")]),
            request(19, &[&string(b"link")]),
            request(17, &[&string(b"link")]),
            request(7, &[&string(b"link")]),
            request(16, &[&string(b"d/../link")]),
            request(18, &[&string(b"a"), &string(b"new")]),
            request(9, &[&string(b"new"), &[0, 0, 0, 4], &[0, 0, 1, 0x80]]),
            extended("posix-rename@openssh.com", &[&string(b"new"), &string(b"d/c")]),
            extended("hardlink@openssh.com", &[&string(b"d/c"), &string(b"a")]),
            extended("lsetstat@openssh.com", &[&string(b"a"), &[0; 4]]),
            extended("statvfs@openssh.com", &[&string(b"/")]),
            extended("expand-path@openssh.com", &[&string(b"~/a")]),
            extended("home-directory", &[&string(b"")]),
            extended("users-groups-by-id@openssh.com", &[&string(&[0; 4]), &string(&[0; 4])]),
            extended("limits@openssh.com", &[]),
        ],
    );
}

/// What forwarding reads.
fn forwarding() {
    let string = |bytes: &[u8]| [&[0, 0, 0, u8::try_from(bytes.len()).expect("short")], bytes].concat();
    let seed = |name: &str, what: u8, bytes: &[&[u8]]| {
        put("forwarding", name, &[&[what][..], &bytes.concat()].concat());
    };
    let (host, port) = (string(b"localhost"), [0, 0, 0x1f, 0x90]);
    seed("connect", 0, &[&[9, 0, 0, 0, 1], &host, &port, &string(b"::1"), &port]);
    seed("listen", 0, &[&[11, 0, 0, 0, 1], &host, &port]);
    seed("display", 0, &[&[16, 0, 0, 0, 1, 0], &string(b"MIT-MAGIC-COOKIE-1"), &string(b"00ff"), &[0; 4]]);
    seed("incoming", 0, &[&[26], &host, &port, &string(b"192.0.2.1"), &port]);
    for which in [0, 8, 15, 24] {
        seed(&format!("value_{which}"), 1, &[&[which], &[7; 64]]);
    }
    // Ten sessions, a terminal and forwarding; no lists but of one place to connect to.
    let place = [&[0, 0, 0, 1, 1][..], &host, &[1], &port].concat();
    let places = string(&string(&place));
    let permit =
        [&[0, 0, 0, 10, 1, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1][..], &string(b""), &string(b""), &string(b"")];
    let lists =
        [&string(b"")[..], &string(b""), &string(b""), &places, &string(b""), &[0; 4], &[0, 0, 0, 0o177]];
    seed("permit", 2, &[&permit.concat(), &lists.concat(), &[0, 0, 0, 10, 1], &string(b"/usr/bin/xauth")]);
    seed("cookie", 3, &[b"MIT-MAGIC-COOKIE-1"]);
    seed("timeouts", 4, &[b"session:*=1m direct-tcpip=2h30m agent-connection=1.5 global=0 \"a,b=3\""]);
    for (at, place) in ["[::1]:22", "*:*", "host.example:*", "8080"].iter().enumerate() {
        seed(&format!("place_{at}"), 5, &[place.as_bytes()]);
    }
    let files: [(&str, u8, &[u8]); 3] = [
        ("hosts", 0, b"127.0.0.1 localhost a # b\n::1 localhost\n\nfe80::1%3 A a\n"),
        ("getent", 1, b"2001:db8::1     STREAM a.example\n192.0.2.1       DGRAM\n"),
        (
            "resolv",
            2,
            b"# none\nnameserver 192.0.2.1\nsearch a.example b\noptions ndots:2 timeout:3 attempts:1\n",
        ),
    ];
    for (name, what, file) in files {
        seed(name, 6, &[&[what], b"a\n", file]);
    }
    for (at, address) in ["127.1", "0x7f000001", "::ffff:192.0.2.1", "fe80::1%3", "010.1"].iter().enumerate()
    {
        seed(&format!("address_{at}"), 6, &[&[1], address.as_bytes()]);
    }
    // An alias by a pointer into the question, then its address, of either kind.
    let alias = [&[0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 9, 0, 4, 1, b'b', 0xc0, 14][..], &[0xc0, 37]].concat();
    seed(
        "answer_4",
        6,
        &[&[3], b"a.example\n", &[2 << 2], &alias, &[0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 1]],
    );
    seed(
        "answer_6",
        6,
        &[&[3], b"a\n", &[1 | 1 << 2], &[0xc0, 12, 0, 28, 0, 1, 0, 0, 0, 9, 0, 16], &[1; 16]],
    );
    let whole = [0, 7, 0x81, 0x83, 0, 1, 0, 0, 0, 0, 0, 0, 1, b'a', 0, 0, 1, 0, 1];
    seed("answer_none", 6, &[&[3], b"a\n", &[2], &whole]);
}

/// A file of a crate's tests.
fn fixture(path: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates").join(path);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The parts of a file of the tests of keys, by the words after their `##`.
fn parts(path: &str) -> Vec<(String, Vec<u8>)> {
    let text = String::from_utf8(fixture(path)).expect("a text");
    let part = |part: &str| {
        let (title, body) = part.split_once('\n').unwrap_or((part, ""));
        (title.trim().replace(' ', "_"), body.as_bytes().to_vec())
    };
    text.split("## ").filter(|text| !text.is_empty()).map(part).collect()
}

/// The same, but what is longer than a seed may be is left out.
fn put_short(target: &str, seed: &str, bytes: &[u8]) {
    if bytes.len() <= SEED_MAX {
        put(target, seed, bytes);
    }
}

/// What the tests of keys and of their files read: real files of OpenSSH's programs.
fn files_of_keys() {
    for (name, line) in parts("keys/tests/data/certificates.txt") {
        let first = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let Ok(line) = keys::IdentityLine::parse(first) else { continue };
        put_short("certificate", &name, &line.identity().blob());
    }
    let forms = ["openssh-none", "openssh-default", "openssh-chacha20-poly1305", "pem", "rfc4716"];
    for form in forms {
        for (name, file) in parts(&format!("keys/tests/data/{form}.txt")).into_iter().take(8) {
            put_short("key_files", &format!("{form}_{name}"), &file);
        }
    }
    for name in ["authority", "keys", "merged", "serials"] {
        put_short("krl", name, &fixture(&format!("keyfiles/tests/data/krl/{name}.krl")));
    }
    put_short("krl", "plain", &fixture("keyfiles/tests/data/krl/plain.keys"));
    for name in ["ecdsa", "ed25519", "ed25519-cert", "rsa"] {
        let file = fixture(&format!("keyfiles/tests/data/sshsig/{name}.sig"));
        put_short("sshsig", name, &[&[0][..], &file].concat());
    }
    let key = host_key().public();
    let signer =
        format!("alice@example.org,*@example.com namespaces=\"file,git\",valid-before=\"20991231\" {key}\n");
    put("sshsig", "allowed", &[&[2], signer.as_bytes()].concat());
    for name in ["plain", "hashed"] {
        put_short(
            "known_hosts",
            name,
            &[&[0], &fixture(&format!("keyfiles/tests/data/known_hosts/{name}"))[..]].concat(),
        );
    }
    let marked =
        format!("@cert-authority *.example.org {key}\n@revoked * {key}\n!a,[b]:22,192.0.2.? {key} c\n");
    put("known_hosts", "marked", &[&[3], marked.as_bytes()].concat());
    // Answers of an agent: none, done, two keys, a signature.
    let string =
        |bytes: &[u8]| [&u32::try_from(bytes.len()).expect("short").to_be_bytes()[..], bytes].concat();
    let identities =
        [&[12, 0, 0, 0, 2][..], &string(&key.blob()), &string(b"c"), &string(b"x"), &string(b"")].concat();
    let signed =
        host_key().sign(SignatureAlg::by_name("ssh-ed25519").unwrap(), b"data").expect("a key of that type");
    let answers = [&[5][..], &[6], &identities, &[&[14][..], &string(&signed)].concat()].map(string);
    put("agent_client", "mixed", &[&[0b0000_1010, 7][..], &answers.concat()].concat());
    put("agent_client", "identities", &[&[0, 200][..], &answers[2].repeat(3)].concat());
    put("agent_client", "signature", &[&[1, 3][..], &answers[3]].concat());
    let prime = "F".repeat(512);
    let line = format!(
        "20250101000000 2 6 100 2047 2 {prime}\n# a comment\n20250101000000 2 6 100 3071 5 {prime}F\n"
    );
    put("moduli", "two_lines", &[&[32, 48, 128], line.as_bytes()].concat());
    let row = crypto::COMPRESSIONS.iter().find(|row| row.name != "none").expect("a row that compresses");
    let mut deflater = row.deflater().expect("it compresses");
    let (mut room, mut stream) = ([0; 1000], Vec::new());
    for payload in [&b"hello hello hello"[..], &[0; 300], b"the end"] {
        let length = deflater.deflate(payload, &mut room).expect("room enough");
        stream.extend_from_slice(&room[..length]);
    }
    put("inflate", "packets", &[&[254][..], &stream].concat());
    put("inflate", "ours", &[&[21][..], line.as_bytes()].concat());
    for (number, row) in keys::SIGNATURES.iter().enumerate().filter(|(_, row)| !row.certificate) {
        let number = u8::try_from(number).expect("few rows");
        if row.name == "ssh-ed25519" {
            // The blob is padded to where it is cut, so that it is none: a fuzzer has to find that.
            put("signatures", "ed25519", &[&[number, 13][..], &key.blob(), &[0], &signed].concat());
        }
        put("signatures", row.name, &[&[number, 0, 0, 30, 1][..]].concat());
    }
}

fn main() {
    packets();
    identification();
    messages();
    key_files();
    files_of_keys();
    authorized_keys();
    exchanges();
    sftp();
    forwarding();
    // Values of `Arbitrary` have no written form: the targets that take them start from noise that leads deep.
    for target in ["userauth_server", "userauth_client", "connection_operations", "channel_descriptors"] {
        for seed in 0..4u64 {
            let mut noise = vec![0; 256 << seed.min(2)];
            crypto::Rng::fill(&mut SeededRng::new(seed), &mut noise).expect("seeded");
            put(target, &format!("noise_{seed}"), &noise);
        }
    }
}

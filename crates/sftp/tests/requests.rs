//! What requests are answered with. The answers are those that OpenSSH 10.6's server gave to the same requests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod support;

use nacre_sftp::{Attributes, Error, Level, Memory, ReadOnly, RequestKind, Server, Settings, limits};
use support::{A, Client, Q, Reply, S, U, init, nothing, packet, replies, request, status};

const READ: u32 = 1;
const WRITE: u32 = 2;
const CREATE: u32 = 8;
const TRUNCATE: u32 = 16;
const EXCLUSIVE: u32 = 32;

fn tree() -> Memory {
    let files = Memory::new();
    files.insert("/f", "hello").unwrap();
    files.insert("/d/inside", "x").unwrap();
    files
}

fn settings(level: Level) -> Settings {
    Settings { log: level, ..Settings::default() }
}

#[test]
fn the_version_tells_the_extensions_in_openssh_s_order() {
    let (mut server, mut output) = (Server::new(tree(), Settings::default()), Vec::new());
    server.respond(&init(), &mut output).unwrap();
    let [(3, Reply::Version(3, pairs))] = &replies(&output)[..] else { panic!("{output:?}") };
    let expected = [
        ("posix-rename@openssh.com", "1"),
        ("statvfs@openssh.com", "2"),
        ("fstatvfs@openssh.com", "2"),
        ("hardlink@openssh.com", "1"),
        ("fsync@openssh.com", "1"),
        ("lsetstat@openssh.com", "1"),
        ("limits@openssh.com", "1"),
        ("expand-path@openssh.com", "1"),
        ("copy-data", "1"),
        ("home-directory", "1"),
        ("users-groups-by-id@openssh.com", "1"),
    ];
    assert_eq!(*pairs, expected.map(|(name, version)| (name.to_owned(), version.to_owned())));
}

#[test]
fn files_are_read_up_to_their_end_and_written() {
    let files = tree();
    let mut client = Client::new(files.clone());
    let handle = client.open("f", READ | WRITE);
    assert_eq!(client.ask(5, &[S(&handle), Q(0), U(10)]), Reply::Data(b"hello".to_vec()));
    assert_eq!(client.ask(5, &[S(&handle), Q(2), U(1 << 31)]), Reply::Data(b"llo".to_vec()));
    assert_eq!(client.ask(5, &[S(&handle), Q(5), U(10)]), Reply::Status(1, "End of file".into()));
    assert_eq!(client.ask(5, &[S(&handle), Q(5), U(0)]), Reply::Data(Vec::new()));
    for length in [0, 10] {
        assert_eq!(client.code(5, &[S(&handle), Q(1 << 63), U(length)]), 5);
    }
    assert_eq!(client.code(6, &[S(&handle), Q(7), S(b"!")]), 0);
    assert_eq!(client.code(4, &[S(&handle)]), 0);
    assert_eq!(files.content("/f").unwrap(), b"hello\0\0!");
}

#[test]
fn a_read_has_at_most_255_kibibytes() {
    let files = Memory::new();
    files.insert("/big", vec![7; 600 * 1024]).unwrap();
    let mut client = Client::new(files);
    let handle = client.open("/big", READ);
    for (asked, got) in [(limits::READ, limits::READ), (300 * 1024, limits::READ), (1 << 20, limits::READ)] {
        let Reply::Data(data) = client.ask(5, &[S(&handle), Q(0), U(u32::try_from(asked).unwrap())]) else {
            panic!("no data")
        };
        assert_eq!(data.len(), got);
    }
}

#[test]
fn handles_that_are_not_there_are_told_apart_as_openssh_does() {
    let mut client = Client::new(tree());
    let file = client.open("f", READ);
    let Reply::Handle(directory) = client.ask(11, &[S(b"d")]) else { panic!("no handle") };
    for name in [&b"abcd"[..], b"", b"12345678", &[0; 300]] {
        for (number, rest) in
            [(5, vec![Q(0), U(1)]), (6, vec![Q(0), S(b"x")]), (8, vec![]), (10, vec![nothing()])]
        {
            let fields: Vec<_> = std::iter::once(S(name)).chain(rest).collect();
            assert_eq!(client.code(number, &fields), 4, "{number}");
        }
        assert_eq!(client.code(4, &[S(name)]), 2);
        assert_eq!(client.code(12, &[S(name)]), 4);
        assert_eq!(status(&client.extended("fsync@openssh.com", &[S(name)])), 2);
        assert_eq!(status(&client.extended("fstatvfs@openssh.com", &[S(name)])), 4);
        let copy = [S(&file), Q(0), Q(0), S(name), Q(0)];
        assert_eq!(status(&client.extended("copy-data", &copy)), 2);
    }
    assert_eq!(client.code(8, &[S(&directory)]), 4);
    assert_eq!(client.code(12, &[S(&file)]), 4);
    assert_eq!(client.code(4, &[S(&file)]), 0);
    assert_eq!(client.code(4, &[S(&file)]), 2);
}

#[test]
fn a_handle_is_not_the_next_one_in_its_place() {
    let mut client = Client::new(tree());
    let stale = client.open("f", READ);
    assert_eq!(client.code(4, &[S(&stale)]), 0);
    let fresh = client.open("d/inside", READ);
    assert_ne!(stale, fresh);
    assert_eq!(client.code(5, &[S(&stale), Q(0), U(1)]), 4);
    assert_eq!(client.ask(5, &[S(&fresh), Q(0), U(1)]), Reply::Data(b"x".to_vec()));
}

#[test]
fn names_are_made_changed_and_removed() {
    let mut client = Client::new(tree());
    assert_eq!(client.code(14, &[S(b"d"), nothing()]), 4);
    assert_eq!(client.code(14, &[S(b"new"), nothing()]), 0);
    assert_eq!(client.code(13, &[S(b"new")]), 4);
    assert_eq!(client.code(15, &[S(b"f")]), 2);
    assert_eq!(client.code(15, &[S(b"d")]), 4);
    assert_eq!(client.code(15, &[S(b"new")]), 0);
    assert_eq!(client.code(13, &[S(b"none")]), 2);
    assert_eq!(client.code(3, &[S(b"f"), U(WRITE | CREATE | EXCLUSIVE), nothing()]), 4);
    assert_eq!(client.code(3, &[S(b"d"), U(WRITE), nothing()]), 4);
    for number in [7, 11, 13, 15, 17, 19] {
        assert_eq!(client.code(number, &[S(b"")]), 2, "{number}");
    }
}

#[test]
fn rename_does_not_replace_and_posix_rename_does() {
    let files = tree();
    let mut client = Client::new(files.clone());
    assert_eq!(client.code(18, &[S(b"f"), S(b"d/inside")]), 4);
    assert_eq!(client.code(18, &[S(b"f"), S(b"f")]), 4);
    assert_eq!(client.code(18, &[S(b"none"), S(b"x")]), 2);
    assert_eq!(client.code(18, &[S(b"d"), S(b"d/within")]), 5);
    assert_eq!(files.content("/d/inside").unwrap(), b"x");
    assert_eq!(status(&client.extended("posix-rename@openssh.com", &[S(b"f"), S(b"d/inside")])), 0);
    assert_eq!((files.content("/f"), files.content("/d/inside").unwrap()), (None, b"hello".to_vec()));
    assert_eq!(client.code(18, &[S(b"d"), S(b"e")]), 0);
    assert_eq!(files.content("/e/inside").unwrap(), b"hello");
}

#[test]
fn links_have_their_target_first() {
    let mut client = Client::new(tree());
    assert_eq!(client.code(20, &[S(b"d/inside"), S(b"link")]), 0);
    assert_eq!(client.ask(19, &[S(b"link")]), Reply::Names(vec![("d/inside".into(), "d/inside".into())]));
    assert_eq!(client.code(19, &[S(b"f")]), 5);
    assert_eq!(client.code(20, &[S(b"x"), S(b"link")]), 4);
    let mode = |reply| match reply {
        Reply::Attributes(attributes) => attributes.permissions.unwrap() & 0o170_000,
        other => panic!("{other:?}"),
    };
    assert_eq!(mode(client.ask(17, &[S(b"link")])), 0o100_000);
    assert_eq!(mode(client.ask(7, &[S(b"link")])), 0o120_000);
    assert_eq!(status(&client.extended("hardlink@openssh.com", &[S(b"f"), S(b"f")])), 4);
    assert_eq!(status(&client.extended("hardlink@openssh.com", &[S(b"f"), S(b"second")])), 0);
    assert_eq!(client.code(13, &[S(b"f")]), 0);
    let handle = client.open("second", READ);
    assert_eq!(client.ask(5, &[S(&handle), Q(0), U(9)]), Reply::Data(b"hello".to_vec()));
}

#[test]
fn attributes_are_set_and_nothing_to_set_is_no_fault() {
    let mut client = Client::new(tree());
    assert_eq!(client.code(9, &[S(b"none"), nothing()]), 0);
    let size = Attributes { size: Some(2), permissions: Some(0o100_600), ..Attributes::default() };
    assert_eq!(client.code(9, &[S(b"none"), A(size)]), 2);
    assert_eq!(client.code(9, &[S(b"f"), A(size)]), 0);
    let Reply::Attributes(found) = client.ask(17, &[S(b"f")]) else { panic!("no attributes") };
    assert_eq!((found.size, found.permissions), (Some(2), Some(0o100_600)));
    let handle = client.open("f", READ | WRITE);
    assert_eq!(client.code(10, &[S(&handle), A(Attributes { size: Some(1), ..Attributes::default() })]), 0);
    let Reply::Attributes(found) = client.ask(8, &[S(&handle)]) else { panic!("no attributes") };
    assert_eq!(found.size, Some(1));
}

#[test]
fn paths_are_made_real_and_expanded() {
    let mut client = Client::new(tree());
    client.code(20, &[S(b"/d"), S(b"link")]);
    let name = |name: &str| Reply::Names(vec![(name.into(), name.into())]);
    for (path, real) in
        [("", "/"), (".", "/"), ("d/../d/./inside", "/d/inside"), ("link/new", "/d/new"), ("..", "/")]
    {
        assert_eq!(client.ask(16, &[S(path.as_bytes())]), name(real), "{path}");
        assert_eq!(client.extended("expand-path@openssh.com", &[S(path.as_bytes())]), name(real), "{path}");
    }
    assert_eq!(client.code(16, &[S(b"none/new")]), 2);
    for (path, real) in [("~", "/"), ("~/", "/"), ("~/d/..", "/"), ("./~", "/~"), ("~/f", "/f")] {
        assert_eq!(client.extended("expand-path@openssh.com", &[S(path.as_bytes())]), name(real), "{path}");
    }
    let nobody = client.extended("expand-path@openssh.com", &[S(b"~nobody/x")]);
    assert_eq!(nobody, Reply::Status(2, "no such user".into()));
    assert_eq!(client.extended("home-directory", &[S(b"")]), name("/"));
    assert_eq!(status(&client.extended("home-directory", &[S(b"nobody")])), 4);
}

#[test]
fn data_is_copied_between_files_but_not_onto_itself() {
    let files = tree();
    let mut client = Client::new(files.clone());
    let from = client.open("f", READ);
    let to = client.open("new", READ | WRITE | CREATE);
    let mut copy = |from: &[u8], offset, length, to: &[u8], place| {
        status(&client.extended("copy-data", &[S(from), Q(offset), Q(length), S(to), Q(place)]))
    };
    assert_eq!(copy(&from, 0, 0, &to, 0), 0);
    assert_eq!(copy(&from, 1, 3, &to, 7), 0);
    assert_eq!(copy(&from, 4, 500, &to, 11), 0);
    assert_eq!(copy(&from, 100, 5, &to, 0), 0);
    // Nothing, or less than a piece, of one piece, of two and of more than two.
    for (offset, length, ended) in
        [(5, 65_536, 0), (5, 65_537, 1), (0, 65_537, 0), (0, 131_072, 0), (0, 131_073, 1)]
    {
        assert_eq!(copy(&from, offset, length, &to, 0), ended, "{offset} {length}");
    }
    assert_eq!(copy(&to, 0, 0, &to, 3), 4);
    assert_eq!(files.content("/new").unwrap(), b"hello\0\0ell\0o");
    let again = client.open("new", WRITE);
    assert_eq!(status(&client.extended("copy-data", &[S(&to), Q(0), Q(0), S(&again), Q(1)])), 4);
}

#[test]
fn limits_and_room_are_told() {
    let mut client = Client::new(Memory::with_limit(1 << 20));
    let Reply::Extended(bytes) = client.extended("limits@openssh.com", &[]) else { panic!("no limits") };
    let numbers: Vec<u64> =
        bytes.chunks_exact(8).map(|bytes| u64::from_be_bytes(bytes.try_into().unwrap())).collect();
    assert_eq!(numbers, [262_144, 261_120, 261_120, 256]);
    let Reply::Extended(bytes) = client.extended("statvfs@openssh.com", &[S(b"/")]) else {
        panic!("no room")
    };
    assert_eq!(bytes.len(), 11 * 8);
    assert_eq!(bytes[16..24], (1_u64 << 20).to_be_bytes());
    assert_eq!(status(&client.extended("statvfs@openssh.com", &[S(b"/none")])), 2);
    let reply = client.extended("users-groups-by-id@openssh.com", &[S(&[0; 8]), S(&[0; 4])]);
    assert_eq!(reply, Reply::Extended(b"\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\x04\0\0\0\0".to_vec()));
}

#[test]
fn a_directory_of_any_size_is_listed_in_replies_that_every_client_can_take() {
    let files = Memory::new();
    for number in 0..3000 {
        files.insert(format!("/d/file{number:04}"), "").unwrap();
    }
    let mut client = Client::new(files);
    let Reply::Handle(handle) = client.ask(11, &[S(b"d")]) else { panic!("no handle") };
    let (mut names, mut replies) = (Vec::new(), 0);
    loop {
        match client.ask(12, &[S(&handle)]) {
            Reply::Names(more) => names.extend(more),
            Reply::Status(1, _) => break,
            other => panic!("{other:?}"),
        }
        replies += 1;
    }
    assert_eq!(client.code(12, &[S(&handle)]), 1);
    assert_eq!(names.len(), 3002);
    assert!(replies > 5, "{replies}");
    let names: Vec<&str> = names.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names[..3], [".", "..", "file0000"]);
    assert!(names[2..].is_sorted() && names[3001] == "file2999");
}

#[test]
fn what_is_unknown_is_not_supported_and_the_session_goes_on() {
    let mut client = Client::new(tree());
    assert_eq!(client.ask(200, &[S(b"foo@bar")]), Reply::Status(8, "Operation unsupported".into()));
    assert_eq!(client.code(99, &[]), 8);
    assert_eq!(client.code(200, &[S(b"posix-rename"), S(b"a"), S(b"b")]), 8);
    assert!(matches!(client.ask(17, &[S(b"f")]), Reply::Attributes(_)));
}

#[test]
fn what_is_malformed_ends_the_session_and_earlier_replies_still_come() {
    for (bad, error) in [
        (packet(17, |out| out.push(0)), "bad numberless message: 4 bytes needed where 1 are left"),
        (request(17, 1, &[S(b"a\0b")]), "bad stat message: string holds a NUL"),
        (vec![0, 0, 0, 0], "bad empty message: 1 bytes needed where 0 are left"),
        (vec![0, 4, 0, 1], "bad message: packet of 262145 bytes"),
    ] {
        let mut server = Server::new(tree(), Settings::default());
        let input = [init(), request(17, 1, &[S(b"f")]), bad, request(17, 2, &[S(b"f")])].concat();
        let mut output = Vec::new();
        let ended = server.respond(&input, &mut output).unwrap_err();
        assert_eq!(ended.to_string(), error);
        assert!(matches!(replies(&output)[..], [(3, Reply::Version(..)), (1, Reply::Attributes(_))]));
        assert_eq!(server.process(&request(17, 2, &[S(b"f")])).unwrap_err(), ended);
    }
}

#[test]
fn nothing_is_answered_before_the_version_and_a_second_version_is_harmless() {
    let mut server = Server::new(tree(), Settings::default());
    assert_eq!(server.respond(&request(17, 1, &[S(b"f")]), &mut Vec::new()), Err(Error::BeforeInit(17)));
    let (mut server, mut output) = (Server::new(tree(), Settings::default()), Vec::new());
    server.respond(&[init(), init()].concat(), &mut output).unwrap();
    assert_eq!(replies(&output).len(), 2);
}

#[test]
fn read_only_refuses_every_change() {
    let by_settings = Settings { read_only: true, ..Settings::default() };
    let files = tree();
    let mut clients =
        [Client::with(files.clone(), by_settings), Client::with(files.clone(), Settings::default())];
    let mut wrapped = Client::new(ReadOnly(files.clone()));
    let handle = clients[1].open("f", READ | WRITE);
    let changes = [
        request(6, 1, &[S(&handle), Q(0), S(b"x")]),
        request(9, 1, &[S(b"f"), nothing()]),
        request(13, 1, &[S(b"f")]),
        request(14, 1, &[S(b"new"), nothing()]),
        request(15, 1, &[S(b"d")]),
        request(18, 1, &[S(b"f"), S(b"g")]),
        request(20, 1, &[S(b"f"), S(b"g")]),
        request(200, 1, &[S(b"posix-rename@openssh.com"), S(b"f"), S(b"g")]),
        request(200, 1, &[S(b"fsync@openssh.com"), S(&handle)]),
        request(3, 1, &[S(b"f"), U(WRITE), nothing()]),
        request(3, 1, &[S(b"new"), U(READ | CREATE), nothing()]),
        request(3, 1, &[S(b"f"), U(READ | TRUNCATE), nothing()]),
    ];
    for change in &changes {
        for output in [refused(&mut clients[0].server, change), refused(&mut wrapped.server, change)] {
            assert_eq!(output, [(1, Reply::Status(3, "Permission denied".into()))]);
        }
    }
    assert_eq!(files.content("/f").unwrap(), b"hello");
    let handle = wrapped.open("f", READ);
    assert_eq!(wrapped.ask(5, &[S(&handle), Q(0), U(9)]), Reply::Data(b"hello".to_vec()));
}

fn refused<F: nacre_sftp::FileSystem>(server: &mut Server<F>, change: &[u8]) -> Vec<(u32, Reply)> {
    let mut output = Vec::new();
    server.respond(change, &mut output).unwrap();
    replies(&output)
}

#[test]
fn denied_requests_are_refused_and_their_extensions_are_not_announced() {
    let settings = Settings {
        denied: vec![RequestKind::Mkdir, RequestKind::Fsync],
        allowed: Some(vec![RequestKind::Mkdir, RequestKind::Stat, RequestKind::Limits]),
        log: Level::Verbose,
        ..Settings::default()
    };
    let (mut server, mut output) = (Server::new(tree(), settings), Vec::new());
    let input = [
        init(),
        request(14, 1, &[S(b"new"), nothing()]),
        request(7, 2, &[S(b"f")]),
        request(17, 3, &[S(b"f")]),
    ];
    server.respond(&input.concat(), &mut output).unwrap();
    let [(3, Reply::Version(3, pairs)), (1, mkdir), (2, lstat), (3, Reply::Attributes(_))] =
        &replies(&output)[..]
    else {
        panic!("{output:?}")
    };
    assert_eq!(pairs[..], [("limits@openssh.com".to_owned(), "1".to_owned())]);
    assert_eq!((status(mkdir), status(lstat)), (3, 3));
    let records: Vec<_> = std::iter::from_fn(|| server.next_record()).map(|record| record.text).collect();
    assert!(records.contains(&"Refusing denylisted mkdir request".to_owned()), "{records:?}");
    assert!(records.contains(&"Refusing non-allowlisted lstat request".to_owned()), "{records:?}");
}

#[test]
fn the_log_tells_what_openssh_s_tells() {
    let mut client = Client::with(tree(), settings(Level::Info));
    let handle = client.open("f", READ | WRITE | CREATE);
    client.ask(5, &[S(&handle), Q(0), U(10)]);
    client.ask(6, &[S(&handle), Q(0), S(b"abc")]);
    client.ask(5, &[S(&handle), Q(99), U(10)]);
    let attributes = Attributes {
        size: Some(3),
        permissions: Some(0o640),
        times: Some(nacre_sftp::Times { accessed: 1, modified: 2_000_000 }),
        ..Attributes::default()
    };
    client.ask(9, &[S(b"f"), A(attributes)]);
    client.ask(4, &[S(&handle)]);
    client.ask(13, &[S(b"a\nb\"")]);
    client.ask(11, &[S(b"d")]);
    client.open("d/inside", READ);
    client.server.end();
    assert_eq!(
        client.records(),
        [
            "open \"f\" flags READ,WRITE,CREATE mode 0666",
            "set \"f\" size 3",
            "set \"f\" mode 0640",
            "set \"f\" modtime 19700124-03:33:20",
            "close \"f\" bytes read 5 written 3",
            "remove name \"a\\012b\"\"",
            "sent status No such file",
            "opendir \"d\"",
            "open \"d/inside\" flags READ mode 0666",
            "forced closedir \"d\"",
            "forced close \"d/inside\" bytes read 0 written 0",
        ]
    );
}

#[test]
fn long_names_show_the_time_of_whoever_serves() {
    let files = Memory::new();
    files.set_time(1_795_254_581);
    files.insert("/f", "hello").unwrap();
    let mut client = Client::new(files);
    let Reply::Handle(handle) = client.ask(11, &[S(b"/")]) else { panic!("no handle") };
    let Reply::Names(names) = client.ask(12, &[S(&handle)]) else { panic!("no names") };
    assert_eq!(names[2].1, "-rw-r--r--    1 0        0               5 Nov 21  2026 f");
}

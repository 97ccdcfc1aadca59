//! However the input is cut, whenever replies are sent and in whichever order jobs end: the replies and the tree are the same.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

#[path = "support/slow.rs"]
mod slow;
mod support;

use nacre_sftp::{Attributes, Done, FileSystem, Job, Memory, Server, Settings, Step, limits};
use proptest::collection::vec;
use proptest::prelude::*;
use slow::Slow;
use support::{A, Field, Q, Reply, S, U, init, nothing, replies, request, status};

const PATHS: [&str; 4] = ["a", "b", "d/c", "big"];
const ALL: u32 = 1 | 2 | 8;

fn tree() -> Memory {
    let files = Memory::new();
    files.insert("/a", "the first file").unwrap();
    files.insert("/d/c", "in a directory").unwrap();
    files.insert("/big", vec![b'x'; limits::READ + 1000]).unwrap();
    files
}

/// A request, before handles have names.
#[derive(Clone, Debug)]
enum Ask {
    Open(usize, u32),
    OpenDirectory,
    Close(usize),
    Read(usize, u16, u32),
    Write(usize, u16, u16),
    Attributes(usize),
    Truncate(usize, u8),
    List(usize),
    Sync(usize),
    Copy(usize, u8, u8, usize, u8),
    Stat(usize),
    Remove(usize),
    Rename(usize, usize, bool),
    Link(usize, usize),
}

fn ask() -> impl Strategy<Value = Ask> {
    let path = 0..PATHS.len();
    let handle = 0..6_usize;
    prop_oneof![
        4 => (path.clone(), prop_oneof![Just(1), Just(ALL), Just(ALL | 16), Just(2 | 4 | 8)])
            .prop_map(|(path, flags)| Ask::Open(path, flags)),
        1 => Just(Ask::OpenDirectory),
        2 => handle.clone().prop_map(Ask::Close),
        8 => (handle.clone(), 0..40_u16, prop_oneof![0..20_u32, Just(300_000)])
            .prop_map(|(handle, offset, length)| Ask::Read(handle, offset, length)),
        8 => (handle.clone(), 0..40_u16, 0..20_u16)
            .prop_map(|(handle, offset, length)| Ask::Write(handle, offset, length)),
        2 => handle.clone().prop_map(Ask::Attributes),
        1 => (handle.clone(), 0..20_u8).prop_map(|(handle, size)| Ask::Truncate(handle, size)),
        1 => handle.clone().prop_map(Ask::List),
        1 => handle.clone().prop_map(Ask::Sync),
        2 => (handle.clone(), 0..20_u8, 0..20_u8, handle, 0..20_u8)
            .prop_map(|(from, offset, length, to, place)| Ask::Copy(from, offset, length, to, place)),
        2 => path.clone().prop_map(Ask::Stat),
        1 => path.clone().prop_map(Ask::Remove),
        1 => (path.clone(), path.clone(), any::<bool>())
            .prop_map(|(from, to, replace)| Ask::Rename(from, to, replace)),
        1 => (path.clone(), path).prop_map(|(from, to)| Ask::Link(from, to)),
    ]
}

impl Ask {
    fn request(&self, id: u32, handles: &[Vec<u8>]) -> Vec<u8> {
        let handle = |index: usize| S(handles.get(index).map_or(b"none", |name| name));
        let path = |index: usize| S(PATHS[index].as_bytes());
        let extended = |name: &'static str, rest: Vec<Field<'_>>| {
            let fields: Vec<_> = std::iter::once(S(name.as_bytes())).chain(rest).collect();
            request(200, id, &fields)
        };
        match *self {
            Self::Open(index, flags) => request(3, id, &[path(index), U(flags), nothing()]),
            Self::OpenDirectory => request(11, id, &[S(b".")]),
            Self::Close(index) => request(4, id, &[handle(index)]),
            Self::Read(index, offset, length) => {
                request(5, id, &[handle(index), Q(offset.into()), U(length)])
            }
            Self::Write(index, offset, length) => {
                let data = vec![u8::try_from(id % 251).unwrap(); length.into()];
                request(6, id, &[handle(index), Q(offset.into()), S(&data)])
            }
            Self::Attributes(index) => request(8, id, &[handle(index)]),
            Self::Truncate(index, size) => {
                let size = Attributes { size: Some(size.into()), ..Attributes::default() };
                request(10, id, &[handle(index), A(size)])
            }
            Self::List(index) => request(12, id, &[handle(index)]),
            Self::Sync(index) => extended("fsync@openssh.com", vec![handle(index)]),
            Self::Copy(from, offset, length, to, place) => {
                let rest =
                    vec![handle(from), Q(offset.into()), Q(length.into()), handle(to), Q(place.into())];
                extended("copy-data", rest)
            }
            Self::Stat(index) => request(17, id, &[path(index)]),
            Self::Remove(index) => request(13, id, &[path(index)]),
            Self::Rename(from, to, false) => request(18, id, &[path(from), path(to)]),
            Self::Rename(from, to, true) => extended("posix-rename@openssh.com", vec![path(from), path(to)]),
            Self::Link(from, to) => extended("hardlink@openssh.com", vec![path(from), path(to)]),
        }
    }
}

/// Asks one after the other and waits for each reply, with a disk that is never slow: the requests, their replies and the tree.
fn reference(asks: &[Ask]) -> (Vec<u8>, Vec<u8>, Memory) {
    let memory = tree();
    let mut server = Server::new(Slow::new(memory.clone(), 0), Settings::default());
    let (mut input, mut output, mut handles) = (init(), Vec::new(), Vec::new());
    server.respond(&input, &mut output).unwrap();
    for (id, ask) in (1..).zip(asks) {
        let request = ask.request(id, &handles);
        let before = output.len();
        assert_eq!(server.respond(&request, &mut output), Ok(request.len()));
        if let [(_, Reply::Handle(handle))] = &replies(&output[before..])[..] {
            handles.push(handle.clone());
        }
        input.extend_from_slice(&request);
    }
    server.end();
    (input, output, memory)
}

/// Sends all requests at once to a slow disk, and does what decisions say, byte after byte.
struct Run<'a> {
    server: Server<Slow>,
    input: &'a [u8],
    taken: usize,
    arrived: usize,
    jobs: Vec<Job<Slow>>,
    done: Vec<Done>,
    output: Vec<u8>,
}

impl Run<'_> {
    /// Whether anything came of it.
    fn decide(&mut self, decision: u8, much: usize) -> bool {
        let pick = usize::from(decision >> 2);
        match decision % 4 {
            0 => {
                let before = self.arrived;
                self.arrived = self.input.len().min(self.arrived + much);
                return self.process() || self.arrived > before;
            }
            1 if !self.jobs.is_empty() => {
                let job = self.jobs.swap_remove(pick % self.jobs.len());
                self.done.push(job.run());
            }
            2 if !self.done.is_empty() => {
                let done = self.done.swap_remove(pick % self.done.len());
                self.server.finish(done);
                self.process();
            }
            3 if !self.server.transmit().is_empty() => {
                let ready = self.server.transmit();
                let sent = ready.len().min(much);
                self.output.extend_from_slice(&ready[..sent]);
                self.server.sent(sent);
                self.process();
            }
            _ => return false,
        }
        true
    }

    fn process(&mut self) -> bool {
        let before = self.taken;
        loop {
            match self.server.process(&self.input[self.taken..self.arrived]).unwrap() {
                Step::Handled(bytes) => self.taken += bytes,
                Step::Run(bytes, job) => {
                    self.taken += bytes;
                    self.jobs.push(job);
                }
                Step::NeedBytes(bytes) => {
                    assert!(bytes > self.arrived - self.taken && bytes <= limits::PACKET + 4);
                    break;
                }
                Step::Wait => {
                    assert!(self.server.outstanding() > 0 || !self.server.transmit().is_empty());
                    break;
                }
            }
            assert_eq!(self.server.outstanding(), self.jobs.len() + self.done.len());
            assert!(self.server.outstanding() <= limits::OUTSTANDING);
        }
        self.taken > before
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_the_work_changes_what_comes_of_it(
        asks in vec(ask(), 0..60),
        decisions in vec(any::<u8>(), 0..200),
        pattern in any::<u64>(),
    ) {
        let (input, expected, expected_tree) = reference(&asks);
        let memory = tree();
        let server = Server::new(Slow::new(memory.clone(), pattern), Settings::default());
        let mut run =
            Run { server, input: &input, taken: 0, arrived: 0, jobs: vec![], done: vec![], output: vec![] };
        for decision in decisions {
            run.decide(decision, 1 + usize::from(decision));
        }
        // What is left is done as it comes; something always can be, until all is.
        while (0..4).any(|decision| run.decide(decision, usize::MAX / 2)) {}
        prop_assert_eq!(run.taken, input.len());
        prop_assert_eq!(run.server.outstanding(), 0);
        run.server.end();
        prop_assert!(run.output == expected, "{:?}\n{:?}", replies(&run.output), replies(&expected));
        for path in PATHS {
            prop_assert_eq!(memory.content(path), expected_tree.content(path));
        }
    }

    #[test]
    fn nonsense_neither_panics_nor_grows(input in vec(vec(any::<u8>(), 0..60), 0..40)) {
        let memory = Memory::with_limit(10_000);
        let mut server = Server::new(memory.clone(), Settings { log: nacre_sftp::Level::Debug3, ..Settings::default() });
        server.respond(&init(), &mut Vec::new()).unwrap();
        for mut packet in input {
            let mut framed = Vec::new();
            if let Some(number) = packet.first_mut() {
                // Mostly what is a request.
                *number = if *number > 220 { 200 } else { *number % 24 };
            }
            wire::put_string(&mut framed, &packet);
            let mut output = Vec::new();
            if server.respond(&framed, &mut output).is_err() {
                break;
            }
            replies(&output);
        }
        let room = memory.space(b"/").unwrap();
        prop_assert!(room.blocks_free <= room.blocks);
    }
}

fn started(memory: &Memory) -> (Server<Slow>, Vec<u8>) {
    let mut server = Server::new(Slow::new(memory.clone(), u64::MAX), Settings::default());
    let mut output = Vec::new();
    let open = request(3, 1, &[S(b"a"), U(ALL), nothing()]);
    server.respond(&[init(), open].concat(), &mut output).unwrap();
    let Some((1, Reply::Handle(handle))) = replies(&output).pop() else { panic!("no handle") };
    (server, handle)
}

fn give(server: &mut Server<Slow>, request: &[u8]) -> Option<Job<Slow>> {
    match server.process(request).unwrap() {
        Step::Run(bytes, job) => {
            assert_eq!(bytes, request.len());
            Some(job)
        }
        Step::Wait => None,
        other => panic!("{other:?}"),
    }
}

fn taken(server: &mut Server<Slow>) -> Vec<(u32, Reply)> {
    let mut output = Vec::new();
    while !server.transmit().is_empty() {
        output.extend_from_slice(server.transmit());
        server.sent(server.transmit().len());
    }
    replies(&output)
}

#[test]
fn replies_of_jobs_come_in_the_order_of_their_requests() {
    let (mut server, handle) = started(&tree());
    let read = |id, offset| request(5, id, &[S(&handle), Q(offset), U(3)]);
    let jobs: Vec<_> = (2..6).map(|id| give(&mut server, &read(id, u64::from(id))).unwrap()).collect();
    let mut done: Vec<_> = jobs.into_iter().map(Job::run).collect();
    server.finish(done.remove(3));
    server.finish(done.remove(1));
    assert!(server.transmit().is_empty());
    server.finish(done.remove(0));
    assert_eq!(taken(&mut server).iter().map(|(id, _)| *id).collect::<Vec<_>>(), [2, 3]);
    server.finish(done.remove(0));
    assert_eq!(taken(&mut server), [(4, Reply::Data(b"fir".to_vec())), (5, Reply::Data(b"irs".to_vec()))]);
}

#[test]
fn close_and_whatever_asks_for_the_file_wait_for_its_reads_and_writes() {
    let memory = tree();
    let (mut server, handle) = started(&memory);
    let job = give(&mut server, &request(6, 2, &[S(&handle), Q(0), S(b"0123456789abcdefghijk")])).unwrap();
    for next in [
        request(4, 3, &[S(&handle)]),
        request(8, 3, &[S(&handle)]),
        request(17, 3, &[S(b"a")]),
        request(5, 3, &[S(&handle), Q(0), U(1)]),
        request(6, 3, &[S(&handle), Q(20), S(b"overlaps")]),
        request(200, 3, &[S(b"fsync@openssh.com"), S(&handle)]),
    ] {
        assert!(give(&mut server, &next).is_none());
    }
    let beside = give(&mut server, &request(6, 3, &[S(&handle), Q(21), S(b"!")])).unwrap();
    server.finish(beside.run());
    assert!(server.transmit().is_empty());
    server.finish(job.run());
    server.respond(&request(8, 4, &[S(&handle)]), &mut Vec::new()).unwrap();
    assert_eq!(memory.content("a").unwrap(), b"0123456789abcdefghijk!");
    assert_eq!(taken(&mut server), []);
}

#[test]
fn what_closing_a_file_says_is_told() {
    let memory = tree();
    let (mut server, handle) = started(&memory);
    let size = Attributes { size: Some(13), ..Attributes::default() };
    let mut output = Vec::new();
    let input = [
        request(10, 2, &[S(&handle), A(size)]),
        request(5, 3, &[S(&handle), Q(0), U(3)]),
        request(4, 4, &[S(&handle)]),
        request(4, 5, &[S(&handle)]),
    ];
    server.respond(&input.concat(), &mut output).unwrap();
    let replies = replies(&output);
    assert_eq!(replies[1], (3, Reply::Data(b"the".to_vec())));
    assert_eq!((status(&replies[2].1), status(&replies[3].1)), (4, 2));
}

#[test]
fn jobs_and_replies_that_wait_are_bounded() {
    let memory = tree();
    let (mut server, handle) = started(&memory);
    let read = request(5, 7, &[S(&handle), Q(0), U(1)]);
    let mut jobs: Vec<_> = std::iter::from_fn(|| give(&mut server, &read)).collect();
    assert_eq!(jobs.len(), limits::OUTSTANDING);
    server.finish(jobs.remove(5).run());
    jobs.push(give(&mut server, &read).unwrap());
    for job in jobs {
        server.finish(job.run());
    }
    assert_eq!(taken(&mut server).len(), limits::OUTSTANDING + 1);

    // A client that does not read, and a disk that is not slow.
    let mut server = Server::new(Slow::new(memory, 0), Settings::default());
    let mut output = Vec::new();
    server.respond(&[init(), request(3, 1, &[S(b"big"), U(1), nothing()])].concat(), &mut output).unwrap();
    let Some((_, Reply::Handle(handle))) = replies(&output).pop() else { panic!("no handle") };
    let read = request(5, 7, &[S(&handle), Q(0), U(u32::MAX)]);
    let mut count = 0;
    while let Step::Handled(_) = server.process(&read).unwrap() {
        count += 1;
        assert!(count < 100);
    }
    assert!((4..=6).contains(&count), "{count}");
    let part = server.transmit().len();
    server.sent(part);
    assert!(matches!(server.process(&read), Ok(Step::Handled(_))));
    assert_eq!(taken(&mut server).len(), count);

    // Short answers to long requests: each needs the memory of a long one, of which there is some for every job and reply at a time.
    let last = u64::try_from(limits::READ + 999).unwrap();
    let short = request(5, 7, &[S(&handle), Q(last), U(u32::MAX)]);
    let mut count = 0;
    while let Step::Handled(_) = server.process(&short).unwrap() {
        count += 1;
    }
    let in_one = (limits::PACKET - limits::READ).div_ceil(4 + 1 + 4 + 4 + 1);
    assert!(count <= limits::PIECES * in_one, "{count}");
    assert!(count >= limits::OUTSTANDING * in_one, "{count}");
    assert_eq!(taken(&mut server).len(), count);
}

#[test]
fn no_more_is_open_than_the_tree_allows_and_than_any_client_may_have() {
    let open_until_refused = |server: &mut Server<Slow>| {
        let open = request(11, 1, &[S(b"d")]);
        let mut count = 0;
        loop {
            let mut output = Vec::new();
            server.respond(&open, &mut output).unwrap();
            match &replies(&output)[0].1 {
                Reply::Handle(_) => count += 1,
                reply => {
                    assert_eq!(status(reply), 4);
                    return count;
                }
            }
        }
    };
    let mut server = Server::new(Slow::new(tree(), 0), Settings::default());
    server.respond(&init(), &mut Vec::new()).unwrap();
    assert_eq!(open_until_refused(&mut server), 4);
    // What could not be opened was not made either.
    server.respond(&request(3, 1, &[S(b"new"), U(ALL), nothing()]), &mut Vec::new()).unwrap();
    let mut output = Vec::new();
    server.respond(&request(17, 2, &[S(b"new")]), &mut output).unwrap();
    assert_eq!(status(&replies(&output)[0].1), 2);
}

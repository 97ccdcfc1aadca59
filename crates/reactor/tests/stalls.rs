//! Everybody stops and goes on as they like: programs on pipes and terminals, services behind sockets, and the peer, with key exchanges
//! in between. What was written arrives, in order and once, and everything ends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod support;

use std::collections::VecDeque;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nacre_reactor::{Attachment, Exit, Io};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_assert_eq, prop_oneof, proptest};
use proptest::test_runner::TestCaseError;
use proto::Server;
use proto::channels::{Grant, Stream};
use support::{Call, Peer, Ran, pattern, serve_over};
use sys::pty::Pty;
use sys::termios::Modes;

/// Whatever is still under way by then has stalled.
const PATIENCE: Duration = Duration::from_secs(60);

/// What stands behind a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Pipes,
    Socket,
    Terminal,
}

/// A channel, and what is to pass on it.
#[derive(Clone, Copy, Debug)]
struct Plan {
    kind: Kind,
    /// Bytes from the peer, from the program, and of its errors.
    to_program: u32,
    output: u32,
    errors: u32,
    /// The program reads nothing.
    deaf: bool,
}

/// What somebody does on one of the channels.
#[derive(Clone, Copy, Debug)]
enum Step {
    ProgramReads(u32),
    ProgramWrites(u32),
    PeerReads(bool),
    /// The peer has so many turns, whoever else waits.
    Peer(u8),
    Rekey,
    /// The peer wants no more of the channel.
    Close,
}

fn plan() -> impl Strategy<Value = Plan> {
    let bytes = || prop_oneof![1 => Just(0_u32), 4 => 1..2000_u32, 4 => 1..300_000_u32];
    let kind = prop_oneof![Just(Kind::Pipes), Just(Kind::Socket), Just(Kind::Terminal)];
    let deaf = proptest::bool::weighted(0.1);
    (kind, bytes(), bytes(), bytes(), deaf).prop_map(|(kind, to_program, output, errors, deaf)| {
        // A terminal carries a few KiB at a time, and cannot be half closed.
        let most = if kind == Kind::Terminal { 30_000 } else { u32::MAX };
        let errors = if kind == Kind::Pipes { errors } else { 0 };
        let deaf = deaf && kind != Kind::Terminal;
        Plan { kind, to_program: to_program.min(most), output: output.min(most), errors, deaf }
    })
}

fn step() -> impl Strategy<Value = Step> {
    let bytes = || prop_oneof![1..10_u32, 1..5000_u32, 1..200_000_u32];
    prop_oneof![
        4 => bytes().prop_map(Step::ProgramReads),
        4 => bytes().prop_map(Step::ProgramWrites),
        2 => any::<bool>().prop_map(Step::PeerReads),
        4 => (1..6_u8).prop_map(Step::Peer),
        1 => Just(Step::Rekey),
    ]
}

/// As [`step`], or the early end of a channel.
fn step_or_close() -> impl Strategy<Value = Step> {
    prop_oneof![15 => step(), 1 => Just(Step::Close)]
}

fn grant() -> impl Strategy<Value = Grant> {
    let window = prop_oneof![Just(1_u32), 1..200_u32, 1..60_000_u32, Just(Grant::default().window)];
    let max_packet = prop_oneof![64..300_u32, Just(Grant::default().max_packet)];
    (window, max_packet).prop_map(|(window, max_packet)| Grant { window, max_packet })
}

/// The bytes that pass from `at` on, at most so many.
fn bytes(at: u32, end: u32, most: u32) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(most.min(end - at)).unwrap()];
    pattern(at.into(), &mut bytes);
    bytes
}

/// Something with a file descriptor, which does not wait.
struct Way {
    file: Option<File>,
    at: u32,
    end: u32,
    /// The channel was closed: what was to come need not.
    cut: bool,
    terminal: bool,
}

impl Way {
    fn new(file: impl Into<OwnedFd>, end: u32) -> Self {
        let file: OwnedFd = file.into();
        sys::fd::set_nonblocking(&file, true).unwrap();
        Self { file: Some(file.into()), at: 0, end, cut: false, terminal: false }
    }

    fn none() -> Self {
        Self { file: None, at: 0, end: 0, cut: false, terminal: false }
    }

    /// Writes what is next, as far as it is taken. Whether anything was.
    fn write(&mut self, most: u32) -> bool {
        let Some(file) = &mut self.file else { return false };
        let bytes = bytes(self.at, self.end, most.min(100_000));
        match file.write(&bytes) {
            Ok(n) => {
                self.at += u32::try_from(n).unwrap();
                n > 0
            }
            Err(error) => self.refused(&error),
        }
    }

    /// Reads what has come and checks it. Whether anything had; the file is given up at its end.
    fn read(&mut self, most: u32) -> bool {
        let Some(file) = &mut self.file else { return false };
        let mut room = vec![0; usize::try_from(most.min(100_000)).unwrap()];
        match file.read(&mut room) {
            Ok(0) => {
                assert!(self.cut || self.is_done(), "an end after {} of {}", self.at, self.end);
                self.give_up();
                true
            }
            Ok(n) => {
                let expected = bytes(self.at, self.end, u32::try_from(n).unwrap());
                // A terminal that was hung up forgets some of what was in it.
                assert!(room[..n] == expected || self.cut && self.terminal, "other bytes after {}", self.at);
                self.at += u32::try_from(n).unwrap();
                true
            }
            Err(error) => self.refused(&error),
        }
    }

    /// For now, or for ever. Whether that is new.
    fn refused(&mut self, error: &std::io::Error) -> bool {
        let broken = error.kind() != ErrorKind::WouldBlock;
        assert!(!broken || self.cut, "{error} after {} of {}", self.at, self.end);
        if broken {
            self.give_up();
        }
        broken
    }

    /// This was all.
    fn give_up(&mut self) {
        self.end = self.at;
        self.file = None;
    }

    fn is_done(&self) -> bool {
        self.at == self.end
    }
}

/// What stands behind a channel: a program, or a service.
struct Program {
    plan: Plan,
    input: Way,
    output: Way,
    errors: Way,
    /// Its socket, until one direction has ended.
    socket: Option<UnixStream>,
    over: bool,
}

fn raw(terminal: &OwnedFd) {
    let mut modes = Modes::of(terminal).unwrap();
    // Everything that changes, answers or understands bytes (RFC 4254 §8).
    for opcode in (30..=41).chain(50..=62).chain(70..=75) {
        modes.apply(opcode, 0);
    }
    modes.set(terminal).unwrap();
}

impl Program {
    /// Both ends of what a channel is to have.
    fn new(plan: Plan) -> (Self, Attachment) {
        let mut program = Self {
            plan,
            input: Way::none(),
            output: Way::none(),
            errors: Way::none(),
            socket: None,
            over: false,
        };
        let attachment = match plan.kind {
            Kind::Pipes => {
                let (stdin, input) = std::io::pipe().unwrap();
                let (output, stdout) = std::io::pipe().unwrap();
                let (errors, stderr) = std::io::pipe().unwrap();
                program.input = Way::new(stdin, plan.to_program);
                program.output = Way::new(stdout, plan.output);
                program.errors = Way::new(stderr, plan.errors);
                if plan.deaf {
                    program.input.file = None;
                }
                Attachment::new()
                    .sink(Stream::Data, input.into())
                    .source(Stream::Data, output.into())
                    .source(Stream::Stderr, errors.into())
            }
            Kind::Socket => {
                let (local, ours) = UnixStream::pair().unwrap();
                program.input = Way::new(local.try_clone().unwrap(), plan.to_program);
                program.output = Way::new(local.try_clone().unwrap(), plan.output);
                if plan.deaf {
                    local.shutdown(Shutdown::Read).unwrap();
                    program.input.file = None;
                }
                program.socket = Some(local);
                Attachment::socket(ours.into())
            }
            Kind::Terminal => {
                let pty = Pty::open().unwrap();
                let follower: OwnedFd = pty.follower.into();
                raw(&follower);
                let input = Way::new(follower.try_clone().unwrap(), plan.to_program);
                program.input = Way { terminal: true, ..input };
                program.output = Way::new(follower, plan.output);
                Attachment::terminal(pty.master.into())
            }
        };
        (program, attachment)
    }

    /// Ends what has passed whole. Says once when the program has ended.
    fn end(&mut self) -> bool {
        match self.plan.kind {
            Kind::Pipes => {
                for way in [&mut self.output, &mut self.errors] {
                    if way.is_done() {
                        way.file = None;
                    }
                }
            }
            Kind::Socket => {
                if self.output.is_done()
                    && let Some(socket) = self.socket.take()
                {
                    // It may be over already.
                    let shut = socket.shutdown(Shutdown::Write);
                    assert!(shut.is_ok() || self.output.cut);
                    self.output.file = None;
                }
            }
            // It has one end for both directions.
            Kind::Terminal if self.input.is_done() && self.output.is_done() => {
                self.input.file = None;
                self.output.file = None;
            }
            Kind::Terminal => {}
        }
        let open = [&self.input, &self.output, &self.errors].into_iter().any(|way| way.file.is_some());
        !open && !std::mem::replace(&mut self.over, true)
    }
}

/// A server on which the channels that are opened get these, in turn, and whose programs end when the socket says which.
fn serve(attachments: VecDeque<Attachment>, grant: Grant) -> (Peer, Ran, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let (ends, mut ended) = UnixStream::pair().unwrap();
    ended.set_nonblocking(true).unwrap();
    let (mut attachments, mut channels) = (attachments, Vec::new());
    let script = move |io: &mut Io<'_, Server>, call: Call<'_>| match call {
        Call::Start => {
            io.watch(&ended).unwrap();
        }
        Call::Exec(channel, _) | Call::Forward(channel) => {
            channels.push(channel);
            io.attach(channel, attachments.pop_front().unwrap()).unwrap();
        }
        Call::Readable(_) => {
            let mut which = [0];
            while matches!(ended.read(&mut which), Ok(1)) {
                io.exit(channels[usize::from(which[0])], Exit::Status(which[0].into()));
            }
        }
        _ => {}
    };
    let ran = serve_over(OwnedFd::from(theirs).into(), grant, Box::new(script));
    let mut peer = Peer::new(ours.into());
    peer.log_in();
    (peer, ran, ends)
}

fn run(plans: &[Plan], grants: [Grant; 2], steps: &[(usize, Step)]) -> Result<(), TestCaseError> {
    // Byte by byte, a million takes too long.
    let most = |grant: Grant| grant.window.saturating_mul(300).max(300);
    let limited = |plan: &Plan| Plan {
        to_program: plan.to_program.min(most(grants[0])),
        output: plan.output.min(most(grants[1])),
        errors: plan.errors.min(most(grants[1])),
        ..*plan
    };
    let (mut programs, attachments): (Vec<Program>, VecDeque<Attachment>) =
        plans.iter().map(|plan| Program::new(limited(plan))).unzip();
    let (mut peer, server, mut ends) = serve(attachments, grants[0]);
    peer.grant = grants[1];
    let mut channels = Vec::new();
    for program in &programs {
        let plan = program.plan;
        let channel = if plan.kind == Kind::Socket { peer.forward() } else { peer.exec("program") };
        peer.send_pattern(channel, plan.to_program.into());
        if plan.kind != Kind::Terminal {
            peer.eof(channel);
        }
        channels.push(channel);
        if plan.kind != Kind::Socket {
            // No program ends before it has begun.
            peer.until("an answer", |peer| !peer.sessions[&channel].notes.is_empty());
        }
    }
    for (which, step) in steps {
        let which = which % programs.len();
        let program = &mut programs[which];
        match *step {
            Step::ProgramReads(n) => {
                program.input.read(n);
            }
            Step::ProgramWrites(n) => {
                program.output.write(n);
                program.errors.write(n / 2 + 1);
            }
            Step::PeerReads(reads) => peer.session(channels[which]).paused = !reads,
            Step::Peer(turns) => (0..turns).for_each(|_| peer.turn(Duration::ZERO)),
            Step::Rekey => peer.connection.rekey(),
            Step::Close => {
                // It may be over already.
                let _ = peer.connection.close(channels[which]);
                for way in [&mut program.input, &mut program.output, &mut program.errors] {
                    way.cut = true;
                }
            }
        }
    }

    for channel in &channels {
        peer.session(*channel).paused = false;
    }
    let until = Instant::now() + PATIENCE;
    let all_over = |peer: &Peer, programs: &[Program]| {
        channels.iter().all(|channel| peer.sessions[channel].closed())
            && programs.iter().all(|program| program.over)
    };
    while !all_over(&peer, &programs) {
        let mut moved = false;
        for (which, program) in programs.iter_mut().enumerate() {
            moved |= program.input.read(u32::MAX);
            moved |= program.output.write(u32::MAX) | program.errors.write(u32::MAX);
            if program.end() && program.plan.kind != Kind::Socket {
                ends.write_all(&[u8::try_from(which).unwrap()]).unwrap();
            }
        }
        peer.turn(if moved { Duration::ZERO } else { Duration::from_millis(1) });
        prop_assert_eq!(&peer.over, &None);
        let left: Vec<_> =
            programs.iter().map(|program| (program.input.at, program.output.at, program.errors.at)).collect();
        assert!(Instant::now() < until, "stalled: {:?} got to {left:?}", plans);
    }
    for (which, (program, channel)) in programs.iter().zip(&channels).enumerate() {
        let (plan, session) = (program.plan, peer.session(*channel));
        for (came, all) in [(&session.stdout, plan.output), (&session.stderr, plan.errors)] {
            let n = if program.output.cut { u32::try_from(came.len()).unwrap() } else { all };
            assert!(n <= all && *came == bytes(0, n, n), "of {plan:?} came {}", came.len());
        }
        if program.output.cut {
            continue;
        }
        prop_assert_eq!(plan.deaf || program.input.is_done(), true);
        let status = (plan.kind != Kind::Socket).then(|| u32::try_from(which).unwrap());
        prop_assert_eq!(session.status(), status);
    }
    drop(peer);
    server.ended();
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 250,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn whoever_stops_and_goes_on_everything_arrives_and_ends(
        plans in proptest::collection::vec(plan(), 1..5),
        grants in [grant(), grant()],
        steps in proptest::collection::vec((any::<usize>(), step()), 0..80),
    ) {
        run(&plans, grants, &steps)?;
    }

    #[test]
    fn a_channel_that_is_closed_early_ends_and_holds_up_no_other(
        plans in proptest::collection::vec(plan(), 1..5),
        grants in [grant(), grant()],
        steps in proptest::collection::vec((any::<usize>(), step_or_close()), 0..80),
    ) {
        run(&plans, grants, &steps)?;
    }
}

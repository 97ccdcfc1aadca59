use std::collections::BTreeMap;
use std::ffi::CString;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Instant;

use nacre_reactor::{Application, Attachment, Driver, Ended, Exit, Io, Reactor, TimerId, Transport, WatchId};
use proto::channels::{
    ChannelRequest, ChannelType, Event as ChannelEvent, Grant, LocalId, OpenRefusal, Stream,
};
use proto::crypto::OsRng;
use proto::keys::PrivateKey;
use proto::userauth::{Method, Methods, Verdict};
use proto::wire::Role;
use proto::{
    ChannelQuestion, Config, Connection, Event, Server, ServerAuthEvent, ServerQuestion, transport, userauth,
};
use sys::spawn::{Command, Leads, Program};

use super::Peer;

/// What a test's script is called for.
pub enum Call<'a> {
    Start,
    LoggedIn,
    /// An `exec` whose command begins with neither `sh` nor `pty`.
    Exec(LocalId, &'a str),
    /// A `direct-tcpip` channel was opened.
    Forward(LocalId),
    /// Data of a channel that has nothing attached.
    Data(LocalId, &'a [u8]),
    Closed(LocalId),
    Drained(LocalId),
    Timer(TimerId),
    Readable(WatchId),
    Sendable(LocalId, Stream),
}

/// What a test does on the server.
pub type Script = Box<dyn FnMut(&mut Io<'_, Server>, Call<'_>) + Send>;

pub fn no_script() -> Script {
    Box::new(|_, _| {})
}

/// The application: everybody may in and run what they like.
pub struct Served {
    host_key: PrivateKey,
    script: Script,
    grant: Grant,
    ends: mpsc::Sender<(LocalId, sys::spawn::Ended)>,
    ended: mpsc::Receiver<(LocalId, sys::spawn::Ended)>,
    wake: UnixStream,
    woken: UnixStream,
    watch: Option<WatchId>,
    reapers: BTreeMap<LocalId, JoinHandle<()>>,
}

/// How it ended, and with what of its application.
pub struct Ran(pub JoinHandle<Ended>);

impl Ran {
    pub fn ended(self) -> Ended {
        self.0.join().unwrap()
    }
}

/// Serves over a pair of Unix sockets, on a thread of its own, and logs a client in.
pub fn serve(script: Script) -> (Peer, Ran) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let ran = serve_over(OwnedFd::from(theirs).into(), Grant::default(), script);
    let mut peer = Peer::new(ours.into());
    peer.log_in();
    (peer, ran)
}

pub fn serve_over(link: Transport, grant: Grant, script: Script) -> Ran {
    let host_key = PrivateKey::generate(&mut OsRng).unwrap();
    let mut config = transport::Config::new(Role::Server, transport::Ident::new("reactor", None).unwrap());
    config.host_keys = vec![host_key.public().blob()];
    let auth = userauth::server::Config {
        methods: Methods::EMPTY.with(Method::None).with(Method::Password),
        ..userauth::server::Config::default()
    };
    let config = Config::<Server>::new(config, auth);
    let connection = Connection::new(config, Box::new(OsRng), Instant::now()).unwrap();
    let (ends, ended) = mpsc::channel();
    let (wake, woken) = UnixStream::pair().unwrap();
    woken.set_nonblocking(true).unwrap();
    let served =
        Served { host_key, script, grant, ends, ended, wake, woken, watch: None, reapers: BTreeMap::new() };
    let driver = Driver::new(Reactor::new().unwrap(), link, connection, served).unwrap();
    Ran(std::thread::spawn(move || {
        let (ended, served) = driver.run();
        for (_, reaper) in served.reapers {
            reaper.join().unwrap();
        }
        ended
    }))
}

impl Served {
    /// Runs a shell command on a channel.
    fn run(&mut self, io: &mut Io<'_, Server>, channel: LocalId, script: &str, terminal: bool) {
        let (attachment, descriptors) = if terminal {
            let pty = sys::pty::Pty::open().unwrap();
            let follower: OwnedFd = pty.follower.into();
            let copies = [follower.try_clone().unwrap(), follower.try_clone().unwrap(), follower];
            (Attachment::terminal(pty.master.into()), copies)
        } else {
            let (stdin, input) = std::io::pipe().unwrap();
            let (output, stdout) = std::io::pipe().unwrap();
            let (errors, stderr) = std::io::pipe().unwrap();
            let attachment = Attachment::new()
                .sink(Stream::Data, input.into())
                .source(Stream::Data, output.into())
                .source(Stream::Stderr, errors.into());
            (attachment, [stdin.into(), stdout.into(), stderr.into()])
        };
        let program = Program::Path(CString::from(c"/bin/sh"));
        let standard = [descriptors[0].as_fd(), descriptors[1].as_fd(), descriptors[2].as_fd()];
        let mut command = Command::new(program, CString::from(c"sh"), standard);
        command.arguments.push(CString::from(c"-c"));
        command.arguments.push(CString::new(script).unwrap());
        command.environment.push(CString::from(c"PATH=/usr/bin:/bin"));
        command.leads = if terminal { Leads::Terminal } else { Leads::Session };
        let mut child = command.spawn().unwrap();
        drop(descriptors);
        io.attach(channel, attachment).unwrap();
        let (ends, wake) = (self.ends.clone(), self.wake.try_clone().unwrap());
        let reaper = std::thread::spawn(move || {
            let ended = child.wait().unwrap();
            // The loop may have ended.
            let _ = ends.send((channel, ended));
            let _ = std::io::Write::write(&mut &wake, &[1]);
        });
        self.reapers.insert(channel, reaper);
    }
}

impl Application for Served {
    type Side = Server;

    fn start(&mut self, io: &mut Io<'_, Server>) {
        self.watch = Some(io.watch(&self.woken).unwrap());
        (self.script)(io, Call::Start);
    }

    fn event(&mut self, io: &mut Io<'_, Server>, event: &Event<'_, Server>) {
        match event {
            Event::Auth(ServerAuthEvent::Authenticated(_)) => (self.script)(io, Call::LoggedIn),
            Event::Channel(ChannelEvent::Data { channel, data, .. }) => {
                (self.script)(io, Call::Data(*channel, data));
            }
            Event::Channel(ChannelEvent::Eof { channel }) => panic!("EOF of held {channel} came here"),
            Event::Channel(ChannelEvent::Closed { channel }) => (self.script)(io, Call::Closed(*channel)),
            _ => {}
        }
    }

    fn question(&mut self, io: &mut Io<'_, Server>, question: ServerQuestion<'_>) {
        match question {
            ServerQuestion::Sign { ticket, request } => {
                let signature = self.host_key.sign(request.algorithm, request.hash.as_bytes()).unwrap();
                io.connection().answer(ticket, signature).unwrap();
            }
            ServerQuestion::None { ticket, .. } => io.connection().answer(ticket, Verdict::Accept).unwrap(),
            ServerQuestion::Channel(ChannelQuestion::Open { ticket, channel, kind }) => {
                let answer = match kind {
                    ChannelType::Session | ChannelType::DirectTcpip { .. } => Ok(self.grant),
                    _ => Err(OpenRefusal::PROHIBITED),
                };
                io.hold(channel);
                io.connection().answer(ticket, answer).unwrap();
                if kind != ChannelType::Session {
                    (self.script)(io, Call::Forward(channel));
                }
            }
            ServerQuestion::Channel(ChannelQuestion::Request { ticket, channel, request }) => {
                let ChannelRequest::Exec { command } = request else {
                    io.connection().answer(ticket, matches!(request, ChannelRequest::PtyReq { .. })).unwrap();
                    return;
                };
                io.connection().answer(ticket, true).unwrap();
                let command = std::str::from_utf8(command.as_bytes()).unwrap();
                match command.split_once(' ') {
                    Some(("sh", script)) => self.run(io, channel, script, false),
                    Some(("pty", script)) => self.run(io, channel, script, true),
                    _ => (self.script)(io, Call::Exec(channel, command)),
                }
            }
            _ => {}
        }
    }

    fn readable(&mut self, io: &mut Io<'_, Server>, watch: WatchId) {
        if Some(watch) != self.watch {
            (self.script)(io, Call::Readable(watch));
            return;
        }
        while matches!((&self.woken).read(&mut [0; 64]), Ok(1..)) {}
        for (channel, ended) in self.ended.try_iter() {
            io.exit(
                channel,
                match ended {
                    sys::spawn::Ended::Exited(status) => Exit::Status(status.try_into().unwrap()),
                    sys::spawn::Ended::Killed { signal, core } => Exit::Signal {
                        name: signal.name().unwrap().to_owned(),
                        core_dumped: core,
                        message: Vec::new(),
                    },
                },
            );
        }
    }

    fn timer(&mut self, io: &mut Io<'_, Server>, timer: TimerId) {
        (self.script)(io, Call::Timer(timer));
    }

    fn drained(&mut self, io: &mut Io<'_, Server>, channel: LocalId) {
        (self.script)(io, Call::Drained(channel));
    }

    fn sendable(&mut self, io: &mut Io<'_, Server>, channel: LocalId, stream: Stream) {
        (self.script)(io, Call::Sendable(channel, stream));
    }
}

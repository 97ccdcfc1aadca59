//! The process that is the user's: it starts what the user runs, with the user's rights, and tells how it ended.
//!
//! ```text
//! monitor ── SessionStart, PtyOpened ──→ session ←── requests of net, which reads the network ── net
//!         ←── PtyOpen, SessionLog ───────   │   ─── Reply with descriptors, Exited, Signalled ──→
//!                                           └─ the user's programs
//! ```
//!
//! | module | noun |
//! |---|---|
//! | `account` | for whom: what the monitor found out about the user |
//! | `authority` | the monitor, as it is asked |
//! | `net` | net, as it is heard and told |
//! | `request` | what net may ask |
//! | `watch` | what the loop waits for |
//! | `table` | the sessions by number, and what each request does to them |
//! | `environment` | the variables of programs |
//! | `terminal` | a pseudo-terminal, until its program has it |
//! | `user_file` | the user's own variables |
//! | `agent` | the socket through which programs reach the client's agent |
//! | `x11` | a display of the client's |
//! | `program` | what is run instead of what was asked, and how it is started |
//! | `prologue` | what runs before it: the user's own file, or `xauth` |
//! | `signals` | names of signals |
//! | `forward` | connections past sessions: made for the client, and taken for it |
//!
//! Nothing that net says is trusted: it may have been taken over. A request is in the table, and within the permit, or it is refused;
//! what is no request at all is the end. Only descriptors of what the user may do anyway leave this process.
//!
//! It waits for nobody but the monitor (for a pty, which is answered at once): neither for names nor connections, nor for net, which
//! takes what waits for it when it has room. It ends with net: terminals hang up then, and programs without one are left to themselves.

mod account;
mod agent;
mod authority;
mod environment;
mod forward;
#[cfg(feature = "arbitrary")]
pub(crate) mod fuzzing;
mod limits;
mod net;
mod program;
mod prologue;
mod request;
mod signals;
mod table;
mod terminal;
mod user_file;
mod watch;
mod x11;

use std::fmt;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;
use std::time::Instant;

use sys::ids::Pid;
use sys::process;
use sys::signal::{Signal, SignalFd};
use sys::spawn::Ended;
use sys::title::Title;
use wire::{Human, Name};
use zeroize::Zeroizing;

use crate::log::Level;
use crate::protocol::monitor::SessionStart;
use crate::protocol::session::{Exited, Reply, Signalled};
use crate::protocol::{Link, LinkError};
use crate::settings::without_number;

use account::Account;
use authority::Authority;
use forward::Forwards;
use net::Net;
use request::Asked;
use table::{Answer, Table};
use watch::{Key, Watch};

pub(crate) use environment::PATH;
pub(crate) use prologue::main as prologue;

/// Why the process ends before net does.
#[derive(Debug)]
enum Fault {
    /// The monitor did not start us as it should.
    Start(LinkError),
    /// The monitor has gone, or breaks the rules.
    Monitor(LinkError),
    /// Net breaks the rules.
    Net(LinkError),
    /// The system refuses what every process may do.
    System(io::Error),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) => write!(f, "session: start: {error}"),
            Self::Monitor(error) => write!(f, "session: monitor: {error}"),
            Self::Net(error) => write!(f, "session: net: {error}"),
            Self::System(error) => write!(f, "session: {}", without_number(error)),
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

/// Is the session, to its end.
pub(crate) fn main() -> ExitCode {
    let Err(fault) = Role::take_up().and_then(|mut role| {
        let served = role.serve();
        if let Err(fault) = &served {
            role.authority.log(Level::Error, fault);
        }
        served
    }) else {
        return ExitCode::SUCCESS;
    };
    // For whoever debugs a server, when the monitor could not be told; else this goes nowhere.
    let _ = writeln!(io::stderr(), "{fault}");
    ExitCode::from(FAILED)
}

/// The status after a fault, as OpenSSH's processes have it.
const FAILED: u8 = 255;

struct Role {
    net: Net,
    authority: Authority,
    children: SignalFd,
    table: Table,
    forwards: Forwards,
    title: Option<Title>,
    user: String,
    shown: String,
}

impl Role {
    /// Takes the inherited link, and hears from the monitor what to be.
    fn take_up() -> Result<Self, Fault> {
        let [link, program] = sys::fd::inherited::<2>()?;
        let title = Title::claim();
        // With the user's rights alone, any other program of the user could take this process over, permit and all.
        process::set_not_dumpable()?;
        let mut monitor = Link::try_from(link)?;
        let incoming = monitor.receive(1).map_err(Fault::Start)?;
        let start =
            SessionStart::from_payload(incoming.payload).map_err(|error| Fault::Start(error.into()))?;
        let parent = i32::try_from(start.parent).unwrap_or_default();
        process::die_with_parent(Signal::KILL, Pid(parent))?;
        let zone = std::env::var_os("TZ").map(OsStringExt::into_vec);
        let account = Account::of(&start, zone).map_err(Fault::Start)?;
        let (level, own_ptys) = (start.log_level, start.own_ptys);
        let fd = incoming.fds.into_iter().next();
        let net =
            Link::try_from(fd.ok_or_else(|| Fault::Start(LinkError::Protocol("no link to net".into())))?)?;
        let mut role = Self {
            net: Net::new(net).map_err(Fault::Start)?,
            authority: Authority::new(monitor, level, own_ptys),
            children: SignalFd::new(&[Signal::CHLD])?,
            user: account.name(),
            forwards: Forwards::new(&account),
            table: Table::new(account, program),
            title,
            shown: String::new(),
        };
        role.show();
        Ok(role)
    }

    /// Serves until net has gone.
    fn serve(&mut self) -> Result<(), Fault> {
        loop {
            let ready = self.wait()?;
            if ready.contains(&Key::Monitor) {
                return Err(Fault::Monitor(self.authority.unasked()));
            }
            match self.turn(&ready) {
                Err(Fault::Net(LinkError::Closed)) => {
                    self.table.end(&mut self.authority);
                    return Ok(());
                }
                done => done?,
            }
            self.show();
        }
    }

    /// Waits until there is something to do, and tells what.
    fn wait(&self) -> io::Result<Vec<Key>> {
        let mut watch = Watch::default();
        watch.read(Key::Monitor, self.authority.as_fd());
        watch.read(Key::Children, self.children.as_fd());
        self.net.watch(&mut watch);
        self.forwards.watch(&mut watch, self.net.takes_incoming());
        watch.wait()
    }

    /// Does what there is to do.
    fn turn(&mut self, ready: &[Key]) -> Result<(), Fault> {
        self.net.flush().map_err(Fault::Net)?;
        // A channel that is closed and hung up is gone before its program's end is noticed, which nobody wants to hear then.
        if ready.contains(&Key::Request) {
            self.answer()?;
        }
        if ready.contains(&Key::Children) {
            self.reap()?;
        }
        self.forwards.attend(ready, Instant::now(), &mut self.authority, &mut self.net).map_err(Fault::Net)
    }

    /// Tells of programs that have ended.
    fn reap(&mut self) -> Result<(), Fault> {
        while self.children.next()?.is_some() {}
        self.forwards.reap();
        for (session, ended) in self.table.reap(&mut self.authority) {
            tell(&mut self.net, session, ended)?;
        }
        Ok(())
    }

    /// Does what net asks for next.
    fn answer(&mut self) -> Result<(), Fault> {
        let Some(incoming) = self.net.receive().map_err(Fault::Net)? else { return Ok(()) };
        // Net is spoken to while the request is answered.
        let payload = Zeroizing::new(incoming.payload.to_vec());
        let request = match Asked::read(&payload).map_err(Fault::Net)? {
            Asked::OfSession(request) => request,
            Asked::Forward(request) => {
                let now = Instant::now();
                return self
                    .forwards
                    .handle(&request, now, &mut self.authority, &mut self.net)
                    .map_err(Fault::Net);
            }
        };
        let listeners = &mut self.forwards.listeners;
        let Some((session, answer)) =
            self.table.handle(&request, &mut self.authority, listeners).map_err(Fault::Monitor)?
        else {
            return Ok(());
        };
        let Answer { good, fds, ended } = answer;
        self.net.send(&Reply { session, good }, fds).map_err(Fault::Net)?;
        ended.map_or(Ok(()), |ended| tell(&mut self.net, session, ended))
    }

    /// Shows user and terminals to `ps`.
    fn show(&mut self) {
        let title = format!("sshd: {}@{}", self.user, self.table.terminals());
        if title != self.shown {
            if let Some(shown) = &mut self.title {
                shown.set(&title);
            }
            self.shown = title;
        }
    }
}

/// Tells net how a program ended.
fn tell(net: &mut Net, session: u32, ended: Ended) -> Result<(), Fault> {
    match ended {
        Ended::Exited(status) => {
            net.send(&Exited { session, status: u32::try_from(status).unwrap_or(u32::MAX) }, vec![])
        }
        Ended::Killed { signal, core } => {
            let name = Name::new(signals::name(signal)).map_err(|error| Fault::Net(error.into()))?;
            net.send(&Signalled { session, name, core, text: Human(b"") }, vec![])
        }
    }
    .map_err(Fault::Net)
}

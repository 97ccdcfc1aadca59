//! Programs that talk with the server: what they say, with an end to every patience.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use sys::pty::{Master, Pty, WindowSize};

use super::{kill, within};

/// How long one program may run, and how long one answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a program ended, and what it said.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Its exit status; none when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Outcome {
    /// Standard output as text, without carriage returns and the last line's end.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).replace('\r', "").trim_end_matches('\n').to_owned()
    }

    /// The same, of a program that must have succeeded.
    #[track_caller]
    pub(crate) fn success(&self) -> String {
        assert_eq!(self.code, Some(0), "{}\n{}", self.text(), self.stderr);
        self.text()
    }
}

/// Runs the program to its end, with `input` on its standard input.
#[track_caller]
pub(crate) fn finish(command: &mut Command, input: &[u8]) -> Outcome {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap_or_else(
            |error| {
                panic!("{command:?}: {error}");
            },
        );
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A program that does not read all of it is no error here.
    thread::spawn(move || drop(stdin.write_all(&input)));
    let stdout = collect(child.stdout.take().unwrap());
    let stderr = collect(child.stderr.take().unwrap());
    let end = Instant::now() + PATIENCE;
    let left = || end.saturating_duration_since(Instant::now());
    let (Ok(stdout), Ok(stderr)) = (stdout.recv_timeout(left()), stderr.recv_timeout(left())) else {
        let _ = child.kill();
        panic!("it did not end: {command:?}");
    };
    let Some(status) = within(left(), || child.try_wait().unwrap()) else {
        let _ = child.kill();
        panic!("it closed its output but did not end: {command:?}");
    };
    Outcome { code: status.code(), stdout, stderr: String::from_utf8_lossy(&stderr).into_owned() }
}

fn collect(mut from: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut all = Vec::new();
        let _ = from.read_to_end(&mut all);
        sender.send(all)
    });
    receiver
}

/// A conversation with a program that runs; it is killed at the end of the test.
pub(crate) struct Talk {
    child: Child,
    input: Option<File>,
    output: Receiver<Vec<u8>>,
    errors: Option<Receiver<Vec<u8>>>,
    seen: Vec<u8>,
}

/// A local terminal in which the program of a [`Talk`] runs.
pub(crate) struct Terminal {
    pub(crate) master: Master,
}

impl Terminal {
    /// As if somebody changed the size of the window.
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        self.master.resize(WindowSize { columns, rows, width: 0, height: 0 }).unwrap();
    }
}

impl Talk {
    /// Starts it with pipes.
    #[track_caller]
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let input = File::from(OwnedFd::from(child.stdin.take().unwrap()));
        let output = stream(child.stdout.take().unwrap());
        let errors = Some(collect(child.stderr.take().unwrap()));
        Self { child, input: Some(input), output, errors, seen: Vec::new() }
    }

    /// Starts it in a terminal of its own that has this size and what `stty` makes of these words.
    pub(crate) fn in_terminal(
        command: &Command,
        columns: u16,
        rows: u16,
        modes: &[&str],
    ) -> (Self, Terminal) {
        let pty = Pty::open().unwrap();
        pty.master.resize(WindowSize { columns, rows, width: 0, height: 0 }).unwrap();
        let follower = || Stdio::from(pty.follower.as_fd().try_clone_to_owned().unwrap());
        assert!(Command::new("stty").args(modes).stdin(follower()).status().unwrap().success());
        let mut inside = Command::new("setsid");
        inside.args(["-c", "--"]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        let child = inside.stdin(follower()).stdout(follower()).stderr(follower()).spawn().unwrap();
        let file = || File::from(pty.master.as_fd().try_clone_to_owned().unwrap());
        let talk =
            Self { child, input: Some(file()), output: stream(file()), errors: None, seen: Vec::new() };
        (talk, Terminal { master: pty.master })
    }

    /// Types this.
    pub(crate) fn send(&mut self, text: impl AsRef<[u8]>) {
        self.input.as_mut().unwrap().write_all(text.as_ref()).unwrap();
    }

    /// What it says up to and with `mark`.
    #[track_caller]
    pub(crate) fn until(&mut self, mark: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let found = self.seen.windows(mark.len()).position(|window| window == mark.as_bytes());
            if let Some(at) = found {
                let rest = self.seen.split_off(at + mark.len());
                let text = std::mem::replace(&mut self.seen, rest);
                return String::from_utf8_lossy(&text).into_owned();
            }
            match self.output.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(more) => self.seen.extend(more),
                Err(why) => self.give_up(mark, why),
            }
        }
    }

    /// What it says in exactly `count` bytes.
    #[track_caller]
    pub(crate) fn take(&mut self, count: usize) -> Vec<u8> {
        let end = Instant::now() + PATIENCE;
        while self.seen.len() < count {
            match self.output.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(more) => self.seen.extend(more),
                Err(why) => self.give_up("more bytes", why),
            }
        }
        let rest = self.seen.split_off(count);
        std::mem::replace(&mut self.seen, rest)
    }

    #[track_caller]
    fn give_up(&mut self, mark: &str, why: RecvTimeoutError) -> ! {
        let _ = self.child.kill();
        let errors =
            self.errors.take().and_then(|errors| errors.recv_timeout(PATIENCE).ok()).unwrap_or_default();
        panic!(
            "{mark:?} was not said ({why}) but {:?}, and on standard error {:?}",
            String::from_utf8_lossy(&self.seen),
            String::from_utf8_lossy(&errors)
        );
    }

    /// Ends its input and waits for its end.
    #[track_caller]
    pub(crate) fn end(mut self) -> Outcome {
        self.input = None;
        let mut stdout = std::mem::take(&mut self.seen);
        let end = Instant::now() + PATIENCE;
        loop {
            match self.output.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(more) => stdout.extend(more),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => self.give_up("the end", RecvTimeoutError::Timeout),
            }
        }
        let stderr =
            self.errors.take().and_then(|errors| errors.recv_timeout(PATIENCE).ok()).unwrap_or_default();
        let status = within(PATIENCE, || self.child.try_wait().unwrap()).expect("the program ends");
        Outcome { code: status.code(), stdout, stderr: String::from_utf8_lossy(&stderr).into_owned() }
    }

    /// Kills the program, as if the client's machine had lost its power but for the end of the connection.
    pub(crate) fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: &str) {
        kill(signal, self.child.id());
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn stream(mut from: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut buffer = vec![0; 65_536];
        // The master of a terminal says EIO at its end.
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            if sender.send(buffer[..count].to_vec()).is_err() {
                break;
            }
        }
    });
    receiver
}

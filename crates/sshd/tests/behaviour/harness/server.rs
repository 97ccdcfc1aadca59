//! A server of one test, gone at its end.

use std::ffi::OsStr;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{
    Account, Outcome, Process, Scratch, Talk, children, descendants, eventually, finish, kill, process,
    within, world,
};

/// What a server is started with.
pub(crate) struct Setup {
    config: String,
    authorized: String,
    arguments: Vec<String>,
    wrapper: Vec<String>,
    environment: Vec<(String, String)>,
}

/// A server that runs.
pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) scratch: Scratch,
    pub(crate) child: Child,
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

impl Setup {
    /// A server that lets the key `client` in.
    pub(crate) fn new() -> Self {
        let authorized = format!("{} test\n", world().public("client"));
        Self {
            config: String::new(),
            authorized,
            arguments: Vec::new(),
            wrapper: Vec::new(),
            environment: Vec::new(),
        }
    }

    /// Lines of the configuration, which go before those of every test; those from the first `Match` on go behind.
    pub(crate) fn config(mut self, lines: &str) -> Self {
        self.config.push_str(lines);
        self.config.push('\n');
        self
    }

    /// The `authorized_keys` file, instead of the one line.
    pub(crate) fn authorized(mut self, lines: &str) -> Self {
        lines.clone_into(&mut self.authorized);
        self
    }

    /// An argument beside those of every test.
    pub(crate) fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// What the server is started by, such as `nice -n 3`.
    pub(crate) fn under(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// Part of the server's own environment.
    pub(crate) fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Writes the files of a server on that port, and says where they are.
    pub(crate) fn files(&self, port: u16) -> Scratch {
        let scratch = Scratch::new();
        scratch.file("authorized_keys", &self.authorized);
        scratch.file("known_hosts", &format!("[127.0.0.1]:{port} {}\n", world().public("host")));
        let cut = self.config.find("Match").unwrap_or(self.config.len());
        let (first, last) = self.config.split_at(cut);
        let ours = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nPidFile none\n",
            world().key("host").display(),
            scratch.0.join("authorized_keys").display()
        );
        scratch.file("config", &format!("{first}{ours}{last}"));
        scratch
    }

    /// The command that starts a server with these files.
    pub(crate) fn command(&self, scratch: &Scratch, mode: &[&str]) -> Command {
        let program = world().program.as_os_str();
        let mut words = self.wrapper.iter().map(OsStr::new).chain([program]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).args(mode).arg("-f").arg(scratch.0.join("config")).args(&self.arguments);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts it, in the foreground, and waits until it listens.
    #[track_caller]
    pub(crate) fn start(self) -> Server {
        loop {
            let port = free_port();
            let scratch = self.files(port);
            let log = fs::File::create(scratch.0.join("log")).unwrap();
            let mut command = self.command(&scratch, &["-D", "-e"]);
            let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
            let mut server = Server { port, scratch, child };
            let started = eventually("the server listens", || {
                if server.log().contains("Server listening on ") {
                    return Some(true);
                }
                server.child.try_wait().unwrap().map(|_| false)
            });
            if started {
                return server;
            }
            // Somebody else took the port in between.
            assert!(server.log().contains("Address already in use"), "{}", server.log());
        }
    }
}

impl Server {
    /// One that lets `client` in, with the defaults.
    #[track_caller]
    pub(crate) fn start() -> Self {
        Setup::new().start()
    }

    /// One with these lines in its configuration.
    #[track_caller]
    pub(crate) fn with(config: &str) -> Self {
        Setup::new().config(config).start()
    }

    /// The listener's process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The listener's title.
    pub(crate) fn title(&self) -> String {
        process(self.pid()).expect("the listener runs").title
    }

    /// What the server has logged.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.scratch.0.join("log")).unwrap()).into_owned()
    }

    /// Waits until a line of the log holds `text`.
    #[track_caller]
    pub(crate) fn logs(&self, text: &str) -> String {
        let found = within(Duration::from_secs(20), || {
            self.log().lines().find(|line| line.contains(text)).map(str::to_owned)
        });
        found.unwrap_or_else(|| panic!("{text:?} was not logged but:\n{}", self.log()))
    }

    /// Stock `ssh` with its options, for the account of the run; then come more options, and the command.
    pub(crate) fn ssh(&self, words: &[&str]) -> Command {
        self.ssh_as(&world().account.name, words)
    }

    /// The same for another user.
    pub(crate) fn ssh_as(&self, user: &str, words: &[&str]) -> Command {
        self.ssh_with("client", user, words)
    }

    /// The same with that key.
    pub(crate) fn ssh_with(&self, key: &str, user: &str, words: &[&str]) -> Command {
        let mut command = Command::new("ssh");
        command.env_remove("SSH_AUTH_SOCK").env_remove("DISPLAY").env("TERM", "xterm");
        command
            .args(["-F", "none", "-e", "none", "-p", &self.port.to_string(), "-l", user, "-i"])
            .arg(world().key(key));
        // Options of the test go first, because the first value counts; the command goes behind the host.
        let options = words.iter().take_while(|word| word.starts_with('-')).count();
        command.args(&words[..options]);
        command.arg(format!("-oUserKnownHostsFile={}", self.scratch.0.join("known_hosts").display()));
        for option in
            ["IdentitiesOnly=yes", "GlobalKnownHostsFile=/dev/null", "BatchMode=yes", "LogLevel=ERROR"]
        {
            command.args(["-o", option]);
        }
        command.arg("127.0.0.1").args(&words[options..]);
        command
    }

    /// Runs `ssh` to its end.
    #[track_caller]
    pub(crate) fn run(&self, words: &[&str]) -> Outcome {
        finish(&mut self.ssh(words), b"")
    }

    /// Logs in and stays: a shell that has said it is there.
    #[track_caller]
    pub(crate) fn shell(&self, words: &[&str]) -> Talk {
        self.shell_as(&world().account, words)
    }

    /// The same for another account.
    #[track_caller]
    pub(crate) fn shell_as(&self, account: &Account, words: &[&str]) -> Talk {
        let mut talk = Talk::start(&mut self.ssh_as(&account.name, words));
        talk.send("echo RE''ADY\n");
        talk.until("READY");
        talk
    }

    /// A connection that says nothing.
    pub(crate) fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).unwrap()
    }

    /// The monitors: one for each connection.
    pub(crate) fn monitors(&self) -> Vec<Process> {
        children(self.pid())
    }

    /// Waits until no connection is left.
    #[track_caller]
    pub(crate) fn falls_silent(&self) {
        eventually("all processes of the connections end", || {
            descendants(self.pid()).is_empty().then_some(())
        });
    }

    /// Where a file of this server is.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.scratch.0.join(name)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let left = descendants(self.pid());
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Only those that are still who they were.
        for process in
            left.iter().filter(|&known| process(known.pid).is_some_and(|now| now.title == known.title))
        {
            kill("KILL", process.pid);
        }
        if std::thread::panicking() {
            println!("the log of the server on port {}:\n{}", self.port, self.log());
        }
    }
}

/// A connection whose sessions other clients may share.
pub(crate) struct Master<'a> {
    server: &'a Server,
    socket: String,
    /// It ends when this is dropped.
    _talk: Talk,
}

impl<'a> Master<'a> {
    /// One of a server; `number` tells it from others.
    pub(crate) fn new(server: &'a Server, number: usize) -> Self {
        Self::with(server, number, &[])
    }

    /// With more options.
    pub(crate) fn with(server: &'a Server, number: usize, options: &[&str]) -> Self {
        let socket = format!("{}", server.path(&format!("c{number}")).display());
        let control = format!("-S{socket}");
        let words = [&["-M", &control], options, &["echo RE''ADY; cat"]].concat();
        let mut talk = Talk::start(&mut server.ssh(&words));
        talk.until("READY");
        Self { server, socket, _talk: talk }
    }

    /// `ssh` that has its session over this connection.
    pub(crate) fn ssh(&self, words: &[&str]) -> Command {
        let control = format!("-S{}", self.socket);
        self.server.ssh(&[&[control.as_str()], words].concat())
    }
}

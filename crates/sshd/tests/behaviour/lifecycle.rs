//! A server's life: detached, told to read its configuration again, told to end; one connection only, on a socket or on
//! standard input.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use crate::harness::{
    Need, Outcome, Server, Setup, Talk, can, eventually, finish, free_port, kill, process, world,
};

/// A server that detached itself; killed at the end of its test.
struct Detached {
    pid: u32,
}

impl Drop for Detached {
    fn drop(&mut self) {
        let left = crate::harness::descendants(self.pid);
        for pid in left.iter().map(|process| process.pid).chain([self.pid]) {
            if process(pid).is_some() {
                kill("KILL", pid);
            }
        }
    }
}

#[test]
fn it_detaches_itself_writes_its_process_id_and_takes_it_away_at_its_end() {
    let port = free_port();
    let setup = Setup::new().config("");
    let scratch = setup.files(port);
    let pid_file = scratch.0.join("pid");
    let log = scratch.0.join("log");
    let mut command = setup.command(&scratch, &["-E", log.to_str().unwrap()]);
    let started = finish(command.arg(format!("-oPidFile={}", pid_file.display())), b"");
    assert_eq!((started.code, started.stderr.as_str()), (Some(0), ""));
    let text = eventually("the file is written", || {
        fs::read_to_string(&pid_file).ok().filter(|text| text.ends_with('\n'))
    });
    let detached = Detached { pid: text.trim_end().parse().unwrap() };
    let listener = process(detached.pid).unwrap();
    assert!(listener.title.contains("[listener]"), "{listener:?}");
    assert_ne!(listener.parent, std::process::id());
    let stat = fs::read_to_string(format!("/proc/{}/stat", detached.pid)).unwrap();
    let fields: Vec<_> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    assert_eq!(fields[3], detached.pid.to_string(), "it leads a session of its own");
    assert_eq!(fields[4], "0", "it has no terminal");
    TcpStream::connect(("127.0.0.1", port)).unwrap();
    kill("TERM", detached.pid);
    eventually("it ends", || process(detached.pid).is_none().then_some(()));
    assert!(!pid_file.exists());
    assert!(fs::read_to_string(&log).unwrap().contains("Received signal 15; terminating."));
}

#[test]
fn on_a_hang_up_it_reads_its_configuration_again_and_who_is_in_stays() {
    let server = Server::start();
    let pid_file = server.path("pid");
    let mut talk = server.shell(&["-tt"]);
    let config = fs::read_to_string(server.path("config")).unwrap();
    let config = config.replace("PidFile none", &format!("PidFile {}", pid_file.display()));
    server.scratch.file("config", &format!("ForceCommand echo the new one\n{config}"));
    assert_eq!(server.run(&["echo the old one"]).success(), "the old one", "it is read once");
    let listening = || server.log().matches("Server listening on").count();
    let before = listening();
    kill("HUP", server.pid());
    server.logs("Received SIGHUP; restarting.");
    eventually("it listens again", || (listening() > before).then_some(()));
    assert_eq!(server.run(&["echo the old one"]).success(), "the new one");
    assert_eq!(
        eventually("the file is written", || fs::read_to_string(&pid_file)
            .ok()
            .filter(|text| !text.is_empty())),
        format!("{}\n", server.pid())
    );
    talk.send("echo alive $((40 + 2))\n");
    talk.until("alive 42");
    talk.send("exit 3\n");
    assert_eq!(talk.end().code, Some(3));
}

#[test]
fn what_happens_to_the_files_later_disturbs_nobody() {
    let server = Server::start();
    server.scratch.file("config", "NoSuchThing\n");
    assert_eq!(server.run(&["echo in"]).success(), "in");
    if !can(&[Need::Ours]) {
        return;
    }
    let scratch = crate::harness::Scratch::new();
    let copy = scratch.0.join("sshd");
    crate::harness::copy_program(&world().program, &copy);
    let port = free_port();
    let setup = Setup::new();
    let files = setup.files(port);
    let log = fs::File::create(files.0.join("log")).unwrap();
    let mut command = Command::new(&copy);
    command.args(["-D", "-e", "-f"]).arg(files.0.join("config")).stdin(Stdio::null()).stderr(log);
    let server = Server { port, scratch: files, child: command.spawn().unwrap() };
    server.logs("Server listening on");
    fs::remove_file(&copy).unwrap();
    assert_eq!(server.run(&["-tt", "echo in"]).success(), "in");
}

/// `ssh` whose server is a child of it that has the connection as its standard input and output.
fn through_pipes(words: &[&str], config: &str) -> (Outcome, crate::harness::Scratch) {
    let setup = Setup::new().config(config);
    let files = setup.files(free_port());
    let errors = files.0.join("errors");
    let server = format!(
        "{} -i -f {} 2>>{}",
        world().program.display(),
        files.0.join("config").display(),
        errors.display()
    );
    let mut command = Command::new("ssh");
    command.env_remove("SSH_AUTH_SOCK").args(["-F", "none", "-e", "none", "-i"]).arg(world().key("client"));
    for option in ["IdentitiesOnly=yes", "BatchMode=yes", "LogLevel=ERROR", "HostKeyAlias=here"] {
        command.args(["-o", option]);
    }
    let known = files.file("known", &format!("here {}\n", world().public("host")));
    command.arg(format!("-oUserKnownHostsFile={}", known.display())).arg(format!("-oProxyCommand={server}"));
    command.args(["-l", &world().account.name, "here"]).args(words);
    (finish(&mut command, b"typed\n"), files)
}

#[test]
fn one_connection_can_be_served_on_standard_input_and_output() {
    let (outcome, files) = through_pipes(&["cat; echo \"$SSH_CONNECTION\"; exit 5"], "");
    assert_eq!(
        (outcome.code, outcome.text().as_str()),
        (Some(5), "typed\nUNKNOWN 65535 UNKNOWN 65535"),
        "{}",
        outcome.stderr
    );
    assert_eq!(
        fs::read_to_string(files.0.join("errors")).unwrap(),
        "",
        "it would reach the client's terminal"
    );
    // A peer that has no address has not that of anybody.
    let (outcome, _files) = through_pipes(&["echo command"], "Match Address *\nForceCommand echo matched");
    assert_eq!(outcome.text(), "command");
}

#[test]
fn on_standard_input_terminals_and_much_data_work_as_well() {
    let (outcome, _files) = through_pipes(&["head -c 20000000 /dev/zero; exit 2"], "RekeyLimit 1M");
    assert_eq!((outcome.code, outcome.stdout.len()), (Some(2), 20_000_000));
}

#[test]
fn the_greeting_is_written_even_at_the_end_of_input() {
    let setup = Setup::new();
    let files = setup.files(free_port());
    let outcome = finish(&mut setup.command(&files, &["-i"]), b"");
    assert!(outcome.stdout.starts_with(b"SSH-2.0-"), "{outcome:?}");
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(255), ""));
}

#[test]
fn the_greeting_is_written_to_a_file_as_well() {
    let setup = Setup::new();
    let files = setup.files(free_port());
    let path = files.0.join("said");
    let mut command = setup.command(&files, &["-i"]);
    command.stdin(Stdio::null()).stdout(fs::File::create(&path).unwrap());
    assert_eq!(command.status().unwrap().code(), Some(255));
    assert!(fs::read(path).unwrap().starts_with(b"SSH-2.0-"));
}

#[test]
fn an_old_protocol_is_refused_with_255() {
    let setup = Setup::new();
    let files = setup.files(free_port());
    let outcome = finish(&mut setup.command(&files, &["-i"]), b"SSH-1.5-old\r\n");
    assert_eq!(outcome.code, Some(255));
    assert!(outcome.stdout.starts_with(b"SSH-2.0-"));
}

#[test]
fn with_d_one_connection_is_served_and_told_of() {
    let port = free_port();
    let setup = Setup::new();
    let files = setup.files(port);
    let mut command = setup.command(&files, &["-d"]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut server = Server { port, scratch: files, child };
    server.scratch.file("log", "");
    let mut errors = BufReader::new(server.child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("Server listening on") {
        assert_ne!(errors.read_line(&mut said).unwrap(), 0, "{said}");
    }
    let rest = std::thread::spawn(move || {
        let mut rest = String::new();
        errors.read_to_string(&mut rest).map(|_| rest)
    });
    assert_eq!(server.run(&["echo in"]).success(), "in");
    let status = eventually("it ends with its connection", || server.child.try_wait().unwrap());
    let rest = rest.join().unwrap().unwrap();
    assert!(rest.contains("debug1: ") && rest.contains("Accepted publickey for"), "{rest}");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    assert!(status.code().is_some());
}

#[test]
fn a_client_that_leaves_in_the_middle_is_logged_and_gone() {
    let server = Server::start();
    let mut stream = server.connect();
    stream.write_all(b"SSH-2.0-test\r\n").unwrap();
    let mut some = [0; 100];
    stream.read_exact(&mut some).unwrap();
    drop(stream);
    let line = server.logs("Connection ");
    assert!(line.contains(" by 127.0.0.1 port "), "{line}");
    server.falls_silent();
    // So is one that only connects.
    drop(server.connect());
    server.falls_silent();
    drop(Talk::start(&mut server.ssh(&["-T"])));
    server.falls_silent();
}

use std::net::TcpStream;
use std::process::Command;

use crate::world::{
    Server, World, children, connect, first_line, free_port, outcome, rest, signal, title, wait_until,
};

#[test]
fn the_title_counts_connections_that_have_not_logged_in() {
    let world = World::new("MaxStartups 5:30:60\n");
    let server = world.serve(&[]);
    let config = world.path("config");
    let shown = |startups| {
        let program = env!("CARGO_BIN_EXE_sshd");
        format!("sshd: {program} -D -e -f {} [listener] {startups} of 5-60 startups", config.display())
    };
    assert_eq!(title(server.pid()), shown(0));
    let clients = [world.connect(), world.connect()];
    wait_until("two startups", || title(server.pid()) == shown(2));
    drop(clients);
    wait_until("no startup", || title(server.pid()) == shown(0));
}

#[test]
fn a_server_ends_when_told_to_and_takes_its_pid_file_with_it_but_no_connection() {
    let world = World::new("");
    let mut server = world.serve(&[]);
    assert_eq!(world.text("pid"), format!("{}\n", server.pid()));
    let client = world.connect();
    assert!(first_line(&client).starts_with("SSH-2.0-"));
    signal(server.pid(), "TERM");
    server.wait_for("Received signal 15; terminating.");
    assert!(server.end().success());
    assert!(!world.path("pid").exists());
    client.set_nonblocking(true).unwrap();
    let still_there = client.peek(&mut [0]);
    assert_eq!(still_there.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn without_d_it_goes_to_the_background_once_it_serves() {
    let world = World::new("");
    let log = world.path("log").display().to_string();
    assert_eq!(outcome(world.command(&["-E", &log])), (0, String::new(), String::new()));
    let pid: u32 = world.text("pid").trim().parse().unwrap();
    assert!(first_line(&world.connect()).starts_with("SSH-2.0-"));
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = status.rsplit(") ").next().unwrap().split(' ').collect();
    // Its group, its session, and no terminal.
    assert_eq!(fields[2..5], [pid.to_string(), pid.to_string(), "0".into()]);
    for fd in 0..3 {
        assert_eq!(std::fs::read_link(format!("/proc/{pid}/fd/{fd}")).unwrap().to_str(), Some("/dev/null"));
    }
    assert_eq!(directory(pid), "/");
    signal(pid, "TERM");
    wait_until("the pid file to go", || !world.path("pid").exists());
    assert!(world.text("log").contains("Received signal 15; terminating.\r\n"));
}

#[test]
fn an_address_that_cannot_be_had_is_told_to_the_caller() {
    let world = World::new("");
    let _taken = std::net::TcpListener::bind(("127.0.0.1", world.port)).unwrap();
    let log = world.path("log").display().to_string();
    assert_eq!(outcome(world.command(&["-E", &log])), (255, String::new(), String::new()));
    let expected = format!("Bind to port {} on 127.0.0.1 failed: Address already in use.\r\n", world.port);
    assert_eq!(world.text("log"), expected + "Cannot bind any address.\r\n");
    assert!(!world.path("pid").exists());
}

#[test]
fn too_many_startups_are_dropped_with_a_line_to_the_client_and_one_in_the_log() {
    let world = World::new("MaxStartups 2:100:3\n");
    let mut server = world.serve(&[]);
    let held = [world.connect(), world.connect()];
    for client in &held {
        assert!(first_line(client).starts_with("SSH-2.0-"));
    }
    let dropped = world.connect();
    let port = dropped.local_addr().unwrap().port();
    assert_eq!(rest(&dropped), "Not allowed at this time\r\n");
    let line = server.wait_for("drop connection");
    let expected =
        format!("drop connection #2 from [127.0.0.1]:{port} on [127.0.0.1]:{} MaxStartups", world.port);
    assert_eq!(line, expected);
    drop(held);
    wait_until("room", || first_line(&world.connect()).starts_with("SSH-2.0-"));
}

#[test]
fn a_client_that_does_not_log_in_is_gone_at_its_time_and_does_not_count_then() {
    let world = World::new("LoginGraceTime 1\n");
    let mut server = world.serve(&[]);
    let client = world.connect();
    assert!(first_line(&client).starts_with("SSH-2.0-"));
    let child = children(server.pid())[0];
    rest(&client);
    let line = server.wait_for("Timeout before authentication");
    let expected =
        format!("Timeout before authentication for connection from 127.0.0.1 to 127.0.0.1, pid = {child}");
    assert_eq!(line, expected);
    wait_until("no startup", || title(server.pid()).contains(" 0 of "));
}

#[test]
fn a_monitor_that_is_killed_is_said_and_nothing_else_is_harmed() {
    let world = World::new("");
    let mut server = world.serve(&[]);
    let client = world.connect();
    assert!(first_line(&client).starts_with("SSH-2.0-"));
    let child = children(server.pid())[0];
    signal(child, "KILL");
    let expected =
        format!("session process {child} for connection from 127.0.0.1 to 127.0.0.1 killed by signal 9");
    assert_eq!(server.wait_for("session process"), expected);
    assert!(first_line(&world.connect()).starts_with("SSH-2.0-"));
}

#[test]
fn hup_reads_the_configuration_again_while_clients_are_connected() {
    let world = World::new("MaxStartups 5:30:60\n");
    let mut server = world.serve(&[]);
    let client = world.connect();
    assert!(first_line(&client).starts_with("SSH-2.0-"));
    let second = free_port();
    world.configure(second, "MaxStartups 6:30:60\n");
    std::fs::remove_file(world.path("pid")).unwrap();
    signal(server.pid(), "HUP");
    server.wait_for("Received SIGHUP; restarting.");
    server.wait_for(&format!("Server listening on 127.0.0.1 port {second}."));
    wait_until("the pid file", || world.text("pid") == format!("{}\n", server.pid()));
    // The connection from before still counts.
    wait_until("the new limit", || title(server.pid()).ends_with("[listener] 1 of 6-60 startups"));
    assert!(first_line(&connect(second)).starts_with("SSH-2.0-"));
    assert!(TcpStream::connect(("127.0.0.1", world.port)).is_err());
}

#[test]
fn a_configuration_that_became_bad_changes_nothing() {
    let world = World::new("");
    let mut server = world.serve(&[]);
    world.configure(free_port(), "Foo 1\n");
    // What is read is read once: nobody minds the file until told to read it.
    assert!(first_line(&world.connect()).starts_with("SSH-2.0-"));
    signal(server.pid(), "HUP");
    server.wait_for("Received SIGHUP; restarting.");
    server.wait_for(&format!("{}: line 4: Bad configuration option: Foo", world.path("config").display()));
    server.wait_for("What was configured before stays in use.");
    assert!(first_line(&world.connect()).starts_with("SSH-2.0-"));
}

#[test]
fn debugging_serves_one_connection_in_the_same_process() {
    let world = World::new("");
    let mut server = Server::start(world.command(&["-ddd"]));
    server.wait_for("Server listening on");
    let client = world.connect();
    assert!(first_line(&client).starts_with("SSH-2.0-"));
    assert!(TcpStream::connect(("127.0.0.1", world.port)).is_err());
    drop(client);
    server.end();
    assert!(!world.path("pid").exists());
}

#[test]
fn without_descriptors_it_waits_without_work_and_goes_on_when_there_are_some() {
    let world = World::new("MaxStartups 1000\n");
    let mut command = Command::new("sh");
    let script = "ulimit -Sn 32; exec \"$0\" -D -e -f \"$1\"";
    command.args(["-c", script, env!("CARGO_BIN_EXE_sshd")]).arg(world.path("config"));
    let mut server = Server::start(command);
    server.wait_for("Server listening on");
    let clients: Vec<TcpStream> = (0..40).map(|_| world.connect()).collect();
    let line = server.wait_for("accept: Too many open files");
    let said = server.seen.iter().filter(|seen| **seen == line).count();
    assert_eq!(said, 1);
    drop(clients);
    assert!(first_line(&world.connect()).starts_with("SSH-2.0-"));
    let again = server.seen.iter().filter(|seen| **seen == line).count();
    assert_eq!(again, 1);
}

/// Where a process is.
fn directory(pid: u32) -> String {
    std::fs::read_link(format!("/proc/{pid}/cwd")).unwrap().display().to_string()
}

/// Its process group and its session.
fn group_and_session(pid: u32) -> [u32; 2] {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let mut fields = stat.rsplit(") ").next().unwrap().split(' ').skip(2);
    [(); 2].map(|()| fields.next().unwrap().parse().unwrap())
}

#[test]
fn addresses_are_narrowed_and_widened_while_it_runs() {
    let world = World::new("");
    let configure = |address: &str| {
        let [key, pid] = ["key", "pid"].map(|name| world.path(name).display().to_string());
        let lines = format!("HostKey {key}\nPidFile {pid}\nListenAddress {address}:{}\n", world.port);
        std::fs::write(world.path("config"), lines).unwrap();
    };
    configure("0.0.0.0");
    let mut server = Server::start(world.command(&["-D", "-e"]));
    server.wait_for("Server listening on 0.0.0.0 port ");
    wait_until("the pid file", || world.text("pid").ends_with('\n'));
    let is_served = |address: &str| match TcpStream::connect((address, world.port)) {
        Ok(stream) => first_line(&stream).starts_with("SSH-2.0-"),
        Err(_) => false,
    };
    assert!(is_served("127.0.0.2"));
    configure("127.0.0.1");
    signal(server.pid(), "HUP");
    server.wait_for("Server listening on 127.0.0.1 port ");
    wait_until("the narrow address", || !is_served("127.0.0.2"));
    assert!(is_served("127.0.0.1"));
    configure("0.0.0.0");
    signal(server.pid(), "HUP");
    server.wait_for("Server listening on 0.0.0.0 port ");
    assert!(is_served("127.0.0.2") && is_served("127.0.0.1"));
}

#[test]
fn every_address_of_ipv4_comes_before_every_one_of_ipv6() {
    let world = World::new("");
    let text = world.text("config").replace("ListenAddress 127.0.0.1:", "Port ");
    std::fs::write(world.path("config"), text).unwrap();
    let mut server = Server::start(world.command(&["-D", "-e"]));
    server.wait_for("Server listening on 0.0.0.0 port ");
    assert_eq!(server.seen.len(), 1);
}

#[test]
fn a_monitor_has_a_session_of_its_own() {
    let world = World::new("");
    let server = world.serve(&[]);
    let client = world.connect();
    assert!(first_line(&client).starts_with("SSH-2.0-"));
    let monitor = children(server.pid())[0];
    assert_eq!(group_and_session(monitor), [monitor; 2]);
    assert_ne!(group_and_session(server.pid())[1], monitor);
}

#[test]
fn every_process_has_the_program_s_name() {
    let world = World::new("");
    let server = world.serve(&[]);
    let client = world.connect();
    assert!(first_line(&client).starts_with("SSH-2.0-"));
    let monitor = children(server.pid())[0];
    let net = children(monitor)[0];
    for pid in [server.pid(), monitor, net] {
        assert_eq!(std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap(), "sshd\n", "{}", title(pid));
    }
}

#[test]
fn the_directory_it_was_started_in_is_left_and_paths_within_still_mean_the_same() {
    let world = World::new("");
    let text = world.text("config");
    let text = text.lines().filter(|line| !line.starts_with("HostKey")).collect::<Vec<_>>().join("\n");
    std::fs::write(world.path("config"), text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sshd"));
    command.args(["-D", "-E", "log", "-f", "config", "-h", "key"]).current_dir(world.path("."));
    let server = Server::start(command);
    wait_until("the pid file", || world.text("pid").ends_with('\n'));
    assert_eq!(directory(server.pid()), "/");
    std::fs::rename(world.path("log"), world.path("log.1")).unwrap();
    let second = free_port();
    std::fs::write(
        world.path("config"),
        format!("ListenAddress 127.0.0.1:{second}\nPidFile {}\n", world.path("pid").display()),
    )
    .unwrap();
    signal(server.pid(), "HUP");
    let expected = format!("Server listening on 127.0.0.1 port {second}.\r\n");
    wait_until("the new address", || world.text("log").contains(&expected));
    let client = connect(second);
    assert!(first_line(&client).starts_with("SSH-2.0-"));
    assert_eq!(directory(children(server.pid())[0]), "/");
}

#[test]
fn files_that_became_fifos_are_not_waited_for() {
    let world = World::new("");
    let mut server = world.serve(&[]);
    let make_fifo = |name: &str| {
        std::fs::remove_file(world.path(name)).unwrap();
        let made = Command::new("mkfifo").args(["-m", "600"]).arg(world.path(name)).status().unwrap();
        assert!(made.success());
    };
    make_fifo("key");
    signal(server.pid(), "HUP");
    server.wait_for("sshd: no hostkeys available");
    server.wait_for("What was configured before stays in use.");
    make_fifo("config");
    signal(server.pid(), "HUP");
    server.wait_for(&format!("{}: not a regular file", world.path("config").display()));
    server.wait_for("What was configured before stays in use.");
    assert!(first_line(&world.connect()).starts_with("SSH-2.0-"));
}

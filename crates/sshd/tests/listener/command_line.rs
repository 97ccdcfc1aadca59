use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use crate::world::{World, outcome, sshd};

#[test]
fn an_option_that_is_none_shows_the_usage_and_the_version_is_shown_when_asked_for() {
    let (status, _, stderr) = outcome(sshd(&["-Z"]));
    assert_eq!(status, 1);
    assert!(stderr.starts_with("unknown option -- Z\r\n"), "{stderr}");
    assert!(stderr.contains("\nusage: sshd "), "{stderr}");
    let (status, stdout, stderr) = outcome(sshd(&["-V"]));
    assert_eq!((status, stdout.as_str()), (0, ""));
    assert_eq!(stderr, concat!("Nacre_", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn a_bad_configuration_is_told_line_by_line_with_openssh_s_status() {
    let world = World::new("Foo 1\nBar 2\n");
    let path = world.path("config").display().to_string();
    let (status, _, stderr) = outcome(world.command(&["-t"]));
    let expected = [
        format!("{path}: line 4: Bad configuration option: Foo\r\n"),
        format!("{path}: line 5: Bad configuration option: Bar\r\n"),
        format!("{path}: terminating, 2 bad configuration options\r\n"),
    ];
    assert_eq!((status, stderr), (255, expected.concat()));
    assert_eq!(outcome(world.command(&["-tq"])), (255, String::new(), String::new()));
    let log = world.path("log").display().to_string();
    assert_eq!(outcome(world.command(&["-t", &format!("-E{log}")])), (255, String::new(), String::new()));
    assert_eq!(world.text("log"), expected.concat());
}

#[test]
fn what_is_wrong_outside_of_the_file_has_status_1() {
    let world = World::new("");
    let said = |arguments: &[&str]| {
        let (status, _, stderr) = outcome(world.command(arguments));
        (status, stderr)
    };
    assert_eq!(
        said(&["-t", "-oFoo=1"]),
        (1, "command-line: line 0: Bad configuration option: Foo\r\n".into())
    );
    let of_a_value = said(&["-t", "-oPermitRootLogin=perhaps"]);
    assert_eq!(of_a_value.0, 255, "{of_a_value:?}");
    assert_eq!(said(&["-T", "-C", "foo=1"]), (1, "Invalid test mode specification foo=1\n".into()));
    assert_eq!(said(&["-p0"]), (1, "Bad port number.\n".into()));
    assert_eq!(
        outcome(sshd(&["-tf/nonexistent/config"])),
        (1, String::new(), "/nonexistent/config: No such file or directory\n".into())
    );
    let bad_log = outcome(world.command(&["-E", "/nonexistent/log"]));
    assert_eq!(
        bad_log,
        (1, String::new(), "Couldn't open logfile /nonexistent/log: No such file or directory\n".into())
    );
}

#[test]
fn a_server_without_a_key_does_not_start_and_the_dump_without_keys_does_not_care() {
    let world = World::new("");
    fs::remove_file(world.path("key")).unwrap();
    for mode in ["-t", "-T", "-D"] {
        let (status, stdout, stderr) = outcome(world.command(&[mode]));
        assert_eq!((status, stdout.as_str()), (1, ""));
        let missing = format!("Unable to load host key: {}\r\n", world.path("key").display());
        assert_eq!(stderr, missing + "sshd: no hostkeys available -- exiting.\r\n");
    }
    assert_eq!(outcome(world.command(&["-G"])).0, 0);
}

#[test]
fn a_good_configuration_is_silent() {
    let world = World::new("Ciphers 3des-cbc,aes128-ctr\nSubsystem sftp internal-sftp\n");
    assert_eq!(outcome(world.command(&["-t"])), (0, String::new(), String::new()));
}

#[test]
fn a_dump_read_again_is_the_same_dump() {
    let world =
        World::new("MaxStartups 5:30:60\nBanner none\nAcceptEnv LANG LC_*\nMatch user bob\nMaxAuthTries 2\n");
    let (status, dump, _) = outcome(world.command(&["-T"]));
    assert_eq!(status, 0);
    assert!(dump.contains("\nMaxStartups 5:30:60\n") && dump.contains("\nMaxAuthTries 6\n"), "{dump}");
    let (_, of_bob, _) = outcome(world.command(&["-T", "-C", "user=bob,host=h,addr=192.0.2.1,"]));
    assert!(of_bob.contains("\nMaxAuthTries 2\n"), "{of_bob}");
    fs::write(world.path("config"), &dump).unwrap();
    assert_eq!(outcome(world.command(&["-T"])), (0, dump, String::new()));
}

#[test]
fn included_files_come_in_the_order_of_their_names() {
    let world = World::new("");
    fs::create_dir(world.path("d")).unwrap();
    fs::write(world.path("d/20.conf"), "MaxSessions 20\n").unwrap();
    fs::write(world.path("d/10.conf"), "MaxSessions 10\nMaxAuthTries 9\n").unwrap();
    fs::write(world.path("d/.1.conf"), "MaxSessions 1\n").unwrap();
    world.configure(world.port, &format!("Include {}/*.conf\n", world.path("d").display()));
    let (_, dump, _) = outcome(world.command(&["-T"]));
    assert!(dump.contains("\nMaxSessions 10\n") && dump.contains("\nMaxAuthTries 9\n"), "{dump}");
}

#[test]
fn a_connection_on_standard_input_gets_its_line_and_nothing_is_said_on_standard_error() {
    let world = World::new("");
    let mut command = world.command(&["-i"]);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It is at its end already when the server comes to look.
    child.stdin.take().unwrap().write_all(b"").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.stdout.starts_with(b"SSH-2.0-"), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");

    world.configure(world.port, "Foo 1\n");
    let (status, stdout, stderr) = outcome(world.command(&["-i"]));
    assert_eq!((status, stdout.as_str(), stderr.as_str()), (255, "", ""));
}

#[test]
fn a_connection_is_specified_for_the_dump_only() {
    let world = World::new("");
    let expected = "Config test connection parameter (-C) provided without test mode (-T)\r\n";
    for mode in ["-D", "-t", "-G"] {
        let said = outcome(world.command(&[mode, "-C", "user=bob"]));
        assert_eq!(said, (255, String::new(), expected.into()), "{mode}");
    }
}

#[test]
fn a_fifo_is_no_host_key_and_nobody_waits_for_it() {
    let world = World::new("");
    let fifo = world.path("fifo");
    assert!(Command::new("mkfifo").args(["-m", "600"]).arg(&fifo).status().unwrap().success());
    let (status, _, stderr) = outcome(world.command(&["-t", "-h", fifo.to_str().unwrap()]));
    let expected = format!(
        "Unable to load host key \"{0}\": not a regular file\r\nUnable to load host key: {0}\r\n",
        fifo.display()
    );
    assert_eq!((status, stderr), (0, expected));
}

#[test]
fn an_address_that_is_a_name_nobody_knows_is_told() {
    let world = World::new("ListenAddress -nowhere\n");
    let (status, _, stderr) = outcome(world.command(&["-D"]));
    assert_eq!((status, stderr), (255, "bad addr or host: -nowhere (Name or service not known)\r\n".into()));
}

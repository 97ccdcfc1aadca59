//! How a program begins: what the user's files do before it, and programs that are inside of ours.

use std::fs;
use std::io::Write;
use std::os::fd::OwnedFd;

use tempfile::TempDir;

use super::played::{Ask, Setup, VERBOSE, outputs, rest};
use super::{read_until, terminal, terminal_output};

/// A home with these files below `.ssh`.
fn home(files: &[(&str, &str)]) -> (TempDir, String) {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join(".ssh")).unwrap();
    for (name, text) in files {
        fs::write(home.path().join(".ssh").join(name), text).unwrap();
    }
    let path = home.path().to_str().unwrap().to_owned();
    (home, path)
}

#[test]
fn the_users_own_file_runs_before_the_program_with_its_variables_and_place() {
    let (_home, path) = home(&[("rc", "cat; echo $0 $USER $(pwd); echo to errors >&2; exit 3")]);
    let mut session = Setup { user_rc: true, home: path.clone(), ..Setup::default() }.start();
    let (output, errors, ended) = session.run(0, "echo program; cat; exit 5");
    assert_eq!(output, format!("{path}/.ssh/rc alice {path}\nprogram\n"));
    assert_eq!((errors.as_str(), ended), ("to errors\n", Ok(5)));
}

#[test]
fn the_users_own_file_leaves_the_programs_input_and_name_alone() {
    let (_home, path) = home(&[("rc", "true")]);
    let mut session = Setup { user_rc: true, home: path, ..Setup::default() }.start();
    let fds = session.ask(0, Ask::Shell).unwrap();
    let [input, output, errors]: [OwnedFd; 3] = fds.try_into().unwrap();
    let mut file = fs::File::from(input);
    file.write_all(b"echo $0; ls /proc/self/fd | wc -w\n").unwrap();
    let (output, errors) = outputs(vec![file.into(), output, errors]);
    assert_eq!((output.as_str(), errors.as_str(), session.ended()), ("-sh\n4\n", "", (0, Ok(0))));
}

#[test]
fn the_users_own_file_has_the_programs_terminal() {
    let (_home, path) = home(&[("rc", "echo rc on $(tty <&2); test -t 1 && echo a terminal")]);
    let mut session = Setup { user_rc: true, home: path, ..Setup::default() }.start();
    let master = fs::File::from(terminal(&mut session, 0));
    assert!(session.ask(0, Ask::Exec("echo program on $(tty); read x")).is_some());
    let text = read_until(&master, "program on /dev/pts/");
    assert!(text.contains("rc on /dev/pts/") && text.contains("a terminal"), "{text}");
    (&master).write_all(b"\n").unwrap();
    assert!(terminal_output(master.into()).contains('\n'));
    assert_eq!(session.ended(), (0, Ok(0)));
}

#[test]
fn the_users_own_file_is_for_no_subsystem_and_only_where_it_is_permitted() {
    let (_home, path) = home(&[("rc", "echo rc")]);
    let subsystems = vec![("sub", "echo sub")];
    let mut session = Setup { user_rc: true, subsystems, home: path.clone(), ..Setup::default() }.start();
    let fds = session.ask(0, Ask::Subsystem("sub")).unwrap();
    assert_eq!(outputs(fds).0, "sub\n");
    assert_eq!(session.ended(), (0, Ok(0)));
    let mut session = Setup { home: path, ..Setup::default() }.start();
    assert_eq!(session.run(0, "echo program").0, "program\n");
}

#[test]
fn a_program_is_missed_after_the_users_own_file_too() {
    let (_home, path) = home(&[("rc", "echo rc")]);
    let setup = Setup { user_rc: true, home: path, shell: "/nonexistent/shell", ..Setup::default() };
    let mut session = setup.start();
    let (output, errors, ended) = session.run(0, "true");
    // The file is run by the shell, which is not there.
    assert_eq!((output.as_str(), ended), ("", Ok(1)));
    assert!(errors.ends_with("/nonexistent/shell: No such file or directory\n"), "{errors}");
}

#[test]
fn a_slow_file_of_the_user_holds_up_its_own_program_only() {
    let (_home, path) = home(&[("rc", "cat > /dev/null; case $SLOW in yes) read x < \"$HOME/gate\";; esac")]);
    let gate = format!("{path}/gate");
    assert!(std::process::Command::new("mkfifo").arg(&gate).status().unwrap().success());
    let setup = Setup { user_rc: true, accept_env: vec!["SLOW"], home: path, ..Setup::default() };
    let mut session = setup.start();
    assert!(session.ask(0, Ask::Env("SLOW", "yes")).is_some());
    let slow = session.ask(0, Ask::Exec("echo slow")).unwrap();
    assert_eq!(session.run(1, "echo quick").0, "quick\n");
    fs::write(&gate, "go\n").unwrap();
    assert_eq!(outputs(slow).0, "slow\n");
    assert_eq!(session.ended(), (0, Ok(0)));
}

#[test]
fn the_users_own_variables_reach_programs_as_far_as_patterns_let_them() {
    let (_home, path) = home(&[("environment", "MY_A=file\nBAD\nMY_B=file 2\nOTHER=file\n")]);
    let setup = Setup {
        user_env: vec!["MY_*"],
        key_env: vec![("MY_A", "key"), ("MY_C", "key")],
        set_env: vec![("MY_B", "server")],
        home: path.clone(),
        ..Setup::default()
    };
    let mut session = setup.start();
    let (output, errors, _) = session.run(0, "echo \"$MY_A,$MY_B,$MY_C,$OTHER\"");
    assert_eq!(output, "file,server,key,\n");
    assert_eq!(errors, format!("Bad line 2 in {path}/.ssh/environment\n"));
    let mut session = Setup { home: path, ..Setup::default() }.start();
    assert_eq!(session.run(0, "echo \"$MY_A\""), ("\n".into(), String::new(), Ok(0)));
}

#[test]
fn internal_sftp_is_served_by_this_program_whatever_the_shell_and_its_status_told() {
    // The first packet of a client, version 3, and how the answer begins.
    let (init, version) = ([0, 0, 0, 5, 1, 0, 0, 0, 3], [2, 0, 0, 0, 3]);
    let (_home, path) = home(&[("rc", "echo rc")]);
    let cases = [("internal-sftp -l QUIET", None), ("cat", Some("internal-sftp"))];
    for (subsystem, forced) in cases {
        let subsystems = vec![("sftp", subsystem)];
        let (home, shell) = (path.clone(), "/usr/sbin/nologin");
        let setup = Setup { subsystems, forced, home, shell, user_rc: true, ..Setup::default() };
        let mut session = setup.start();
        let fds = session.ask(0, Ask::Subsystem("sftp")).unwrap();
        let [input, output, errors]: [OwnedFd; 3] = fds.try_into().unwrap();
        let mut input = fs::File::from(input);
        input.write_all(&init).unwrap();
        drop(input);
        let answer = rest(&fs::File::from(output));
        assert_eq!(answer.get(4..9), Some(version.as_slice()));
        assert_eq!((rest(&fs::File::from(errors)), session.ended()), (Vec::new(), (0, Ok(0))));
    }
}

#[test]
fn a_forced_internal_sftp_serves_nothing_but_sftp() {
    let mut session = Setup { forced: Some("internal-sftp"), ..Setup::default() }.start();
    let told = session.run(0, "echo something else");
    let line = "This service allows sftp connections only.\n";
    assert_eq!(told, (line.into(), String::new(), Ok(1)));
    assert_eq!(
        session.line().unwrap(),
        "Connection from user alice 192.0.2.1 port 4711: refusing non-sftp session"
    );
    let master = terminal(&mut session, 1);
    assert!(session.ask(1, Ask::Shell).is_some());
    assert_eq!(session.ended(), (1, Ok(1)));
    assert_eq!(terminal_output(master), "This service allows sftp connections only.\r\n");
}

#[test]
fn sessions_that_end_with_the_connection_are_named_in_the_log_too() {
    let mut session = Setup { level: VERBOSE, ..Setup::default() }.start();
    let _running = session.ask(0, Ask::Exec("exec sleep 60")).unwrap();
    let _prepared = terminal(&mut session, 1);
    session.net = None;
    let lines: Vec<String> = std::iter::from_fn(|| session.line()).collect();
    let closed = |id: usize| format!("Close session: user alice from 192.0.2.1 port 4711 id {id}");
    assert_eq!(lines[lines.len() - 2..], [closed(0), closed(1)]);
}

#[test]
fn scp_is_served_where_there_is_none() {
    let (_home, path) = home(&[("rc", "true")]);
    fs::write(format!("{path}/file"), "text").unwrap();
    for user_rc in [false, true] {
        let set_env = vec![("PATH", "/nonexistent")];
        let mut session = Setup { user_rc, set_env, home: path.clone(), ..Setup::default() }.start();
        let fds = session.ask(0, Ask::Exec("scp -f file")).unwrap();
        let [input, output, errors]: [OwnedFd; 3] = fds.try_into().unwrap();
        let mut input = fs::File::from(input);
        input.write_all(&[0; 3]).unwrap();
        let (output, _) = outputs(vec![input.into(), output, errors]);
        assert_eq!((output.as_str(), session.ended()), ("C0644 4 file\ntext\0", (0, Ok(0))));
    }
}

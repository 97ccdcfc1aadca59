//! What happens in a session's terminal (S9, S18, S19, S23, S53, S54, S56, S57): echo, sizes, modes, signals.

use std::time::Duration;

use crate::harness::{Server, Talk, descendants, eventually, finish, process, within};

#[test]
fn what_is_typed_is_echoed_by_the_kernel_and_answered() {
    let server = Server::start();
    let mut talk = server.shell(&["-tt"]);
    talk.send("echo $((6 * 7))=\r");
    let said = talk.until("42=");
    assert!(said.contains("echo $((6 * 7))="), "{said}");
    talk.send("PS1=; PS2=; bind 'set enable-bracketed-paste off'; stty -echo; exec sh\n");
    talk.send("PS1=; echo QUI''ET\n");
    talk.until("QUIET\r\n");
    talk.send("echo $((6 * 8))=\n");
    let said = talk.until("48=");
    assert!(!said.contains("6 * 8"), "nobody but the line discipline echoes: {said}");
    talk.send("exit 9\n");
    assert_eq!(talk.end().code, Some(9));
}

#[test]
fn sizes_and_modes_of_the_clients_terminal_arrive_and_changes_too() {
    let server = Server::start();
    let command = "trap 'echo told' WINCH; stty -a; echo RE''ADY; while :; do stty size; sleep 0.02; done";
    let modes = ["intr", "^A", "erase", "^B", "eof", "^F", "-ixon", "iutf8", "-echok", "tostop", "ixany"];
    let (mut talk, terminal) = Talk::in_terminal(&server.ssh(&["-t", command]), 132, 43, &modes);
    let said = talk.until("READY").replace('\r', "");
    assert!(said.contains("rows 43; columns 132;"), "{said}");
    for word in ["intr = ^A;", "erase = ^B;", "eof = ^F;"] {
        assert!(said.contains(word), "no {word} in {said}");
    }
    let words: Vec<_> = said.split_whitespace().collect();
    for word in ["-ixon", "iutf8", "-echok", "tostop", "ixany", "icanon", "isig", "echo"] {
        assert!(words.contains(&word), "no {word} in {said}");
    }
    for (columns, rows) in [(101, 17), (1, 1), (300, 100)] {
        terminal.resize(columns, rows);
        talk.until(&format!("\n{rows} {columns}\r\n"));
    }
    terminal.resize(80, 24);
    talk.until("told\r\n");
    // Its interrupt character is ^A now. A shell goes on when what it waits for ends by itself at that very moment.
    eventually("the command ends", || {
        let runs = descendants(server.pid()).iter().any(|one| one.title.contains("RE''ADY"));
        if runs {
            talk.send("\x01");
        }
        (!runs).then_some(())
    });
}

#[test]
fn control_c_interrupts_what_is_in_the_foreground() {
    let server = Server::start();
    let mut talk = server.shell(&["-tt"]);
    talk.send("sleep 100.5\n");
    let sleep = eventually("sleep runs", || {
        descendants(server.pid()).into_iter().find(|one| one.title == "sleep 100.5")
    });
    talk.send("\x03");
    talk.send("echo status=$?=\n");
    talk.until("status=130=");
    assert!(process(sleep.pid).is_none());
    // So do the other characters: ^\ quits, ^Z stops, ^D ends.
    talk.send("sleep 100.6\n");
    eventually("sleep runs", || descendants(server.pid()).into_iter().find(|one| one.title == "sleep 100.6"));
    talk.send("\x1a");
    talk.until("Stopped");
    talk.send("kill -KILL %1; wait\n");
    talk.send("cat; echo end of cat: $?=\n");
    eventually("cat runs", || descendants(server.pid()).into_iter().find(|one| one.title == "cat"));
    talk.send("\x04");
    talk.until("end of cat: 0=");
}

#[test]
fn a_program_in_raw_mode_gets_and_gives_every_byte_as_it_is() {
    let server = Server::start();
    let mut talk = Talk::start(&mut server.ssh(&["-tt", "stty raw -echo; echo RE''ADY; exec head -c 1024"]));
    talk.until("READY\n");
    let every: Vec<u8> = (0..1024_u32).map(|number| (number % 256) as u8).collect();
    talk.send(&every);
    assert_eq!(talk.take(1024), every);
    assert_eq!(talk.end().code, Some(0));
}

#[test]
fn when_the_client_goes_its_foreground_gets_a_hang_up_and_what_left_stays() {
    let server = Server::start();
    let path = |name: &str| server.path(name).display().to_string();
    std::fs::write(server.path("hup"), "").unwrap();
    std::fs::set_permissions(server.path("hup"), std::os::unix::fs::PermissionsExt::from_mode(0o666))
        .unwrap();
    let mut talk = server.shell(&["-tt"]);
    let seconds: Vec<_> = (1..4).map(|number| format!("100.{number}{}", server.port)).collect();
    talk.send(format!("nohup sleep {} >/dev/null 2>&1 &\n", seconds[0]));
    talk.send(format!("setsid sleep {} >/dev/null 2>&1 </dev/null &\n", seconds[1]));
    talk.send(format!(
        "(trap 'echo hup >{}; exit' HUP; echo TRAP''PED; while :; do sleep 0.02; done) & ",
        path("hup")
    ));
    talk.send(format!("sleep {}\n", seconds[2]));
    talk.until("TRAPPED");
    let running = |seconds: &str| crate::harness::pids_with(&format!("sleep {seconds}"));
    let pids: Vec<u32> = seconds
        .iter()
        .map(|seconds| {
            eventually("all three run", || {
                running(seconds)
                    .into_iter()
                    .find(|&pid| process(pid).is_some_and(|one| one.title.starts_with("sleep")))
            })
        })
        .collect();
    talk.kill();
    eventually("the foreground is hung up", || process(pids[2]).is_none().then_some(()));
    eventually("the trap has run", || {
        (std::fs::read_to_string(server.path("hup")).unwrap() == "hup\n").then_some(())
    });
    eventually("the processes of the connection end", || descendants(server.pid()).is_empty().then_some(()));
    let alive: Vec<bool> = pids[..2].iter().map(|&pid| process(pid).is_some()).collect();
    pids[..2].iter().for_each(|&pid| crate::harness::kill("KILL", pid));
    assert_eq!(alive, [true, true], "nohup and setsid survive");
}

#[test]
fn a_command_without_a_terminal_lives_on_as_under_openssh_when_its_client_goes() {
    let server = Server::start();
    let seconds = format!("100.{}", server.port);
    let talk = Talk::start(&mut server.ssh(&["-T", &format!("sleep {seconds}")]));
    let name = format!("sleep {seconds}");
    let sleep = eventually("it runs", || descendants(server.pid()).into_iter().find(|one| one.title == name));
    talk.kill();
    eventually("the connection ends", || {
        descendants(server.pid()).iter().all(|one| one.pid == sleep.pid).then_some(())
    });
    let lives = within(Duration::from_millis(300), || process(sleep.pid).is_none().then_some(())).is_none();
    crate::harness::kill("KILL", sleep.pid);
    assert!(lives, "nobody hung it up");
}

#[test]
fn a_login_shell_is_called_with_a_dash_and_leads_the_session_of_its_terminal() {
    let server = Server::start();
    let mut talk = server.shell(&["-tt"]);
    talk.send("PS1=; stty -echo; sleep 100 & echo RE''ADY\n");
    talk.until("READY");
    talk.send("ps -o args= -p $$; echo \"[$0] $(tty)\"; ps -o sid= -p $$ | tr -d ' '; echo \"$$\"; ps -o sid= -C sleep | tr -d ' '; ps -o tty= -p $$; echo DO''NE\n");
    let said = talk.until("DONE").replace('\r', "");
    let lines: Vec<_> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    let own = lines.iter().position(|line| line.starts_with('-')).unwrap();
    let name = lines[own];
    assert!(lines[own + 1].starts_with(&format!("[{name}] /dev/pts/")), "{said}");
    assert_eq!(lines[own + 2], lines[own + 3], "session = process: {said}");
    assert!(lines[own + 4..].contains(&lines[own + 2]), "the job is of the same session: {said}");
    assert!(said.contains("\npts/"), "{said}");
    let shell: u32 = lines[own + 2].parse().unwrap();
    let parent = descendants(server.pid()).into_iter().find(|one| one.pid == shell).unwrap().parent;
    assert!(process(parent).unwrap().title.contains("@pts/"), "the session is the shell's parent");
    talk.send("kill %1; exit\n");
    talk.end();
}

#[test]
fn a_login_without_a_terminal_is_a_login_all_the_same() {
    let server = Server::start();
    let outcome = finish(&mut server.ssh(&["-T"]), b"echo \"[$0]\"; tty; exit 4\n");
    assert_eq!(outcome.code, Some(4));
    assert!(outcome.text().contains("[-") && outcome.text().contains("not a tty"), "{}", outcome.text());
}

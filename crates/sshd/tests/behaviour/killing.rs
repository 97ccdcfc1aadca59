//! Each process of a connection can be killed: that ends the connection, all of it, and nothing else.

use std::path::Path;

use crate::harness::{Need, Process, Server, Talk, can, children, descendants, eventually, kill, process};

/// A login with a terminal, its processes, and another login beside it.
struct Scene {
    server: Server,
    victim: Talk,
    terminal: String,
    monitor: Process,
    bystander: Talk,
}

impl Scene {
    fn new() -> Self {
        let server = Server::start();
        let mut victim = server.shell(&["-tt"]);
        victim.send("PS1=; stty -echo; sleep 100 & echo at=$(tty)=\n");
        victim.until("at=/dev/");
        let terminal = format!("/dev/{}", victim.until("=").trim_end_matches('='));
        let monitor = server.monitors().remove(0);
        let bystander = server.shell(&["-T"]);
        Self { server, victim, terminal, monitor, bystander }
    }

    fn child(&self, part: &str) -> Process {
        children(self.monitor.pid)
            .into_iter()
            .find(|one| one.title.contains(part))
            .unwrap_or_else(|| panic!("no {part}"))
    }

    /// Kills it and sees everything of the connection go.
    fn kill(mut self, victim: &Process) {
        let all = descendants(self.monitor.pid);
        kill("KILL", victim.pid);
        let outcome = self.victim.end();
        assert_eq!(outcome.code, Some(255), "{outcome:?}");
        for process_before in all.iter().chain([&self.monitor]) {
            // What the user put in the background is the user's; the shell got a hang-up, so did its job.
            eventually(&format!("{process_before:?} ends"), || {
                process(process_before.pid).is_none().then_some(())
            });
        }
        eventually("the terminal is gone", || (!Path::new(&self.terminal).exists()).then_some(()));
        self.bystander.send("echo still $((40 + 2))\n");
        self.bystander.until("still 42");
        assert!(self.server.child.try_wait().unwrap().is_none(), "the listener lives");
        assert_eq!(self.server.run(&["echo new"]).success(), "new", "and lets others in");
    }
}

#[test]
fn killing_the_monitor_ends_its_connection_and_no_other() {
    // Under OpenSSH a session lives on without its monitor until it needs one.
    if can(&[Need::Ours]) {
        let scene = Scene::new();
        let monitor = scene.monitor.clone();
        scene.kill(&monitor);
    }
}

#[test]
fn killing_net_ends_its_connection_and_no_other() {
    if can(&[Need::Ours]) {
        let scene = Scene::new();
        let net = scene.child("[net]");
        scene.kill(&net);
    }
}

#[test]
fn killing_the_session_ends_its_connection_and_no_other() {
    let scene = Scene::new();
    let session = scene.child("@pts/");
    scene.kill(&session);
}

#[test]
fn killing_any_of_them_is_logged() {
    if !can(&[Need::Ours]) {
        return;
    }
    for part in ["[priv]", "[net]", "@pts/"] {
        let mut scene = Scene::new();
        let victim = if part == "[priv]" { scene.monitor.clone() } else { scene.child(part) };
        let before = scene.server.log();
        kill("KILL", victim.pid);
        let pid = victim.pid.to_string();
        eventually(&format!("the end of {} is logged with its signal", victim.title), || {
            let log = scene.server.log();
            let new = &log[before.len()..];
            new.lines().any(|line| line.contains("signal 9") && line.contains(&pid)).then_some(())
        });
        scene.bystander.send("exit\n");
    }
}

#[test]
fn killing_the_shell_ends_its_session_with_the_signal() {
    let scene = Scene::new();
    let shell =
        children(scene.child("@pts/").pid).into_iter().find(|one| one.title.starts_with('-')).unwrap();
    let jobs = children(shell.pid);
    kill("KILL", shell.pid);
    // What it had in the background is nobody's now.
    jobs.iter().for_each(|job| kill("KILL", job.pid));
    // Stock ssh says 255 for any signal.
    assert_eq!(scene.victim.end().code, Some(255));
    eventually("its connection ends", || process(scene.monitor.pid).is_none().then_some(()));
}

#[test]
fn a_login_outlives_the_listener() {
    for signal in ["TERM", "KILL"] {
        let mut server = Server::start();
        let mut talk = server.shell(&["-tt"]);
        let monitor = server.monitors().remove(0);
        kill(signal, server.pid());
        server.child.wait().unwrap();
        talk.send("echo alive $((40 + 2))\n");
        talk.until("alive 42");
        talk.send("exit 5\n");
        assert_eq!(talk.end().code, Some(5), "after {signal}");
        eventually("its processes end", || process(monitor.pid).is_none().then_some(()));
    }
}

#[test]
fn a_client_that_is_killed_leaves_nothing_behind() {
    let scene = Scene::new();
    let all = descendants(scene.monitor.pid);
    scene.victim.kill();
    for before in &all {
        eventually(&format!("{before:?} ends"), || process(before.pid).is_none().then_some(()));
    }
    eventually("the terminal is gone", || (!Path::new(&scene.terminal).exists()).then_some(()));
}

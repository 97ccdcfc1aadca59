#![allow(clippy::arithmetic_side_effects)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use tempfile::TempDir;

use super::*;

/// Files about names, and a program that plays `getent`.
struct World {
    folder: TempDir,
    lookups: Lookups,
}

impl World {
    fn new(hosts: &str, getent: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("hosts"), hosts).unwrap();
        // Nobody listens there, which is known at once.
        fs::write(path("resolv.conf"), "nameserver 127.0.0.1\n").unwrap();
        if let Some(script) = getent {
            fs::write(path("getent"), format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(path("getent"), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let sources = Sources {
            hosts: path("hosts"),
            getent: vec![path("nosuchprogram"), path("getent")],
            configuration: path("resolv.conf"),
        };
        Self { lookups: Lookups { sources, ..Lookups::default() }, folder }
    }

    /// Asks, and waits for the answer.
    fn resolve(&mut self, host: &str) -> Result<Vec<String>, Unresolved> {
        let result = match self.lookups.ask(host, Instant::now()) {
            Known::Now(result) => result,
            Known::Later(number) => self.answer(number),
        };
        Ok(result?.iter().map(|address| address.ip().to_string()).collect())
    }

    fn answer(&mut self, number: u64) -> Result<Vec<SocketAddr>, Unresolved> {
        loop {
            let mut watch = Watch::default();
            self.lookups.watch(&mut watch);
            watch.wait().unwrap();
            let mut done = self.lookups.step(Instant::now());
            if let Some((found, result)) = done.pop() {
                assert_eq!(found, number);
                return result;
            }
        }
    }
}

#[test]
fn what_is_known_here_is_known_at_once() {
    let mut world = World::new("192.0.2.1 a\n2001:db8::1 a\n192.0.2.2 localhost", Some("exit 2"));
    let lookups = &mut world.lookups;
    let mut known = |host: &str| match lookups.ask(host, Instant::now()) {
        Known::Now(result) => {
            result.map(|found| found.iter().map(|it| it.ip().to_string()).collect::<Vec<_>>())
        }
        Known::Later(_) => panic!("{host} is not known at once"),
    };
    assert_eq!(known("127.1").unwrap(), ["127.0.0.1"]);
    assert_eq!(known("::1").unwrap(), ["::1"]);
    assert_eq!(known("a").unwrap(), ["2001:db8::1", "192.0.2.1"]);
    assert_eq!(known("LocalHost").unwrap(), ["192.0.2.2"]);
    assert_eq!(known("db.localhost.").unwrap(), ["::1", "127.0.0.1"]);
    for none in ["", "-x", "a b", "a\n", "a/b", "[::1]", ".", &"x".repeat(255)] {
        assert_eq!(known(none), Err(Unresolved::Unknown), "{none:?}");
    }
}

#[test]
fn the_system_is_asked_in_its_own_way() {
    let script = r#"test "$*" = "ahosts host.example" || exit 2
        echo '2001:db8::1 STREAM host.example'; echo '2001:db8::1 DGRAM'; echo '192.0.2.1 STREAM'"#;
    let mut world = World::new("", Some(script));
    assert_eq!(world.resolve("host.example").unwrap(), ["2001:db8::1", "192.0.2.1"]);
    assert_eq!(world.resolve("other.example"), Err(Unresolved::Unknown));
    // Both have been taken back, or will be: nothing else is left.
    assert!(world.lookups.running.is_empty() && world.lookups.queued.is_empty());
    while !world.lookups.ending.is_empty() {
        world.lookups.reap();
    }
}

#[test]
fn a_program_that_says_too_much_or_hangs_is_ended() {
    let mut world = World::new("", Some("exec yes 192.0.2.1"));
    assert_eq!(world.resolve("endless").unwrap(), ["192.0.2.1"]);
    let mut world = World::new("", Some("exec sleep 1000"));
    let now = Instant::now();
    let Known::Later(number) = world.lookups.ask("hangs", now) else { panic!("known at once") };
    assert_eq!(world.lookups.step(now), []);
    let late = now + PATIENCE + Duration::from_secs(1);
    assert_eq!(world.lookups.step(late), [(number, Err(Unresolved::Later))]);
    while !world.lookups.ending.is_empty() {
        world.lookups.reap();
    }
}

#[test]
fn only_so_many_are_looked_up_at_once_and_the_rest_in_turn() {
    let mut world = World::new("", Some("read line <\"$(dirname \"$0\")/fifo\"; echo 192.0.2.1"));
    let fifo = world.folder.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let held = fs::File::options().read(true).write(true).open(&fifo).unwrap();
    let now = Instant::now();
    for _ in 0..MAX_LOOKUPS + 2 {
        world.lookups.ask("host", now);
    }
    assert_eq!((world.lookups.running.len(), world.lookups.queued.len()), (MAX_LOOKUPS, 2));
    let mut held = held;
    let mut done = 0;
    while done < MAX_LOOKUPS + 2 {
        std::io::Write::write_all(&mut held, b"go\n").unwrap();
        let mut watch = Watch::default();
        world.lookups.watch(&mut watch);
        watch.wait().unwrap();
        for (_, result) in world.lookups.step(Instant::now()) {
            assert_eq!(result.unwrap().len(), 1);
            done += 1;
        }
    }
}

#[test]
fn without_a_program_the_servers_are_asked() {
    let mut world = World::new("", None);
    let Known::Later(number) = world.lookups.ask("host.example", Instant::now()) else { panic!("known") };
    assert!(matches!(world.lookups.running.get(&number), Some(Lookup { way: Way::Stub(_), .. })));
    let late = Instant::now() + PATIENCE;
    let answers = world.lookups.step(late);
    assert_eq!(answers, [(number, Err(Unresolved::Later))]);
}

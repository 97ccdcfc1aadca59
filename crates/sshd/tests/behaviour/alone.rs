//! One static file that needs nothing beside it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::harness::{Need, Scratch, Server, can, copy_program, eventually, finish, free_port, world};

/// The little that is looked at of an ELF file of 64 bits, least significant byte first.
struct Elf(Vec<u8>);

impl Elf {
    const SHARED: u64 = 3;
    const INTERPRETER: u64 = 3;
    const DYNAMIC: u64 = 2;
    const NEEDED: u64 = 1;

    fn number(&self, at: u64, size: usize) -> u64 {
        let at = usize::try_from(at).unwrap();
        self.0[at..at + size].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// Type, offset and size of each program header.
    fn headers(&self) -> Vec<(u64, u64, u64)> {
        let (start, size, count) = (self.number(32, 8), self.number(54, 2), self.number(56, 2));
        (0..count)
            .map(|number| start + number * size)
            .map(|at| (self.number(at, 4), self.number(at + 8, 8), self.number(at + 32, 8)))
            .collect()
    }
}

/// What is shipped when it is told where that is, else what the tests were built with.
fn programs() -> Vec<PathBuf> {
    let shipped = std::env::var_os("NACRE_RELEASE_SSHD").map(PathBuf::from);
    shipped.into_iter().chain([world().program.clone()]).collect()
}

#[test]
fn the_program_is_static_and_position_independent() {
    if !can(&[Need::Ours]) {
        return;
    }
    for program in programs() {
        let elf = Elf(fs::read(&program).unwrap());
        assert_eq!(&elf.0[..6], b"\x7fELF\x02\x01");
        assert_eq!(elf.number(16, 2), Elf::SHARED, "{program:?} can be placed anywhere");
        let headers = elf.headers();
        assert!(headers.iter().all(|header| header.0 != Elf::INTERPRETER), "{program:?} needs no loader");
        let dynamic = headers.iter().find(|header| header.0 == Elf::DYNAMIC).unwrap();
        let entries = (0..dynamic.2 / 16).map(|number| elf.number(dynamic.1 + number * 16, 8));
        assert!(
            entries.take_while(|tag| *tag != 0).all(|tag| tag != Elf::NEEDED),
            "{program:?} needs no library"
        );
    }
}

#[test]
fn the_shipped_program_has_at_most_three_megabytes() {
    // Debug information of the program the tests are built with would say nothing: that is why the shipped one is asked for.
    if let Some(shipped) = std::env::var_os("NACRE_RELEASE_SSHD") {
        let size = fs::metadata(shipped).unwrap().len();
        assert!(size <= 3_000_000, "{size}");
    } else {
        println!("left out: NACRE_RELEASE_SSHD says not where the release build is");
    }
}

/// A static shell with the usual commands.
pub(crate) fn busybox() -> PathBuf {
    let found =
        ["/bin/busybox", "/usr/bin/busybox"].map(PathBuf::from).into_iter().find(|path| path.exists());
    std::env::var_os("NACRE_TEST_BUSYBOX").map(PathBuf::from).or(found).expect("busybox-static")
}

/// A directory that holds the program, a passwd file, a shell, and terminals when it is to have them.
struct Island {
    scratch: Scratch,
    terminals: bool,
}

impl Island {
    fn new(terminals: bool) -> Self {
        let scratch = Scratch::new();
        let at = |name: &str| scratch.0.join(name);
        for name in ["etc", "bin", "dev/pts"] {
            fs::create_dir_all(at(name)).unwrap();
        }
        copy_program(&world().program, &at("sshd"));
        copy_program(&busybox(), &at("bin/busybox"));
        symlink("busybox", at("bin/sh")).unwrap();
        fs::write(at("etc/passwd"), "root:x:0:0::/:/bin/sh\nalice:x:1234:1234::/:/bin/sh\n").unwrap();
        fs::write(at("key"), fs::read(world().key("host")).unwrap()).unwrap();
        fs::set_permissions(at("key"), fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(at("authorized_keys"), world().public("client")).unwrap();
        if terminals {
            let options = "newinstance,ptmxmode=0666,mode=0620";
            let mounted = Command::new("mount")
                .args(["-t", "devpts", "-o", options, "devpts"])
                .arg(at("dev/pts"))
                .output()
                .unwrap();
            assert!(mounted.status.success(), "{}", String::from_utf8_lossy(&mounted.stderr));
        }
        Self { scratch, terminals }
    }

    fn path(&self) -> &Path {
        &self.scratch.0
    }
}

impl Drop for Island {
    fn drop(&mut self) {
        if self.terminals {
            let _ = Command::new("umount").args(["-l"]).arg(self.scratch.0.join("dev/pts")).status();
        }
    }
}

fn on_an_island(terminals: bool) -> (Server, Island) {
    served(Island::new(terminals), &[])
}

/// Runs the server there, by way of `before`.
fn served(island: Island, before: &[&str]) -> (Server, Island) {
    let port = free_port();
    let scratch = crate::harness::Setup::new().files(port);
    let log = fs::File::create(scratch.0.join("log")).unwrap();
    let config = island.scratch.file(
        "config",
        "AuthorizedKeysFile /authorized_keys\nStrictModes no\nPidFile none\nListenAddress 127.0.0.1\n",
    );
    assert!(config.exists());
    let mut command = match before {
        [] => Command::new("chroot"),
        [program, rest @ ..] => {
            let mut command = Command::new(program);
            command.args(rest);
            command
        }
    };
    command.arg(island.path()).args([
        "/sshd",
        "-D",
        "-e",
        "-f",
        "/config",
        "-h",
        "/key",
        "-p",
        &port.to_string(),
    ]);
    let child = command
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    let server = Server { port, scratch, child };
    server.logs("Server listening on");
    (server, island)
}

#[test]
fn a_root_with_the_program_a_passwd_file_a_static_shell_and_dev_pts_is_enough() {
    if !can(&[Need::Root, Need::Ours]) {
        return;
    }
    let (server, _island) = on_an_island(true);
    let run = |user: &str, words: &[&str]| finish(&mut server.ssh_as(user, words), b"");
    for (user, uid) in [("root", "0"), ("alice", "1234")] {
        let outcome = run(user, &["busybox id -u; exit 3"]);
        assert_eq!((outcome.code, outcome.text().as_str()), (Some(3), uid), "{}", outcome.stderr);
        let said = run(user, &["-tt", "busybox tty; busybox ls /dev/pts"]).success();
        assert!(said.starts_with("/dev/pts/0\n"), "{said}");
    }
    let mut talk = crate::harness::Talk::start(&mut server.ssh_as("alice", &["-tt"]));
    talk.send("echo $0 $((40 + 2))\n");
    talk.until("-sh 42");
    talk.send("exit\n");
    talk.end();
    server.falls_silent();
}

#[test]
fn without_terminals_commands_run_all_the_same() {
    if !can(&[Need::Root, Need::Ours]) {
        return;
    }
    let (server, _island) = on_an_island(false);
    let outcome = finish(&mut server.ssh_as("alice", &["echo in"]), b"");
    assert_eq!(outcome.success(), "in");
    assert!(
        finish(&mut server.ssh_as("alice", &["-tt", "echo in"]), b"")
            .stderr
            .contains("PTY allocation request failed")
    );
    eventually("all is quiet", || crate::harness::descendants(server.pid()).is_empty().then_some(()));
}

#[test]
fn with_nowhere_to_make_a_directory_net_still_loses_its_rights() {
    if !can(&[Need::Root, Need::Ours]) {
        return;
    }
    let read_only = r#"mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec chroot "$0" "$@""#;
    let (server, _island) = served(Island::new(false), &["unshare", "-m", "sh", "-c", read_only]);
    let mut talk =
        crate::harness::Talk::start(&mut server.ssh_as("alice", &["echo $((40 + 2)); busybox cat"]));
    talk.until("42");
    let net = crate::harness::descendants(server.pid())
        .into_iter()
        .find(|process| process.title.contains("[net]"))
        .unwrap_or_else(|| panic!("{:?}", crate::harness::descendants(server.pid())));
    let status = fs::read_to_string(format!("/proc/{}/status", net.pid)).unwrap();
    for line in
        ["Uid:\t65534\t65534\t65534\t65534", "NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000"]
    {
        assert!(status.contains(line), "{line} is not in {status}");
    }
}

//! Host keys are in no process that reads the network or belongs to a user.

use std::fs;
use std::io::{Read, Seek, SeekFrom};

use crate::harness::{Need, Process, Server, can, children, finish, world};

/// The private half of the ed25519 host key: the seed, as it lies in the file (before the public key) and in memory.
fn seed() -> Vec<u8> {
    let text = fs::read_to_string(world().key("host")).unwrap();
    let body: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    let mut command = std::process::Command::new("base64");
    let blob = finish(command.arg("-d"), body.as_bytes()).stdout;
    let public_line = world().public("host");
    let mut command = std::process::Command::new("base64");
    let public = finish(command.arg("-d"), public_line.split(' ').nth(1).unwrap().as_bytes()).stdout;
    let public = &public[public.len() - 32..];
    // The last time the public key occurs, the seed is before it.
    let at = blob.windows(32).rposition(|window| window == public).unwrap();
    blob[at - 32..at].to_vec()
}

/// Whether `needle` is anywhere in the memory of the process that can be read.
fn holds(process: &Process, needle: &[u8]) -> bool {
    let maps = fs::read_to_string(format!("/proc/{}/maps", process.pid)).unwrap();
    let mut memory = fs::File::open(format!("/proc/{}/mem", process.pid)).unwrap();
    let mut searched = 0;
    let mut found = false;
    for line in
        maps.lines().filter(|line| line.split(' ').nth(1).is_some_and(|rights| rights.starts_with('r')))
    {
        let (start, end) = line.split(' ').next().unwrap().split_once('-').unwrap();
        let [start, end] = [start, end].map(|number| u64::from_str_radix(number, 16).unwrap());
        let mut bytes = vec![0; usize::try_from(end - start).unwrap()];
        // The kernel's own pages refuse.
        if memory.seek(SeekFrom::Start(start)).is_ok() && memory.read_exact(&mut bytes).is_ok() {
            searched += bytes.len();
            found |= bytes.windows(needle.len()).any(|window| window == needle);
        }
    }
    assert!(searched > 65_536, "the memory of {process:?} was read");
    found
}

#[test]
fn neither_net_nor_session_ever_had_the_host_key() {
    if !can(&[Need::Root, Need::Ours]) {
        return;
    }
    let server = Server::start();
    let _talk = server.shell(&["-tt"]);
    let seed = seed();
    let monitor = server.monitors().remove(0);
    assert!(holds(&monitor, &seed), "the monitor has it: the search finds what is there");
    let roles = children(monitor.pid);
    assert_eq!(roles.len(), 2);
    for role in &roles {
        assert!(!holds(role, &seed), "{role:?} has the host key");
        // Nor what lies at the file's beginning, nor where it is.
        let path = world().key("host").display().to_string();
        assert!(!holds(role, path.as_bytes()), "{role:?} knows {path}");
    }
}

#[test]
fn net_cannot_be_looked_into_by_its_own_user() {
    if !can(&[Need::Root, Need::Ours]) {
        return;
    }
    let server = Server::start();
    let _talk = server.shell(&["-T"]);
    let roles = children(server.monitors().remove(0).pid);
    let net = roles.iter().find(|role| role.title.ends_with("[net]")).unwrap();
    // Files of a process that is not dumpable are root's.
    let owner = std::os::unix::fs::MetadataExt::uid(&fs::metadata(format!("/proc/{}/mem", net.pid)).unwrap());
    assert_eq!(owner, 0, "{net:?} is dumpable");
}

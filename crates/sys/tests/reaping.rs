//! Children taken back whichever they are, and a mask emptied: alone in a program, because both are about all of it.
#![allow(clippy::unwrap_used)]

use nacre_sys::fd::null;
use nacre_sys::signal::{Signal, SignalFd, unblock_all};
use nacre_sys::spawn::{Command, Ended, Program, reap_any};
use std::os::fd::AsFd;

fn blocked() -> u64 {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap()
}

#[test]
fn every_child_is_taken_back_once_and_the_mask_is_empty_afterwards() {
    let _signals = SignalFd::new(&[Signal::USR1]).unwrap();
    assert_ne!(blocked(), 0);
    let null = null().unwrap();
    let (mut pids, mut ended) = (Vec::new(), Vec::new());
    for status in [7, 8] {
        let mut command = Command::new(Program::Path(c"/bin/sh".into()), c"sh".into(), [null.as_fd(); 3]);
        command.arguments.extend([c"-c".into(), std::ffi::CString::new(format!("exit {status}")).unwrap()]);
        pids.push((command.spawn().unwrap().pid(), Ended::Exited(status)));
    }
    while ended.len() < pids.len() {
        ended.extend(reap_any().unwrap());
        std::thread::yield_now();
    }
    ended.sort_by_key(|(pid, _)| *pid);
    pids.sort_by_key(|(pid, _)| *pid);
    assert_eq!(ended, pids);
    assert_eq!(reap_any().unwrap(), None);
    unblock_all().unwrap();
    assert_eq!(blocked(), 0);
}

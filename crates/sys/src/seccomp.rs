//! The system calls that the jailed process still has, as a filter that the compiler assembles.

use std::io;

use libc::sock_filter;

use crate::call::check;
use crate::jail::Refusal;

/// When a call passes.
enum Rule {
    /// Always.
    Any,
    /// When none of these bits is set in that argument.
    Without(u32, u32),
    /// When that argument is one of these.
    OneOf(u32, &'static [u32]),
    /// When these two arguments, level and option, are one of these pairs.
    Pair(u32, u32, &'static [(u32, u32)]),
}

/// A row: the call, when it passes, what for.
struct Call(i64, Rule, &'static str);

const EXECUTE: u32 = libc::PROT_EXEC as u32;
const SOCKET: u32 = libc::SOL_SOCKET as u32;
const TCP: u32 = libc::IPPROTO_TCP as u32;

/// Everything that passes, the frequent first. Arguments that are compared are 32 bits wide in the kernel.
const CALLS: &[Call] = &[
    Call(libc::SYS_read, Rule::Any, "socket, pipes, ptys"),
    Call(libc::SYS_write, Rule::Any, "socket, pipes, ptys, log"),
    Call(libc::SYS_readv, Rule::Any, "reads in parts"),
    Call(libc::SYS_writev, Rule::Any, "several packets at once"),
    #[cfg(target_arch = "x86_64")]
    Call(libc::SYS_epoll_wait, Rule::Any, "the loop"),
    Call(libc::SYS_epoll_pwait, Rule::Any, "the loop"),
    Call(libc::SYS_epoll_ctl, Rule::Any, "the loop: descriptors come and go"),
    Call(libc::SYS_recvfrom, Rule::Any, "reads from sockets"),
    Call(libc::SYS_sendto, Rule::Any, "writes to connected sockets; it can make none"),
    Call(libc::SYS_recvmsg, Rule::Any, "messages and descriptors from monitor and session"),
    Call(libc::SYS_sendmsg, Rule::Any, "messages to monitor and session"),
    Call(libc::SYS_close, Rule::Any, "channels end"),
    Call(libc::SYS_shutdown, Rule::Any, "EOF towards a forwarded socket"),
    Call(libc::SYS_clock_gettime, Rule::Any, "the clock, where the vDSO has none"),
    Call(libc::SYS_getrandom, Rule::Any, "keys, padding"),
    Call(libc::SYS_futex, Rule::Any, "locks of the standard library"),
    Call(libc::SYS_mmap, Rule::Without(2, EXECUTE), "memory, but no code"),
    Call(libc::SYS_mprotect, Rule::Without(2, EXECUTE), "the allocator grows; no code"),
    Call(libc::SYS_munmap, Rule::Any, "memory given back"),
    Call(libc::SYS_mremap, Rule::Any, "buffers that grow"),
    Call(libc::SYS_brk, Rule::Any, "the allocator's heap"),
    Call(
        libc::SYS_madvise,
        Rule::OneOf(2, &[libc::MADV_DONTNEED as u32, libc::MADV_FREE as u32]),
        "memory given back",
    ),
    Call(
        libc::SYS_ioctl,
        Rule::OneOf(1, &[libc::FIONBIO as u32, libc::TIOCSWINSZ as u32]),
        "non-blocking; window-change",
    ),
    Call(
        libc::SYS_fcntl,
        Rule::OneOf(
            1,
            &[libc::F_GETFL as u32, libc::F_SETFL as u32, libc::F_GETFD as u32, libc::F_SETFD as u32],
        ),
        "non-blocking; the standard library looks at what it closes",
    ),
    Call(
        libc::SYS_setsockopt,
        Rule::Pair(
            1,
            2,
            &[
                (TCP, libc::TCP_NODELAY as u32),
                (TCP, libc::TCP_QUICKACK as u32),
                (TCP, libc::TCP_NOTSENT_LOWAT as u32),
                (libc::IPPROTO_IP as u32, libc::IP_TOS as u32),
                (libc::IPPROTO_IPV6 as u32, libc::IPV6_TCLASS as u32),
            ],
        ),
        "latency, of logins too; IPQoS changes when a session gets a terminal",
    ),
    Call(
        libc::SYS_getsockopt,
        Rule::Pair(
            1,
            2,
            &[
                (SOCKET, libc::SO_ERROR as u32),
                (TCP, libc::TCP_INFO as u32),
                (SOCKET, libc::SO_DOMAIN as u32),
                (SOCKET, libc::SO_TYPE as u32),
            ],
        ),
        "why a socket failed; round-trip time for the window; whether what came is a link to another process",
    ),
    Call(libc::SYS_rt_sigprocmask, Rule::Any, "an abort"),
    Call(libc::SYS_rt_sigreturn, Rule::Any, "return from a handler"),
    Call(libc::SYS_sigaltstack, Rule::Any, "the standard library at the end of main"),
    Call(libc::SYS_restart_syscall, Rule::Any, "the kernel's own, after a stop"),
    Call(libc::SYS_getpid, Rule::Any, "its own number, for the log"),
    Call(libc::SYS_gettid, Rule::Any, "an abort"),
    Call(libc::SYS_exit, Rule::Any, "the end"),
    Call(libc::SYS_exit_group, Rule::Any, "the end"),
];

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;

/// Offsets in what the filter looks at: number, machine, low halves of the arguments (both machines are little-endian).
const NUMBER: u32 = 0;
const MACHINE: u32 = 4;
const fn argument(index: u32) -> u32 {
    16 + 8 * index
}

/// Numbers from here on are calls of another kind of program (x32) on the same machine.
const FOREIGN_NUMBERS: u32 = 0x4000_0000;

const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const AT_LEAST: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
const ANY_BIT: u16 = (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

/// Instructions there is room for; the assembly fails at compile time when it is too little.
const ROOM: usize = 256;

struct Assembly {
    program: [sock_filter; ROOM],
    len: usize,
}

impl Assembly {
    #[allow(clippy::indexing_slicing, reason = "evaluated by the compiler, which stops at a bad index")]
    const fn put(&mut self, code: u16, jt: u8, jf: u8, k: u32) {
        self.program[self.len] = sock_filter { code, jt, jf, k };
        self.len += 1;
    }
}

/// One block for each row: compare the number, or go on to the next block; check arguments; pass or refuse.
#[allow(clippy::indexing_slicing, reason = "evaluated by the compiler, which stops at a bad index")]
const fn assemble(refuse: u32) -> Assembly {
    const PASS: u32 = libc::SECCOMP_RET_ALLOW;
    let mut out = Assembly { program: [sock_filter { code: 0, jt: 0, jf: 0, k: 0 }; ROOM], len: 0 };
    out.put(LOAD, 0, 0, MACHINE);
    out.put(EQUAL, 1, 0, ARCHITECTURE);
    out.put(RETURN, 0, 0, libc::SECCOMP_RET_KILL_PROCESS);
    out.put(LOAD, 0, 0, NUMBER);
    out.put(AT_LEAST, 0, 1, FOREIGN_NUMBERS);
    out.put(RETURN, 0, 0, libc::SECCOMP_RET_KILL_PROCESS);
    let mut row = 0;
    while row < CALLS.len() {
        let Call(number, rule, _) = &CALLS[row];
        let number = *number as u32;
        match rule {
            Rule::Any => {
                out.put(EQUAL, 0, 1, number);
                out.put(RETURN, 0, 0, PASS);
            }
            Rule::Without(index, bits) => {
                out.put(EQUAL, 0, 4, number);
                out.put(LOAD, 0, 0, argument(*index));
                out.put(ANY_BIT, 1, 0, *bits);
                out.put(RETURN, 0, 0, PASS);
                out.put(RETURN, 0, 0, refuse);
            }
            Rule::OneOf(index, values) => {
                out.put(EQUAL, 0, 2 + 2 * values.len() as u8, number);
                out.put(LOAD, 0, 0, argument(*index));
                let mut at = 0;
                while at < values.len() {
                    out.put(EQUAL, 0, 1, values[at]);
                    out.put(RETURN, 0, 0, PASS);
                    at += 1;
                }
                out.put(RETURN, 0, 0, refuse);
            }
            Rule::Pair(level, option, pairs) => {
                out.put(EQUAL, 0, 1 + 5 * pairs.len() as u8, number);
                let mut at = 0;
                while at < pairs.len() {
                    out.put(LOAD, 0, 0, argument(*level));
                    out.put(EQUAL, 0, 3, pairs[at].0);
                    out.put(LOAD, 0, 0, argument(*option));
                    out.put(EQUAL, 0, 1, pairs[at].1);
                    out.put(RETURN, 0, 0, PASS);
                    at += 1;
                }
                out.put(RETURN, 0, 0, refuse);
            }
        }
        row += 1;
    }
    out.put(RETURN, 0, 0, refuse);
    out
}

static REFUSING: Assembly = assemble(libc::SECCOMP_RET_ERRNO | libc::EPERM as u32);
static KILLING: Assembly = assemble(libc::SECCOMP_RET_KILL_PROCESS);

/// Puts the calling thread under the filter. Needs no_new_privs or root, and cannot be undone.
pub(crate) fn install(refusal: Refusal) -> io::Result<()> {
    let assembly = match refusal {
        Refusal::Error => &REFUSING,
        Refusal::Kill => &KILLING,
    };
    let program = libc::sock_fprog { len: assembly.len as u16, filter: assembly.program.as_ptr().cast_mut() };
    let (mode, flags) = (libc::SECCOMP_SET_MODE_FILTER, 0_u32);
    // SAFETY: the program is static, at least as long as told, and only read.
    check(unsafe { libc::syscall(libc::SYS_seccomp, mode, flags, &raw const program) })?;
    Ok(())
}

/// The calls that pass, for every one what it is for.
pub(crate) fn reasons() -> impl Iterator<Item = (i64, &'static str)> {
    CALLS.iter().map(|Call(number, _, reason)| (*number, *reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the filter as the kernel would, for the instructions it has.
    fn judge(assembly: &Assembly, machine: u32, number: i64, arguments: [u64; 6]) -> u32 {
        let word = |offset: u32| match offset {
            NUMBER => number as u32,
            MACHINE => machine,
            other => (arguments[(other as usize - 16) / 8] >> (other % 8 * 8)) as u32,
        };
        let (mut at, mut value) = (0, 0);
        loop {
            let instruction = assembly.program[..assembly.len][at];
            at += 1;
            let jump = match instruction.code {
                LOAD => {
                    value = word(instruction.k);
                    continue;
                }
                EQUAL => value == instruction.k,
                AT_LEAST => value >= instruction.k,
                ANY_BIT => value & instruction.k != 0,
                RETURN => return instruction.k,
                other => panic!("an instruction that is never made: {other:#x}"),
            };
            at += usize::from(if jump { instruction.jt } else { instruction.jf });
        }
    }

    const PASS: u32 = libc::SECCOMP_RET_ALLOW;
    const KILL: u32 = libc::SECCOMP_RET_KILL_PROCESS;
    const REFUSE: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;

    #[test]
    fn exactly_the_rows_pass_with_harmless_arguments() {
        for number in 0..1024 {
            let row = CALLS.iter().find(|row| row.0 == number);
            let mut arguments = [0; 6];
            match row {
                Some(Call(_, Rule::OneOf(index, values), _)) => {
                    arguments[*index as usize] = u64::from(values[0])
                }
                Some(Call(_, Rule::Pair(level, option, pairs), _)) => {
                    arguments[*level as usize] = u64::from(pairs[pairs.len() - 1].0);
                    arguments[*option as usize] = u64::from(pairs[pairs.len() - 1].1);
                }
                _ => {}
            }
            let expected = if row.is_some() { (PASS, PASS) } else { (REFUSE, KILL) };
            let found = (
                judge(&REFUSING, ARCHITECTURE, number, arguments),
                judge(&KILLING, ARCHITECTURE, number, arguments),
            );
            assert_eq!(found, expected, "system call {number}");
        }
    }

    #[test]
    fn bad_arguments_do_not_pass() {
        let bad = [
            (libc::SYS_mmap, [0, 4096, u64::from(EXECUTE) | 1, 0, 0, 0]),
            (libc::SYS_mprotect, [0, 4096, u64::from(EXECUTE) | 3, 0, 0, 0]),
            (libc::SYS_ioctl, [0, libc::TIOCSTI, 0, 0, 0, 0]),
            (libc::SYS_fcntl, [0, libc::F_SETOWN as u64, 0, 0, 0, 0]),
            (libc::SYS_fcntl, [0, libc::F_DUPFD as u64, 0, 0, 0, 0]),
            (libc::SYS_madvise, [0, 0, libc::MADV_DONTFORK as u64, 0, 0, 0]),
            (libc::SYS_setsockopt, [0, u64::from(SOCKET), libc::TCP_NODELAY as u64, 0, 0, 0]),
            (libc::SYS_setsockopt, [0, u64::from(TCP), libc::TCP_ULP as u64, 0, 0, 0]),
            (libc::SYS_setsockopt, [0, libc::IPPROTO_IP as u64, libc::IP_OPTIONS as u64, 0, 0, 0]),
            (libc::SYS_setsockopt, [0, libc::IPPROTO_IPV6 as u64, libc::IP_TOS as u64, 0, 0, 0]),
            (libc::SYS_setsockopt, [0, u64::from(TCP), libc::IPV6_TCLASS as u64, 0, 0, 0]),
            (libc::SYS_getsockopt, [0, u64::from(TCP), libc::SO_ERROR as u64, 0, 0, 0]),
        ];
        for (number, arguments) in bad {
            assert_eq!(judge(&REFUSING, ARCHITECTURE, number, arguments), REFUSE, "system call {number}");
        }
    }

    #[test]
    fn another_machines_or_x32s_numbers_end_the_process() {
        for assembly in [&REFUSING, &KILLING] {
            assert_eq!(judge(assembly, 0x4000_0003, libc::SYS_read, [0; 6]), KILL);
            assert_eq!(judge(assembly, ARCHITECTURE, libc::SYS_read | 0x4000_0000, [0; 6]), KILL);
            assert_eq!(judge(assembly, ARCHITECTURE, libc::SYS_read, [0; 6]), PASS);
        }
    }

    #[test]
    fn every_row_has_its_reason_and_stands_once() {
        let mut numbers: Vec<i64> = reasons().map(|(number, _)| number).collect();
        assert!(reasons().all(|(_, reason)| reason.len() > 6));
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), CALLS.len());
    }
}

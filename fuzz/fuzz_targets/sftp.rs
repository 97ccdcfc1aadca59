//! An SFTP server over a tree in memory: requests of any kind, then the same ones to a slow disk, cut, with jobs that end in any order
//! and a client that reads late. Both are answered the same and leave the same tree.
#![no_main]

#[path = "../../crates/sftp/tests/support/slow.rs"]
mod slow;

use libfuzzer_sys::fuzz_target;
use nacre_sftp::{Level, Memory, Server, Settings, Step, limits};
use slow::Slow;

const INIT: &[u8] = b"\0\0\0\x05\x01\0\0\0\x03";
const PATHS: [&str; 3] = ["/a", "/d/c", "/new"];

fn tree() -> Memory {
    let files = Memory::new();
    files.insert("/a", "the first file").expect("room");
    files.insert("/d/c", "in a directory").expect("room");
    files
}

fn server(memory: &Memory, pattern: u64) -> Server<Slow> {
    let settings = Settings { log: Level::Debug3, ..Settings::default() };
    Server::new(Slow::new(memory.clone(), pattern), settings)
}

fn told(server: &mut Server<Slow>) {
    while let Some(record) = server.next_record() {
        assert!(record.text.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{record:?}");
    }
}

// Eight bytes: which reads and writes wait. A number and so many decisions. Then requests, each behind one byte of its length; the
// frame around each of them is made here.
fuzz_target!(|data: &[u8]| {
    let Some((pattern, rest)) = data.split_first_chunk::<8>() else { return };
    let Some((count, rest)) = rest.split_first() else { return };
    let (decisions, mut rest) = rest.split_at(rest.len().min((*count).into()));
    let mut input = INIT.to_vec();
    while let Some((length, behind)) = rest.split_first() {
        let (request, behind) = behind.split_at(behind.len().min((*length).into()));
        wire::put_string(&mut input, request);
        rest = behind;
    }

    let (memory, mut expected) = (tree(), Vec::new());
    let mut quick = server(&memory, 0);
    let expected_end = quick.respond(&input, &mut expected);
    told(&mut quick);
    quick.end();
    told(&mut quick);

    let slow_memory = tree();
    let mut slow = server(&slow_memory, u64::from_be_bytes(*pattern));
    let (mut taken, mut arrived, mut output) = (0, 0, Vec::new());
    let (mut jobs, mut done) = (Vec::new(), Vec::new());
    let mut ended = None;
    // Behind the decisions, everything has its turn until nothing comes of it any more.
    let fair = (0..4_u8).cycle().map(|decision| (decision, usize::MAX / 2));
    let decided = decisions.iter().map(|decision| (*decision, 1 + usize::from(*decision)));
    let mut idle = 0;
    for (decision, much) in decided.chain(fair) {
        let before = (taken, arrived, jobs.len(), done.len(), output.len(), ended.is_some());
        let pick = usize::from(decision >> 2);
        match decision % 4 {
            0 => arrived = input.len().min(arrived + much),
            1 if !jobs.is_empty() => {
                let job: nacre_sftp::Job<Slow> = jobs.swap_remove(pick % jobs.len());
                done.push(job.run());
            }
            2 if !done.is_empty() => slow.finish(done.swap_remove(pick % done.len())),
            3 => {
                let sent = slow.transmit().len().min(much);
                output.extend_from_slice(&slow.transmit()[..sent]);
                slow.sent(sent);
            }
            _ => {}
        }
        while ended.is_none() {
            match slow.process(&input[taken..arrived]) {
                Ok(Step::Handled(bytes)) => taken += bytes,
                Ok(Step::Run(bytes, job)) => {
                    taken += bytes;
                    jobs.push(job);
                }
                Ok(Step::NeedBytes(bytes)) => {
                    assert!(bytes > arrived - taken && bytes <= limits::PACKET + 4);
                    break;
                }
                Ok(Step::Wait) => {
                    assert!(slow.outstanding() > 0 || !slow.transmit().is_empty());
                    break;
                }
                Err(error) => ended = Some(error),
            }
            assert!(slow.outstanding() == jobs.len() + done.len() && jobs.len() <= limits::OUTSTANDING);
            told(&mut slow);
        }
        told(&mut slow);
        let now = (taken, arrived, jobs.len(), done.len(), output.len(), ended.is_some());
        idle = if now == before { idle + 1 } else { 0 };
        // Decisions are at most 255, so this is only reached when everything had its turn twice.
        if idle > 264 {
            break;
        }
    }
    assert_eq!(ended.map_or(Ok(taken), Err), expected_end);
    assert!(jobs.is_empty() && done.is_empty());
    assert_eq!(output, expected);
    slow.end();
    for path in PATHS {
        assert_eq!(slow_memory.content(path), memory.content(path));
    }
});

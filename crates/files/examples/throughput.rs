//! Moves a file of 1 GB through an SFTP server over pipes and tells what that costs the server.
//!
//! `throughput FOLDER ROUNDS PROGRAM [ARGUMENT…] [-- PROGRAM [ARGUMENT…]]…`: each program is started in turn, in every round once for each
//! direction and size of requests, with 64 requests outstanding; FOLDER is where the file is, as this program and as the servers see it
//! (`OUTSIDE=INSIDE` when that differs). Prints the CPU seconds for 1 GB, the least of all rounds, and the seconds that it took.
//! `--ours` as a program is this program itself, as a server of the machine's files.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs
)]

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

const FILE: u64 = 1_000_000_000;
const OUTSTANDING: u64 = 64;
const SIZES: [u64; 2] = [32 * 1024, 255 * 1024];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "serve") {
        let input = File::open("/dev/stdin").map(Into::into).unwrap();
        let output = File::options().write(true).open("/dev/stdout").map(Into::into).unwrap();
        let server = sftp::Server::new(nacre_files::Machine::new(), sftp::Settings::default());
        nacre_files::serve(server, input, output, &mut |record| eprintln!("{}", record.text)).unwrap();
        return;
    }
    let [folder, rounds, programs @ ..] = &arguments[..] else { panic!("FOLDER ROUNDS PROGRAM…") };
    let (outside, inside) = folder.split_once('=').unwrap_or((folder, folder));
    let source = Path::new(outside).join("throughput-source");
    if fs::metadata(&source).map_or(0, |known| known.len()) != FILE {
        let block = vec![7; 1_000_000];
        let mut file = File::create(&source).unwrap();
        (0..FILE / 1_000_000).for_each(|_| file.write_all(&block).unwrap());
    }
    let programs: Vec<&[String]> = programs.split(|word| word == "--").collect();
    let mut best = vec![(f64::MAX, f64::MAX); programs.len() * 4];
    for _ in 0..rounds.parse::<u32>().unwrap() {
        for (number, program) in programs.iter().enumerate() {
            for (kind, slot) in best[number * 4..number * 4 + 4].iter_mut().enumerate() {
                let _ = fs::remove_file(Path::new(outside).join("throughput-target"));
                let (size, is_put) = (SIZES[kind / 2], kind % 2 == 1);
                let (cpu, real) = run(program, inside, size, is_put);
                *slot = (slot.0.min(cpu), slot.1.min(real));
            }
        }
    }
    for (number, program) in programs.iter().enumerate() {
        println!("{}", program.join(" "));
        for kind in 0..4 {
            let (cpu, real) = best[number * 4 + kind];
            let what = if kind % 2 == 1 { "put" } else { "get" };
            println!("  {what} {:6} bytes: {cpu:.3} CPU s/GB, {real:.3} s", SIZES[kind / 2]);
        }
    }
    let _ = fs::remove_file(Path::new(outside).join("throughput-target"));
}

fn run(program: &[String], folder: &str, size: u64, is_put: bool) -> (f64, f64) {
    let mut command = if program[0] == "--ours" {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg("serve");
        command
    } else {
        Command::new(&program[0])
    };
    command.args(&program[1..]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut client = Client {
        input: child.stdin.take().unwrap(),
        output: child.stdout.take().unwrap(),
        reply: vec![0; 300 * 1024],
    };
    client.send(1, &[&3_u32.to_be_bytes()]);
    client.receive();
    let started = Instant::now();
    let name = format!("{folder}/throughput-{}", if is_put { "target" } else { "source" });
    let flags: u32 = if is_put { 0x1a } else { 1 };
    client.send(3, &[&[0; 4], &string(name.as_bytes()), &flags.to_be_bytes(), &[0; 4]]);
    let len = client.receive();
    let handle = client.reply[5..len].to_vec();
    let data = string(&vec![9; size as usize]);
    let (mut asked, mut answered, mut moved) = (0, 0, 0);
    while moved < FILE {
        while asked - answered < OUTSTANDING && asked * size < FILE {
            let offset = (asked * size).to_be_bytes();
            let length = size.min(FILE - asked * size);
            if is_put {
                let data = if length == size { data.clone() } else { string(&data[4..4 + length as usize]) };
                client.send(6, &[&[0; 4], &handle, &offset, &data]);
            } else {
                client.send(5, &[&[0; 4], &handle, &offset, &(length as u32).to_be_bytes()]);
            }
            asked += 1;
        }
        let len = client.receive();
        moved += size.min(FILE - answered * size);
        assert_eq!(client.reply[0], if is_put { 101 } else { 103 });
        assert!(is_put || len as u64 == 9 + size.min(FILE - answered * size));
        answered += 1;
    }
    client.send(4, &[&[0; 4], &handle]);
    client.receive();
    let real = started.elapsed().as_secs_f64();
    (end(child, client), real)
}

/// The CPU seconds of all threads, read before the end.
fn end(mut child: Child, client: Client) -> f64 {
    let tasks = fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
    let nanoseconds: u64 = tasks
        .map(|task| fs::read_to_string(task.unwrap().path().join("schedstat")).unwrap())
        .map(|text| text.split(' ').next().unwrap().parse::<u64>().unwrap())
        .sum();
    drop(client);
    assert!(child.wait().unwrap().success());
    nanoseconds as f64 / 1e9
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes(), bytes].concat()
}

struct Client {
    input: ChildStdin,
    output: ChildStdout,
    reply: Vec<u8>,
}

impl Client {
    fn send(&mut self, kind: u8, parts: &[&[u8]]) {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let mut packet = Vec::with_capacity(length + 5);
        packet.extend((length as u32 + 1).to_be_bytes());
        packet.push(kind);
        parts.iter().for_each(|part| packet.extend(*part));
        self.input.write_all(&packet).unwrap();
    }

    /// Reads one reply; how long it is, with its kind first.
    fn receive(&mut self) -> usize {
        let mut length = [0; 4];
        self.output.read_exact(&mut length).unwrap();
        let length = u32::from_be_bytes(length) as usize;
        self.output.read_exact(&mut self.reply[..length]).map_err(io::Error::other).unwrap();
        length
    }
}

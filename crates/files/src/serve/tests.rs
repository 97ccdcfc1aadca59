use super::*;
use crate::scratch::Scratch;
use crate::{Machine, OpenDirectory, OpenFile};
use sftp::{Attributes, Entry, FileSystemLimits, OpenFlags, Settings, Status, Tried};
use std::io::{PipeReader, PipeWriter};
use std::os::unix::net::UnixStream;
use std::sync::{Barrier, mpsc};
use std::thread::{self, JoinHandle};

/// The machine's files, of which nothing is ever in memory, and where reads wait for each other.
struct Slow {
    files: Machine,
    together: Barrier,
}

type Answer<T> = Result<T, Status>;

impl FileSystem for Slow {
    type File = OpenFile;
    type Directory = OpenDirectory;

    fn open(&self, path: &[u8], flags: OpenFlags, attributes: &Attributes) -> Answer<OpenFile> {
        self.files.open(path, flags, attributes)
    }
    fn read(&self, file: &OpenFile, offset: u64, buffer: &mut [u8]) -> Answer<usize> {
        self.together.wait();
        self.files.read(file, offset, buffer)
    }
    fn try_read(&self, _: &OpenFile, _: u64, _: &mut [u8]) -> Tried<usize> {
        Tried::WouldWait
    }
    fn write(&self, file: &OpenFile, offset: u64, data: &[u8]) -> Answer<()> {
        self.files.write(file, offset, data)
    }
    fn is_same(&self, one: &OpenFile, other: &OpenFile) -> bool {
        self.files.is_same(one, other)
    }
    fn file_attributes(&self, file: &OpenFile) -> Answer<Attributes> {
        self.files.file_attributes(file)
    }
    fn set_file_attributes(&self, file: &OpenFile, attributes: &Attributes) -> Answer<()> {
        self.files.set_file_attributes(file, attributes)
    }
    fn attributes(&self, path: &[u8], follow: bool) -> Answer<Attributes> {
        self.files.attributes(path, follow)
    }
    fn set_attributes(&self, path: &[u8], attributes: &Attributes, follow: bool) -> Answer<()> {
        self.files.set_attributes(path, attributes, follow)
    }
    fn open_directory(&self, path: &[u8]) -> Answer<OpenDirectory> {
        self.files.open_directory(path)
    }
    fn next_entry(&self, directory: &mut OpenDirectory) -> Answer<Option<Entry>> {
        self.files.next_entry(directory)
    }
    fn remove(&self, path: &[u8]) -> Answer<()> {
        self.files.remove(path)
    }
    fn make_directory(&self, path: &[u8], attributes: &Attributes) -> Answer<()> {
        self.files.make_directory(path, attributes)
    }
    fn remove_directory(&self, path: &[u8]) -> Answer<()> {
        self.files.remove_directory(path)
    }
    fn real_path(&self, path: &[u8]) -> Answer<Vec<u8>> {
        self.files.real_path(path)
    }
    fn rename(&self, from: &[u8], to: &[u8], replace: bool) -> Answer<()> {
        self.files.rename(from, to, replace)
    }
    fn read_link(&self, path: &[u8]) -> Answer<Vec<u8>> {
        self.files.read_link(path)
    }
    fn make_link(&self, target: &[u8], link: &[u8]) -> Answer<()> {
        self.files.make_link(target, link)
    }
    fn limits(&self) -> FileSystemLimits {
        self.files.limits()
    }
}

fn packet(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    [&(body.len() as u32 + 1).to_be_bytes()[..], &[kind], &body].concat()
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes(), bytes].concat()
}

fn init() -> Vec<u8> {
    packet(1, &[&3_u32.to_be_bytes()])
}

fn open(path: &[u8]) -> Vec<u8> {
    packet(3, &[&0_u32.to_be_bytes(), &string(path), &1_u32.to_be_bytes(), &0_u32.to_be_bytes()])
}

fn read(id: u32, handle: &[u8], offset: u64, length: u32) -> Vec<u8> {
    packet(5, &[&id.to_be_bytes(), handle, &offset.to_be_bytes(), &length.to_be_bytes()])
}

fn reply(output: &mut impl Read) -> Vec<u8> {
    let mut length = [0; 4];
    output.read_exact(&mut length).unwrap();
    let mut reply = vec![0; u32::from_be_bytes(length) as usize];
    output.read_exact(&mut reply).unwrap();
    reply
}

type Serving = JoinHandle<(Result<(), ServeError>, Vec<Record>)>;

fn start<F: FileSystem>(files: F, input: OwnedFd, output: OwnedFd) -> Serving {
    thread::spawn(move || {
        let mut records = Vec::new();
        let server = Server::new(files, Settings { log: sftp::Level::Debug3, ..Settings::default() });
        let outcome = serve(server, input, output, &mut |record| records.push(record));
        (outcome, records)
    })
}

/// A server between two pipes that said which version it speaks and opened a file; with the file's handle.
fn opened<F: FileSystem>(files: F, path: &[u8]) -> (PipeWriter, PipeReader, Vec<u8>, Serving) {
    let (input, mut requests) = io::pipe().unwrap();
    let (mut replies, output) = io::pipe().unwrap();
    let serving = start(files, input.into(), output.into());
    requests.write_all(&[init(), open(path)].concat()).unwrap();
    assert_eq!(reply(&mut replies)[0], 2);
    let handle = reply(&mut replies);
    assert_eq!(handle[0], 102);
    (requests, replies, handle[5..].to_vec(), serving)
}

/// Some bytes, each known by its place.
fn content(length: usize) -> Vec<u8> {
    (0..length).map(|place| (place * 7 % 253) as u8).collect()
}

#[test]
fn requests_in_pieces_of_any_size_are_answered_in_order() {
    let scratch = Scratch::new();
    let data = content(100_000);
    scratch.write("file", &data);
    for piece in [1, 7, 64, 100_000] {
        let (mut requests, mut replies, handle, serving) = opened(Machine::new(), &scratch.name("file"));
        let all: Vec<u8> = (0..50).flat_map(|id| read(id, &handle, u64::from(id) * 2000, 2000)).collect();
        thread::scope(|scope| {
            scope.spawn(move || all.chunks(piece).for_each(|piece| requests.write_all(piece).unwrap()));
            for id in 0..50_u32 {
                let reply = reply(&mut replies);
                assert_eq!((reply[0], &reply[1..5]), (103, &id.to_be_bytes()[..]));
                assert_eq!(reply[9..], data[id as usize * 2000..][..2000]);
            }
        });
        assert!(serving.join().unwrap().0.is_ok());
    }
}

#[test]
fn a_client_that_asks_for_everything_before_it_reads_gets_everything() {
    let scratch = Scratch::new();
    let data = content(32 * 1024);
    scratch.write("file", &data);
    let (mut requests, mut replies, handle, serving) = opened(Machine::new(), &scratch.name("file"));
    // Far more than pipes and server hold, in both directions.
    const COUNT: u32 = 40_000;
    let (stuck, waits) = mpsc::channel();
    let asking = thread::spawn(move || {
        for id in 0..COUNT {
            if id == 2000 {
                stuck.send(()).unwrap();
            }
            requests.write_all(&read(id, &handle, 0, 32 * 1024)).unwrap();
        }
    });
    waits.recv().unwrap();
    for id in 0..COUNT {
        let reply = reply(&mut replies);
        assert_eq!((reply[0], &reply[1..5]), (103, &id.to_be_bytes()[..]));
        assert!(reply[9..] == data);
    }
    asking.join().unwrap();
    assert!(serving.join().unwrap().0.is_ok());
}

#[test]
fn large_writes_over_one_socket_arrive_whole() {
    let scratch = Scratch::new();
    let (mut client, server) = UnixStream::pair().unwrap();
    let serving = start(Machine::new(), server.try_clone().unwrap().into(), server.into());
    let flags = [&0x1a_u32.to_be_bytes()[..], &[0; 4]].concat();
    client
        .write_all(&[init(), packet(3, &[&[0; 4], &string(&scratch.name("to")), &flags])].concat())
        .unwrap();
    assert_eq!(reply(&mut client)[0], 2);
    let handle = reply(&mut client)[5..].to_vec();
    let data = content(255 * 1024 * 8);
    let mut answers = client.try_clone().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            for (place, piece) in data.chunks(255 * 1024).enumerate() {
                let offset = (place as u64 * 255 * 1024).to_be_bytes();
                client.write_all(&packet(6, &[&[0; 4], &handle, &offset, &string(piece)])).unwrap();
            }
        });
        for _ in 0..8 {
            let reply = reply(&mut answers);
            assert_eq!((reply[0], &reply[5..9]), (101, &[0; 4][..]));
        }
    });
    assert!(scratch.read("to") == data);
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let (outcome, records) = serving.join().unwrap();
    assert!(outcome.is_ok());
    assert!(records.iter().any(|record| record.text.contains("forced close")), "{records:?}");
}

#[test]
fn what_has_to_wait_waits_together_and_is_answered_in_order() {
    let scratch = Scratch::new();
    let data = content(4000);
    scratch.write("file", &data);
    // No read ends before as many have begun as there are threads.
    let files = Slow { files: Machine::new(), together: Barrier::new(crate::limits::WORKERS) };
    let (mut requests, mut replies, handle, serving) = opened(files, &scratch.name("file"));
    let count = 5 * crate::limits::WORKERS as u32;
    let all: Vec<u8> = (0..count).flat_map(|id| read(id, &handle, u64::from(id) * 200, 200)).collect();
    requests.write_all(&all).unwrap();
    // The end of the requests is no reason to answer less.
    drop(requests);
    for id in 0..count {
        let reply = reply(&mut replies);
        assert_eq!((reply[0], &reply[1..5]), (103, &id.to_be_bytes()[..]));
        assert_eq!(reply[9..], data[id as usize * 200..][..200]);
    }
    assert_eq!(replies.read(&mut [0]).unwrap(), 0);
    assert!(serving.join().unwrap().0.is_ok());
}

#[test]
fn one_job_alone_is_answered_while_the_client_waits() {
    let scratch = Scratch::new();
    scratch.write("file", b"slow");
    let files = Slow { files: Machine::new(), together: Barrier::new(1) };
    let (mut requests, mut replies, handle, serving) = opened(files, &scratch.name("file"));
    for id in 0..3 {
        requests.write_all(&read(id, &handle, 0, 100)).unwrap();
        assert_eq!(reply(&mut replies)[9..], *b"slow");
    }
    drop(requests);
    assert!(serving.join().unwrap().0.is_ok());
}

#[test]
fn an_end_within_a_request_and_a_request_that_is_none_are_told() {
    let outcome = |bytes: &[u8]| {
        let (input, mut requests) = io::pipe().unwrap();
        let (mut replies, output) = io::pipe().unwrap();
        let serving = start(Machine::new(), input.into(), output.into());
        requests.write_all(bytes).unwrap();
        drop(requests);
        let mut all = Vec::new();
        replies.read_to_end(&mut all).unwrap();
        (serving.join().unwrap().0, all.len())
    };
    assert!(matches!(outcome(b""), (Ok(()), 0)));
    let (answer, replied) = outcome(&init());
    assert!(answer.is_ok() && replied > 100);
    let (answer, cut) = outcome(&[&init()[..], &[0, 0, 0, 9, 5]].concat());
    assert!(matches!(answer, Err(ServeError::CutOff)) && cut == replied, "what was before is answered");
    let (answer, _) = outcome(&[&init()[..], &[0xff; 4]].concat());
    assert!(matches!(answer, Err(ServeError::Protocol(_))));
}

#[test]
fn a_client_that_goes_without_reading_ends_the_server() {
    let scratch = Scratch::new();
    scratch.write("file", &content(100_000));
    let (mut requests, replies, handle, serving) = opened(Machine::new(), &scratch.name("file"));
    drop(replies);
    requests.write_all(&read(1, &handle, 0, 100_000)).unwrap();
    let (outcome, _) = serving.join().unwrap();
    assert!(matches!(outcome, Err(ServeError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe));
}

#[test]
fn descriptors_are_afterwards_as_they_were() {
    let (input, mut requests) = io::pipe().unwrap();
    let (mut replies, output) = io::pipe().unwrap();
    sys::fd::set_nonblocking(&output, true).unwrap();
    let (kept_input, kept_output) = (input.try_clone().unwrap(), output.try_clone().unwrap());
    let serving = start(Machine::new(), input.into(), output.into());
    requests.write_all(&init()).unwrap();
    assert_eq!(reply(&mut replies)[0], 2);
    assert!(sys::file_io::is_nonblocking(kept_input.as_fd()).unwrap());
    drop(requests);
    assert!(serving.join().unwrap().0.is_ok());
    assert!(!sys::file_io::is_nonblocking(kept_input.as_fd()).unwrap());
    assert!(sys::file_io::is_nonblocking(kept_output.as_fd()).unwrap());
}

#[test]
fn requests_that_end_anywhere_in_the_buffer_are_whole_again() {
    let mut stream = Vec::new();
    let mut lengths = Vec::new();
    for number in 0..200_usize {
        let length = [9, 33_001, 32_801, 5, 50_000, 33, 61_000, 60_001][number * 5 % 8] - number % 3;
        let length = if number % 31 == 30 { 262_144 } else { length };
        lengths.push(length + 4);
        stream.extend(packet(number as u8, &[&vec![number as u8; length - 1]]));
    }
    for most in [4099, 65_536, 1 << 20] {
        let (mut requests, mut rest, mut expected) = (Requests::default(), &stream[..], &stream[..]);
        for length in &lengths {
            loop {
                let needed = if requests.bytes().len() < 4 { 4 } else { *length };
                if requests.bytes().len() >= *length {
                    break;
                }
                let have = requests.bytes().len();
                let room = requests.room(needed);
                assert!(room.len() + have >= needed, "a packet that never fits");
                let len = room.len().min(most).min(rest.len());
                room[..len].copy_from_slice(&rest[..len]);
                requests.add(len);
                rest = &rest[len..];
            }
            assert!(requests.bytes()[..*length] == expected[..*length]);
            requests.consume(*length);
            expected = &expected[*length..];
        }
        assert!(requests.is_empty());
        requests.release();
        assert!(requests.buffer.is_empty());
    }
}

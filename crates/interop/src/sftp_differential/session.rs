//! A server that is asked, and its answers without what the clock decides.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use super::operation::{Operation, Part};
use crate::error::{During, Error};

/// The longest reply that is believed.
const LONGEST: usize = 300 * 1024;

/// Kinds of replies.
const STATUS: u8 = 101;
const HANDLE: u8 = 102;
const NAME: u8 = 104;
const ATTRS: u8 = 105;
const EXTENDED_REPLY: u8 = 201;

/// Seconds around now that count as now.
pub(super) const ABOUT_NOW: u64 = 1800;

/// Whether a time is what the clock decided.
pub(super) fn is_about_now(seconds: u64) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |passed| passed.as_secs());
    seconds.abs_diff(now) <= ABOUT_NOW
}

/// What a server said to a request.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) request: String,
    reply: Vec<u8>,
}

impl PartialEq for Answer {
    fn eq(&self, other: &Self) -> bool {
        self.reply == other.reply
    }
}

impl Answer {
    /// Whether this says that nothing was copied where the other one says that all went well, or lists a directory where the other
    /// one finds nothing in it.
    pub(super) fn is_better_than(&self, other: &Self) -> bool {
        let status = |answer: &Self| (answer.reply[0] == STATUS).then(|| number(&answer.reply[5..]));
        let copies =
            self.request.starts_with("copy-data ") && status(other) == Some(0) && status(self).is_some();
        let lists = self.request.starts_with("readdir ") && status(other) == Some(1) && self.reply[0] == NAME;
        copies || lists
    }

    pub(super) fn shown(&self) -> String {
        self.reply[..self.reply.len().min(2000)].escape_ascii().to_string()
    }
}

/// A server and the handles that it gave.
pub(super) struct Session {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    handles: Vec<Vec<u8>>,
    id: u32,
}

impl Session {
    pub(super) fn start(root: &Path, folder: &str, program: &str, as_user: bool) -> Result<Self, Error> {
        let mut command = Command::new("chroot");
        if as_user {
            command.args(["--userspec=1000:1000", "--groups=1000"]);
        }
        command.arg(root).args([
            "/bin/sh",
            "-c",
            "umask 022; cd \"$1\" && exec \"$2\"",
            "sh",
            folder,
            program,
        ]);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().during("starting a server")?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (Some(input), Some(output)) = (input, output) else { return Err(Error::wrong("no pipes")) };
        Ok(Self { child, input, output, handles: Vec::new(), id: 0 })
    }

    /// Says which version is spoken.
    pub(super) fn greet(&mut self) -> Result<Answer, Error> {
        self.send(&[&[1][..], &3_u32.to_be_bytes()].concat())?;
        let reply = self.receive()?;
        Ok(Answer { request: "init".to_owned(), reply })
    }

    /// Sends a request and takes its reply.
    pub(super) fn exchange(&mut self, operation: &Operation) -> Result<Answer, Error> {
        self.id += 1;
        let mut packet = vec![operation.kind];
        packet.extend(self.id.to_be_bytes());
        let mut used = None;
        for part in &operation.parts {
            match part {
                Part::Bytes(bytes) => packet.extend(bytes),
                Part::Text(text) => packet.extend(string(text)),
                Part::Handle(number) => {
                    let number = number % (self.handles.len() + 1);
                    used = Some(number);
                    packet.extend(string(self.handles.get(number).map_or(b"none", Vec::as_slice)));
                }
            }
        }
        self.send(&packet)?;
        let mut reply = self.receive()?;
        if reply.len() < 5 || reply[1..5] != self.id.to_be_bytes() {
            return Err(Error::wrong(format!("a reply to something else: {}", reply.escape_ascii())));
        }
        match reply[0] {
            HANDLE => {
                self.handles.push(reply[9..].to_vec());
                reply.truncate(5);
            }
            STATUS if operation.kind == 4 && reply[5..9] == [0; 4] => {
                self.handles.remove(used.unwrap_or(0));
            }
            ATTRS => _ = mask_attributes(&mut reply[5..]),
            NAME => mask_names(&mut reply),
            EXTENDED_REPLY if operation.tells_room() => {
                // Free blocks and files, which others use too.
                for number in [3, 4, 6, 7] {
                    reply[5 + number * 8..][..8].fill(0);
                }
            }
            _ => {}
        }
        Ok(Answer { request: operation.to_string(), reply })
    }

    /// Ends the requests; the server must end too, well.
    pub(super) fn end(self) -> Result<(), Error> {
        let Self { mut child, input, mut output, .. } = self;
        drop(input);
        let mut rest = Vec::new();
        output.read_to_end(&mut rest).during("reading the end")?;
        let status = child.wait().during("waiting for a server")?;
        if status.success() && rest.is_empty() {
            Ok(())
        } else {
            Err(Error::wrong(format!("the server ended with {status} and {} more bytes", rest.len())))
        }
    }

    fn send(&mut self, packet: &[u8]) -> Result<(), Error> {
        self.input.write_all(&string(packet)).during("writing a request")
    }

    fn receive(&mut self) -> Result<Vec<u8>, Error> {
        let mut length = [0; 4];
        self.output.read_exact(&mut length).during("reading a reply")?;
        let length = u32::from_be_bytes(length) as usize;
        if length > LONGEST {
            return Err(Error::wrong(format!("a reply of {length} bytes")));
        }
        let mut reply = vec![0; length];
        self.output.read_exact(&mut reply).during("reading a reply")?;
        Ok(reply)
    }
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes(), bytes].concat()
}

fn number(bytes: &[u8]) -> usize {
    u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize
}

/// Masks times that are about now; how long the attributes are, and whether the time of the last writing was masked.
fn mask_attributes(bytes: &mut [u8]) -> (usize, bool) {
    let flags = number(bytes);
    let mut at = 4;
    for (flag, length) in [(1, 8), (2, 8), (4, 4)] {
        if flags & flag != 0 {
            at += length;
        }
    }
    let mut is_masked = false;
    if flags & 8 != 0 {
        for time in bytes[at..at + 8].chunks_mut(4) {
            is_masked = is_about_now(number(time) as u64);
            if is_masked {
                time.fill(0xee);
            }
        }
        at += 8;
    }
    (at, is_masked)
}

/// Masks times of every name, also in its long form, where the date stands before the name.
fn mask_names(reply: &mut [u8]) {
    let count = number(&reply[5..]);
    let mut at = 9;
    for _ in 0..count {
        let name = number(&reply[at..]);
        let long = at + 4 + name;
        let end = long + 4 + number(&reply[long..]);
        let (length, is_masked) = mask_attributes(&mut reply[end..]);
        if is_masked {
            let date = end - name - 1;
            reply[date - 12..date].fill(b'?');
        }
        at = end + length;
    }
}

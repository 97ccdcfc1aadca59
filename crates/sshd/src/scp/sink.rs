//! Files that come.

use std::ffi::OsStr;
use std::fs::{DirBuilder, File, FileTimes, OpenOptions, Permissions};
use std::io::{self, BufRead, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::arguments::Arguments;
use super::limits::MAX_DEPTH;
use super::peer::Peer;
use crate::settings::without_number;

/// Takes what the client sends, to its end.
///
/// # Errors
/// When the client has gone or breaks the rules.
pub(super) fn run<R: BufRead, W: Write>(arguments: &Arguments, peer: &mut Peer<R, W>) -> io::Result<()> {
    let target = arguments.files().into_iter().next().unwrap_or_default();
    let target = Path::new(if target.is_empty() { "." } else { &target });
    if arguments.directory {
        let why = match target.metadata() {
            Ok(found) if found.is_dir() => None,
            Ok(_) => Some(NOT_A_DIRECTORY.to_owned()),
            Err(error) => Some(without_number(&error)),
        };
        if let Some(why) = why {
            return peer.complain(format_args!("{}: {why}", target.display()));
        }
    }
    peer.acknowledge()?;
    Sink { arguments, peer }.entries(target, 0)
}

const NOT_A_DIRECTORY: &str = "Not a directory";

struct Sink<'a, R, W> {
    arguments: &'a Arguments,
    peer: &'a mut Peer<R, W>,
}

/// The permission bits and the times that one entry is to have.
#[derive(Clone, Copy, Debug)]
struct Attributes {
    mode: u32,
    times: Option<FileTimes>,
}

impl<R: BufRead, W: Write> Sink<'_, R, W> {
    /// Takes entries up to the end of their directory, or of everything.
    fn entries(&mut self, target: &Path, depth: usize) -> io::Result<()> {
        let mut times = None;
        while let Some(line) = self.peer.line()? {
            let (kind, rest) = line.split_first().ok_or(io::ErrorKind::InvalidData)?;
            match kind {
                b'T' => {
                    times = Some(parse_times(rest).ok_or(io::ErrorKind::InvalidData)?);
                    self.peer.acknowledge()?;
                }
                b'C' | b'D' => {
                    let (mode, size, name) = parse_entry(rest).ok_or(io::ErrorKind::InvalidData)?;
                    let path = if target.is_dir() { target.join(name) } else { target.to_owned() };
                    let attributes = Attributes { mode, times: times.take() };
                    if *kind == b'C' {
                        self.file(&path, attributes, size)?;
                    } else {
                        self.directory(path, attributes, depth)?;
                    }
                }
                b'E' if depth > 0 => return self.peer.acknowledge(),
                // What is wrong at the other end, for its own people.
                1 => self.peer.is_told_of_trouble(),
                _ => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
        // Only whole directories are good.
        if depth > 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    fn directory(&mut self, path: PathBuf, attributes: Attributes, depth: usize) -> io::Result<()> {
        if !self.arguments.recursive || depth >= MAX_DEPTH {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let is_new = !path.exists();
        let made = match is_new {
            true => DirBuilder::new().mode(attributes.mode | 0o700).create(&path),
            false if path.is_dir() => Ok(()),
            false => Err(io::Error::other(NOT_A_DIRECTORY)),
        };
        if let Err(error) = made {
            return self.complain(&path, &error);
        }
        self.peer.acknowledge()?;
        self.entries(&path, depth.saturating_add(1))?;
        let finished = File::open(&path).and_then(|directory| {
            if let Some(times) = attributes.times {
                directory.set_times(times)?;
            }
            // Bits that were added for us to write into it, and all of them where they matter.
            let is_exact = self.arguments.preserve || (is_new && attributes.mode & 0o700 != 0o700);
            if is_exact { directory.set_permissions(Permissions::from_mode(attributes.mode)) } else { Ok(()) }
        });
        match finished {
            Ok(()) => Ok(()),
            Err(error) => self.complain(&path, &error),
        }
    }

    fn file(&mut self, path: &Path, attributes: Attributes, size: u64) -> io::Result<()> {
        let is_new = !path.exists();
        let mut options = OpenOptions::new();
        let opened = options.write(true).create(true).mode(attributes.mode | 0o200).open(path);
        let mut file = match opened {
            Ok(file) => file,
            Err(error) => return self.complain(path, &error),
        };
        self.peer.acknowledge()?;
        let mut coming = self.peer.input.by_ref().take(size);
        let mut written = io::copy(&mut coming, &mut file).map(|_| ());
        // A full disk is no reason to lose step with the other end.
        io::copy(&mut coming, &mut io::sink())?;
        if coming.limit() > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let is_plain = file.metadata().is_ok_and(|found| found.is_file());
        if is_plain && written.is_ok() {
            written = file.set_len(size);
        }
        let finished = written.and_then(|()| {
            if self.arguments.preserve {
                file.set_permissions(Permissions::from_mode(attributes.mode))?;
            } else if is_new && attributes.mode & 0o200 == 0 {
                let given = file.metadata()?.permissions().mode();
                file.set_permissions(Permissions::from_mode(given & attributes.mode))?;
            }
            attributes.times.map_or(Ok(()), |times| file.set_times(times))
        });
        self.peer.answer()?;
        match finished {
            Ok(()) => self.peer.acknowledge(),
            Err(error) => self.complain(path, &error),
        }
    }

    fn complain(&mut self, path: &Path, error: &io::Error) -> io::Result<()> {
        self.peer.complain(format_args!("{}: {}", path.display(), without_number(error)))
    }
}

/// `MTIME 0 ATIME 0`, in seconds and microseconds.
fn parse_times(rest: &[u8]) -> Option<FileTimes> {
    let mut numbers = std::str::from_utf8(rest).ok()?.split(' ').map(str::parse::<u64>);
    let mut time = || {
        let (seconds, microseconds) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        let since = Duration::from_secs(seconds).checked_add(Duration::from_micros(microseconds))?;
        SystemTime::UNIX_EPOCH.checked_add(since)
    };
    let (modified, accessed) = (time()?, time()?);
    numbers.next().is_none().then(|| FileTimes::new().set_modified(modified).set_accessed(accessed))
}

/// `MODE SIZE NAME`, with a name of one entry.
fn parse_entry(rest: &[u8]) -> Option<(u32, u64, &OsStr)> {
    let mut parts = rest.splitn(3, |byte| *byte == b' ');
    let mut part = || parts.next();
    let (mode, size, name) = (part()?, part()?, part()?);
    let digits =
        |text: &[u8]| text.iter().all(u8::is_ascii_digit).then(|| String::from_utf8(text.to_vec()).ok())?;
    let mode = u32::from_str_radix(&digits(mode).filter(|mode| mode.len() == 4)?, 8).ok()?;
    let size = digits(size)?.parse().ok()?;
    let is_entry = !matches!(name, b"" | b"." | b"..") && !name.iter().any(|byte| matches!(byte, b'/' | 0));
    is_entry.then_some((mode & 0o7777, size, OsStr::from_bytes(name)))
}

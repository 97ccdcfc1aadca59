//! Files that go.

use std::fs::{self, File, Metadata};
use std::io::{self, BufRead, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::arguments::Arguments;
use super::limits::MAX_DEPTH;
use super::peer::Peer;
use crate::settings::without_number;

/// Sends what the client asks for.
///
/// # Errors
/// When the client has gone or breaks the rules.
pub(super) fn run<R: BufRead, W: Write>(arguments: &Arguments, peer: &mut Peer<R, W>) -> io::Result<()> {
    if !peer.answer()? {
        return Ok(());
    }
    let mut source = Source { arguments, peer };
    for path in arguments.files() {
        source.entry(Path::new(&path), 0)?;
    }
    Ok(())
}

struct Source<'a, R, W> {
    arguments: &'a Arguments,
    peer: &'a mut Peer<R, W>,
}

impl<R: BufRead, W: Write> Source<'_, R, W> {
    fn entry(&mut self, path: &Path, depth: usize) -> io::Result<()> {
        // Never waits for a fifo, nor takes a terminal; what it is follows.
        let opened = sys::fd::open_to_read(path).and_then(|file| Ok((file.metadata()?, file)));
        match opened {
            Ok((found, file)) if found.is_file() => self.file(path, file, &found),
            Ok((found, _)) if found.is_dir() && self.arguments.recursive && depth < MAX_DEPTH => {
                self.directory(path, &found, depth)
            }
            Ok(_) => self.complain(path, "not a regular file"),
            Err(error) => self.complain(path, &without_number(&error)),
        }
    }

    fn complain(&mut self, path: &Path, why: &str) -> io::Result<()> {
        self.peer.complain(format_args!("{}: {why}", path.display()))
    }

    /// Says what comes; whether the other end wants it.
    fn announce(&mut self, kind: char, path: &Path, found: &Metadata) -> io::Result<bool> {
        // A path that ends in `..` or is the root has no name of its own.
        let name = path.canonicalize().ok().and_then(|whole| Some(whole.file_name()?.as_bytes().to_vec()));
        let name = path.file_name().map(|name| name.as_bytes().to_vec()).or(name).unwrap_or_default();
        if name.is_empty() || name.contains(&b'\n') {
            self.complain(path, "cannot be named")?;
            return Ok(false);
        }
        if self.arguments.preserve {
            let (modified, accessed) = (found.mtime().max(0), found.atime().max(0));
            self.peer.output.write_all(format!("T{modified} 0 {accessed} 0\n").as_bytes())?;
            if !self.peer.answer()? {
                return Ok(false);
            }
        }
        let size = if found.is_dir() { 0 } else { found.len() };
        let mode = found.mode() & 0o7777;
        let mut line = format!("{kind}{mode:04o} {size} ").into_bytes();
        line.extend_from_slice(&name);
        line.push(b'\n');
        self.peer.output.write_all(&line)?;
        self.peer.answer()
    }

    fn file(&mut self, path: &Path, file: File, found: &Metadata) -> io::Result<()> {
        if !self.announce('C', path, found)? {
            return Ok(());
        }
        let size = found.len();
        let mut going = file.take(size);
        let read = io::copy(&mut going, &mut self.peer.output);
        let missing = match read {
            Ok(sent) => size.saturating_sub(sent),
            // Where the copy stopped is not known when reading failed, but the file's place is.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Err(error),
            Err(_) => going.limit(),
        };
        // The other end waits for as many bytes as it was told, whatever became of the file.
        io::copy(&mut io::repeat(0).take(missing), &mut self.peer.output)?;
        if missing > 0 {
            self.complain(path, "file changed size")?;
        } else {
            self.peer.acknowledge()?;
        }
        self.peer.answer().map(|_| ())
    }

    fn directory(&mut self, path: &Path, found: &Metadata, depth: usize) -> io::Result<()> {
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) => return self.complain(path, &without_number(&error)),
        };
        if !self.announce('D', path, found)? {
            return Ok(());
        }
        for entry in entries {
            match entry {
                Ok(entry) => self.entry(&entry.path(), depth.saturating_add(1))?,
                Err(error) => {
                    self.complain(path, &without_number(&error))?;
                    break;
                }
            }
        }
        self.peer.output.write_all(b"E\n")?;
        self.peer.answer().map(|_| ())
    }
}

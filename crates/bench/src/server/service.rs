//! What is behind a forwarded port: services of this program, outside of every server's processes.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::Fault;

/// Bytes of one read or write.
const CHUNK: usize = 256 * 1024;

/// How long one end may say nothing.
const SILENCE: Duration = Duration::from_secs(20);

/// The first byte of a connection says what is to be done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Wish {
    /// Send for so many milliseconds, of which two bytes follow, and end.
    Source = b's',
    /// Read to the end, and answer with the number of bytes.
    Sink = b'k',
    /// Send every byte back.
    Echo = b'e',
}

/// A service on a port of the loopback. A connection of which nothing is wished is held until the service ends.
#[derive(Debug)]
pub struct Service {
    address: SocketAddr,
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Service {
    /// Starts it. Only the first `served` connections may have a wish; the others are held.
    ///
    /// # Errors
    /// When it can not listen.
    pub fn start(served: usize) -> Result<Self, Fault> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let (address, ending) = (listener.local_addr()?, Arc::new(AtomicBool::new(false)));
        let end = Arc::clone(&ending);
        let thread = thread::spawn(move || {
            let mut held = Vec::new();
            for (number, stream) in listener.incoming().map_while(Result::ok).enumerate() {
                if end.load(Ordering::Relaxed) {
                    break;
                }
                if number < served {
                    // One that breaks is noticed at its other end.
                    thread::spawn(move || drop(serve(stream)));
                } else {
                    held.push(stream);
                }
            }
        });
        Ok(Self { address, ending, thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
        // One more connection, for it to see that.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(mut stream: TcpStream) -> Result<(), Fault> {
    let mut wish = [0];
    stream.set_nodelay(true)?;
    stream.read_exact(&mut wish)?;
    match wish[0] {
        byte if byte == Wish::Source as u8 => {
            let mut milliseconds = [0; 2];
            stream.read_exact(&mut milliseconds)?;
            let duration = Duration::from_millis(u16::from_be_bytes(milliseconds).into());
            send(&mut stream, duration)?;
            stream.shutdown(Shutdown::Write)?;
        }
        byte if byte == Wish::Sink as u8 => {
            let bytes = read(&mut stream)?;
            stream.write_all(&bytes.to_be_bytes())?;
        }
        byte if byte == Wish::Echo as u8 => {
            let mut byte = [0];
            while stream.read(&mut byte)? == 1 {
                stream.write_all(&byte)?;
            }
        }
        other => return Err(format!("a wish that nobody knows: {other}").into()),
    }
    Ok(())
}

/// The bytes with which an echo is wished.
pub const ECHO: u8 = Wish::Echo as u8;

/// Reads what a service behind this port sends for a while; returns the number of bytes.
///
/// # Errors
/// When the connection breaks.
pub fn download(port: u16, duration: Duration) -> Result<u64, Fault> {
    let mut stream = connect(port)?;
    let [high, low] = u16::try_from(duration.as_millis())?.to_be_bytes();
    stream.write_all(&[Wish::Source as u8, high, low])?;
    read(&mut stream)
}

/// Sends to a service behind this port for a while; returns the number of bytes that arrived.
///
/// # Errors
/// When the connection breaks, or another number of bytes came.
pub fn upload(port: u16, duration: Duration) -> Result<u64, Fault> {
    let mut stream = connect(port)?;
    stream.write_all(&[Wish::Sink as u8])?;
    let sent = send(&mut stream, duration)?;
    // The answer comes only when the end of what was sent is told, and the other way goes on.
    stream.shutdown(Shutdown::Write)?;
    let mut bytes = [0; 8];
    stream.read_exact(&mut bytes)?;
    let came = u64::from_be_bytes(bytes);
    if came != sent {
        return Err(format!("{sent} bytes were sent, {came} came").into());
    }
    Ok(came)
}

fn connect(port: u16) -> Result<TcpStream, Fault> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_write_timeout(Some(SILENCE))?;
    Ok(stream)
}

fn send(stream: &mut TcpStream, duration: Duration) -> Result<u64, Fault> {
    let chunk = vec![0; CHUNK];
    let (end, mut bytes) = (Instant::now() + duration, 0);
    while Instant::now() < end {
        stream.write_all(&chunk)?;
        bytes += chunk.len() as u64;
    }
    Ok(bytes)
}

fn read(stream: &mut TcpStream) -> Result<u64, Fault> {
    let (mut chunk, mut bytes) = (vec![0; CHUNK], 0);
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => return Ok(bytes),
            Ok(n) => bytes += n as u64,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_counted_at_the_other_end() {
        let service = Service::start(usize::MAX).unwrap();
        let (port, while_it_runs) = (service.address().port(), Duration::from_millis(20));
        assert!(upload(port, while_it_runs).unwrap() > 0);
        assert!(download(port, while_it_runs).unwrap() > 0);
    }

    #[test]
    fn an_echo_comes_back_and_others_are_held() {
        let service = Service::start(1).unwrap();
        let mut first = connect(service.address().port()).unwrap();
        first.write_all(&[ECHO, b'x']).unwrap();
        let mut byte = [0];
        first.read_exact(&mut byte).unwrap();
        assert_eq!(byte, *b"x");
        let mut second = connect(service.address().port()).unwrap();
        second.write_all(&[ECHO, b'x']).unwrap();
        drop(service);
        assert!(second.read_exact(&mut byte).is_err());
    }
}

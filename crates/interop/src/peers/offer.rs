//! What a peer offers: the lists of the first message that it sends.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;

use crate::error::{During, Error};

/// The most bytes that a peer's first packet may have here.
const LONGEST: u32 = 64 * 1024;

/// The number of KEXINIT, and how many bytes of cookie follow it.
const KEXINIT: (u8, usize) = (20, 16);

/// The lists of a KEXINIT that matter (RFC 4253 §7.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// Key exchanges.
    pub kex: Vec<String>,
    /// Signature algorithms of host keys.
    pub host_keys: Vec<String>,
    /// Ciphers, from the client to the server.
    pub ciphers: Vec<String>,
    /// MACs, from the client to the server.
    pub macs: Vec<String>,
    /// Compression methods, from the client to the server.
    pub compressions: Vec<String>,
}

impl Offer {
    /// Says who we are, and reads until the peer has said what it offers.
    ///
    /// # Errors
    ///
    /// When the stream ends or fails, or what comes is something else.
    pub fn read(mut stream: &TcpStream) -> Result<Self, Error> {
        stream.write_all(b"SSH-2.0-offer\r\n").during("greeting a peer")?;
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while !(line.starts_with(b"SSH-") && line.ends_with(b"\n")) {
            if line.ends_with(b"\n") || line.len() > 1024 {
                line.clear();
            }
            let mut byte = [0];
            stream.read_exact(&mut byte).during("reading who a peer is")?;
            line.extend(byte);
        }
        let mut head = [0; 5];
        stream.read_exact(&mut head).during("reading what a peer offers")?;
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
        let bad = || Error::wrong("a peer that does not begin with KEXINIT");
        if length > LONGEST {
            return Err(bad());
        }
        let mut payload = vec![0; length.saturating_sub(1) as usize];
        stream.read_exact(&mut payload).during("reading what a peer offers")?;
        let lists = payload.strip_prefix(&[KEXINIT.0]).and_then(|rest| rest.get(KEXINIT.1..));
        let mut rest = lists.ok_or_else(bad)?;
        let mut next = || -> Result<Vec<String>, Error> {
            let (length, tail) = rest.split_first_chunk::<4>().ok_or_else(bad)?;
            let (list, tail) = tail.split_at_checked(u32::from_be_bytes(*length) as usize).ok_or_else(bad)?;
            rest = tail;
            Ok(String::from_utf8_lossy(list).split(',').map(str::to_owned).collect())
        };
        let (kex, host_keys, ciphers, _) = (next()?, next()?, next()?, next()?);
        let (macs, _, compressions) = (next()?, next()?, next()?);
        Ok(Self { kex, host_keys, ciphers, macs, compressions })
    }
}

#[cfg(test)]
mod tests {
    use super::Offer;
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn the_lists_come_after_what_a_server_may_say_first() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        let mut payload = vec![20];
        payload.extend([0; 16]);
        for list in ["k1,k2", "h", "c", "x", "m", "y", "none,z", "w", "", ""] {
            payload.extend(u32::try_from(list.len()).unwrap().to_be_bytes());
            payload.extend(list.as_bytes());
        }
        payload.extend([0; 5 + 4]);
        let length = u32::try_from(payload.len() + 1).unwrap();
        let packet = [b"a line before\r\nSSH-2.0-x\r\n", &length.to_be_bytes()[..], &[4], &payload].concat();
        peer.write_all(&packet).unwrap();
        let offer = Offer::read(&stream).unwrap();
        assert_eq!((offer.kex, offer.host_keys), (vec!["k1".into(), "k2".into()], vec!["h".into()]));
        assert_eq!((offer.macs, offer.compressions), (vec!["m".into()], vec!["none".into(), "z".into()]));
        peer.write_all(b"SSH-2.0-x\r\n\0\0\0\x02\0\x15").unwrap();
        assert!(Offer::read(&stream).is_err());
    }
}

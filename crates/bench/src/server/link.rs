//! A long way to the server: a network of its own for the client, and between it and the servers' a bridge that keeps every
//! frame for a while. The kernels at both ends see a real link, with their own windows and their own retransmissions.
//!
//! The link has large frames and each is one segment, so that what is measured is not the bridge. TCP begins with what the link
//! holds: how it finds out is the same for all servers, takes long, and goes wrong now and then on a busy machine.

use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::ifaddrs::getifaddrs;
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::socket::sockopt::RcvBufForce;
use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, recvfrom, sendto, setsockopt, socket,
};

use super::Fault;

/// The servers' address on the link, and the client's.
const ENDS: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 9, 0, 1), Ipv4Addr::new(10, 9, 0, 2)];

/// The link's interfaces: at each end, and the bridge's that it is connected with.
const INTERFACES: [(&str, &str); 2] = [("bench-near", "bridge-near"), ("bench-far", "bridge-far")];

/// Bytes of a frame's payload at most.
const MTU: &str = "9000";

/// Bytes of a frame's header.
const ETHERNET: usize = 14;

/// Bytes that may wait for the bridge.
const RECEIVE_BUFFER: usize = 64 * 1024 * 1024;

/// What TCP may hold of what it sends on a connection: least, first and most bytes. A link of 300 ms holds 60 MB when 200 MB/s go
/// over it.
const TCP_SENT: &str = "4096 131072 268435456";

/// The same of what it receives.
const TCP_RECEIVED: &str = "4096 67108864 268435456";

/// Segments that may be under way at first, each way.
const TCP_SEGMENTS: &str = "8000";

/// A network that threads can be in.
#[derive(Debug)]
struct Network(File);

impl Network {
    /// That of this thread.
    fn own() -> Result<Self, Fault> {
        Ok(Self(File::open("/proc/thread-self/ns/net")?))
    }

    /// A new one.
    fn new() -> Result<Self, Fault> {
        separate(|| {
            unshare(CloneFlags::CLONE_NEWNET)?;
            Self::own()
        })
    }

    /// Does `work` in it: sockets that it makes and programs that it starts belong there.
    fn within<T: Send>(&self, work: impl FnOnce() -> Result<T, Fault> + Send) -> Result<T, Fault> {
        separate(|| {
            setns(&self.0, CloneFlags::CLONE_NEWNET)?;
            work()
        })
    }

    /// Where others find it.
    fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd())
    }
}

/// Does `work` in a thread, so that what it changes about itself ends with it.
fn separate<T: Send>(work: impl FnOnce() -> Result<T, Fault> + Send) -> Result<T, Fault> {
    let result = thread::scope(|scope| {
        scope
            .spawn(|| work().map_err(|fault| fault.to_string()))
            .join()
            .map_err(|_| "a thread panicked".to_owned())
    });
    Ok(result.flatten()?)
}

/// A link from this network to another one. It stays until this program ends.
#[derive(Debug)]
pub struct Link {
    far: Network,
    /// Nanoseconds that a frame takes, each way.
    delay: Arc<AtomicU64>,
}

impl Link {
    /// The servers' address on it.
    pub const SERVERS: IpAddr = IpAddr::V4(ENDS[0]);

    /// Makes one without any delay.
    ///
    /// # Errors
    /// When this process may not, or `ip` can not.
    pub fn new() -> Result<Self, Fault> {
        let (near, middle, far) = (Network::own()?, Network::new()?, Network::new()?);
        for ((network, address), (end, bridged)) in [&near, &far].into_iter().zip(ENDS).zip(INTERFACES) {
            network.within(|| {
                let peer = ["peer", "name", bridged, "mtu", MTU, "netns", &middle.path()];
                ip(&[&["link", "add", "name", end, "mtu", MTU, "type", "veth"], &peer[..]].concat())?;
                ip(&["address", "add", &format!("{address}/24"), "dev", end])?;
                ip(&["link", "set", "dev", end, "gso_max_segs", "1", "up"])?;
                let link = ["10.9.0.0/24", "dev", end, "src", &address.to_string()];
                let first = ["initcwnd", TCP_SEGMENTS, "initrwnd", TCP_SEGMENTS];
                ip(&[&["route", "replace"], &link[..], &first].concat())?;
                let tcp =
                    |name: &str, value: &str| fs::write(format!("/proc/sys/net/ipv4/tcp_{name}"), value);
                tcp("congestion_control", "cubic")?;
                tcp("rmem", TCP_RECEIVED)?;
                tcp("wmem", TCP_SENT)?;
                // What one connection has learnt is not the next one's.
                Ok(tcp("no_metrics_save", "1")?)
            })?;
            middle.within(|| ip(&["link", "set", "dev", bridged, "up"]))?;
        }
        let delay = Arc::new(AtomicU64::new(0));
        middle.within(|| bridge(&delay))?;
        Ok(Self { far, delay })
    }

    /// From now on the way there and back takes so long.
    ///
    /// # Errors
    /// When it is longer than centuries.
    pub fn set(&self, round_trip: Duration) -> Result<(), Fault> {
        self.delay.store(u64::try_from((round_trip / 2).as_nanos())?, Ordering::Relaxed);
        Ok(())
    }

    /// Does `work` at the client's end.
    ///
    /// # Errors
    /// Of `work`.
    pub fn far<T: Send>(&self, work: impl FnOnce() -> Result<T, Fault> + Send) -> Result<T, Fault> {
        self.far.within(work)
    }
}

fn ip(arguments: &[&str]) -> Result<(), Fault> {
    let output = Command::new("ip").args(arguments).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("ip {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr)).into())
}

/// A frame and when it is due.
type Delayed = (Instant, Vec<u8>);

/// Starts to carry frames between the two interfaces of this thread's network.
fn bridge(delay: &Arc<AtomicU64>) -> Result<(), Fault> {
    let frames = |protocol: Option<SockProtocol>| {
        socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)
    };
    let [near, far] = [interface(INTERFACES[0].1)?, interface(INTERFACES[1].1)?];
    let [to_near, to_far] = [near, far].map(|way| {
        let (sender, receiver) = channel();
        // It only sends: of no protocol, and so nothing comes to it.
        frames(None).map(|socket| {
            thread::spawn(move || send(&socket, way, &receiver));
            sender
        })
    });
    let (to_near, to_far, delay) = (to_near?, to_far?, Arc::clone(delay));
    let socket = frames(Some(SockProtocol::EthAll))?;
    setsockopt(&socket, RcvBufForce, &RECEIVE_BUFFER)?;
    thread::spawn(move || {
        let ways = [(near.ifindex(), to_far), (far.ifindex(), to_near)];
        if let Err(fault) = receive(&socket, &ways, &delay) {
            eprintln!("bench-sshd: the link: {fault}");
        }
    });
    Ok(())
}

fn interface(name: &str) -> Result<LinkAddr, Fault> {
    let mut addresses = getifaddrs()?.filter(|address| address.interface_name == name);
    let found = addresses.find_map(|address| address.address?.as_link_addr().copied());
    Ok(found.ok_or_else(|| format!("no interface {name}"))?)
}

/// Takes frames in, and hands each over to the way that leads from where it came in.
fn receive(socket: &OwnedFd, ways: &[(usize, Sender<Delayed>)], delay: &AtomicU64) -> Result<(), Fault> {
    /// `PACKET_OUTGOING` of packet(7): what the bridge itself sends.
    const OUTGOING: u8 = 4;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let (length, from) = recvfrom::<LinkAddr>(socket.as_raw_fd(), &mut buffer)?;
        let due = Instant::now() + Duration::from_nanos(delay.load(Ordering::Relaxed));
        let from = from.ok_or("a frame from nowhere")?;
        if from.pkttype() == OUTGOING {
            continue;
        }
        let mut frame = buffer[..length].to_vec();
        complete(&mut frame);
        if let Some((_, way)) = ways.iter().find(|(index, _)| *index == from.ifindex()) {
            way.send((due, frame))?;
        }
    }
}

fn send(socket: &OwnedFd, to: LinkAddr, frames: &Receiver<Delayed>) {
    while let Ok((due, frame)) = frames.recv() {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        // What can not be sent is lost, as on any link.
        let _ = sendto(socket.as_raw_fd(), &frame, &to, MsgFlags::empty());
    }
}

/// Puts the checksum into a frame with TCP over IPv4. A kernel leaves that to the hardware, which here is the bridge.
fn complete(frame: &mut [u8]) {
    const IPV4: [u8; 2] = [0x08, 0x00];
    const TCP: u8 = 6;
    let Some((ethernet, packet)) = frame.split_at_mut_checked(ETHERNET) else { return };
    if ethernet[12..] != IPV4 || packet.len() < 20 || packet[9] != TCP {
        return;
    }
    let header = usize::from(packet[0] & 15) * 4;
    let total = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
    if header < 20 || total < header + 20 || packet.len() < total {
        return;
    }
    let (address, segment) = packet[..total].split_at_mut(header);
    segment[16..18].fill(0);
    // The pseudo header: both addresses, the protocol, and the length.
    let pseudo = sum(&address[12..20]) + u64::from(TCP) + segment.len() as u64;
    let mut folded = pseudo + sum(segment);
    while folded > 0xffff {
        folded = (folded & 0xffff) + (folded >> 16);
    }
    let checksum = !(folded as u16);
    segment[16..18].copy_from_slice(&checksum.to_be_bytes());
}

/// The sum of 16-bit words, the last one with a zero after it when bytes are odd.
fn sum(bytes: &[u8]) -> u64 {
    let words =
        bytes.chunks(2).map(|word| u64::from(word[0]) << 8 | word.get(1).map_or(0, |low| u64::from(*low)));
    words.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A segment with one byte of data, and no checksum.
    fn segment() -> Vec<u8> {
        let mut frame = vec![0; 12];
        frame.extend([0x08, 0x00]);
        frame.extend([0x45, 0, 0, 41, 0, 0, 0x40, 0, 64, 6, 0x3c, 0xcd, 127, 0, 0, 1, 127, 0, 0, 1]);
        frame.extend([0x10, 0, 0x20, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x18, 1, 0, 0, 0, 0, 0]);
        frame.push(0x78);
        frame
    }

    /// The checksum of RFC 9293 §3.1 holds when the sum of everything with it is all ones.
    fn holds(frame: &[u8]) -> bool {
        let packet = &frame[ETHERNET..];
        let mut all = sum(&packet[12..20]) + 6 + (packet.len() as u64 - 20) + sum(&packet[20..]);
        while all > 0xffff {
            all = (all & 0xffff) + (all >> 16);
        }
        all == 0xffff
    }

    #[test]
    fn a_segment_gets_its_checksum_whatever_was_there() {
        let mut frame = segment();
        assert!(!holds(&frame));
        complete(&mut frame);
        assert!(holds(&frame));
        let once = frame.clone();
        frame[ETHERNET + 36] ^= 0x55;
        assert!(!holds(&frame));
        complete(&mut frame);
        assert_eq!(frame, once);
    }

    #[test]
    fn what_is_no_whole_segment_stays_as_it_is() {
        let mut other = segment();
        other[ETHERNET + 9] = 17;
        let mut cut = segment();
        cut.truncate(40);
        for mut frame in [other, cut, vec![1; 5]] {
            let before = frame.clone();
            complete(&mut frame);
            assert_eq!(frame, before);
        }
    }
}

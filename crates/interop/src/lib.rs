//! Black-box cases against real SSH peers.
//!
//! What is here: folders with other people's servers and clients ([`peers`]), and the cases that are run with them and
//! printed as a table ([`case`]). Nothing here is part of the product, and no other crate uses it.
//!
//! # Where the cases run
//!
//! Peers are chroot folders of several Debian releases, and libraries of Python and Go, made by `tools/peers` as root, so
//! `cargo test --workspace` can not rely on them and runs none of this: its tests of this crate need no peer. The cases are
//! the program `interop` of this crate, run by `tools/interop`, which makes the peers first. A peer that can not be had
//! fails the run; nothing is skipped.
//!
//! [`ours`] are the cases of the protocol core as client and as server, and the matrix of every algorithm with every peer, [`sshd`] those of our `sshd` as a program, which runs
//! as root in the folder of the newest release like a stock server; [`real`] is the slow set with it, what other servers have
//! broken of real clients; [`keygen`] compares what is made and read of keys and files about them; [`stock`] proves the peers.
//!
//! # A case with a real server
//!
//! ```no_run
//! use nacre_interop::case::{Case, Report};
//! use nacre_interop::peers::{Peers, ServerKind, Settings};
//!
//! let peers = Peers::open()?;
//! let mut report = Report::new();
//! for kind in ServerKind::ALL {
//!     let settings = Settings { rekey_limit: Some("64K".into()), ..Settings::default() };
//!     let server = kind.start(&peers, &settings)?;
//!     report.run(Case::new("ours", &peers.name_of_server(kind), "login"), |case| {
//!         let _stream = server.connect()?; // Drive a client over it; then say what was agreed:
//!         case.agreed("curve25519-sha256", "aes128-gcm@openssh.com", "");
//!         Ok(())
//!     });
//! } // Dropping a server ends and reaps all its processes.
//! assert!(report.finish().is_ok());
//! # Ok::<(), nacre_interop::error::Error>(())
//! ```
//!
//! # A case with a real client
//!
//! ```no_run
//! use nacre_interop::peers::{ClientKind, Login, Peers, serve_once};
//!
//! let peers = Peers::open()?;
//! let login = Login { command: "cat", input: b"echoed".to_vec().into(), ..Login::new(peers.user_key(), peers.host_key()) };
//! let (finished, served) = serve_once(&peers, ClientKind::ALL[0], login, |_stream| {
//!     // Drive a server over the stream until the connection ends.
//! });
//! assert_eq!((finished?.stdout, served.is_some()), (b"echoed".to_vec(), true));
//! # Ok::<(), nacre_interop::error::Error>(())
//! ```

pub mod case;
pub mod error;
pub mod keygen;
pub mod ours;
pub mod peers;
pub mod real;
mod script;
pub mod sftp_differential;
pub mod sshd;
pub mod stock;

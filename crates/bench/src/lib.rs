//! What the protocol core costs, measured in memory: two [`proto::Connection`]s whose bytes are copied from one to the
//! other, by `tools/bench core`; and in [`server`] what whole servers cost, by `tools/bench sshd`.

pub mod bulk;
pub mod half;
pub mod handshake;
pub mod machine;
pub mod phase;
pub mod raw;
pub mod report;
pub mod server;
pub mod suite;

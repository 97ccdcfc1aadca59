//! What the protocol core costs, measured in memory: two [`proto::Connection`]s whose bytes are copied from one to the
//! other. `tools/bench core` runs it.

pub mod bulk;
pub mod half;
pub mod handshake;
pub mod machine;
pub mod phase;
pub mod raw;
pub mod report;
pub mod suite;

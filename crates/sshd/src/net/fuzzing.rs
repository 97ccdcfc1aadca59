//! What fuzz targets reach of net.

use super::timeouts::Policy;

/// Whether the monitor may say this of channels that are idle.
pub(crate) fn takes_timeouts(told: &str) -> bool {
    Policy::parse(told, 0).is_ok()
}

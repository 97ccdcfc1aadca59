//! What fuzz targets reach of the monitor.

use config::value::ChannelTimeouts;

use super::start;

/// What net is told of channels that are idle.
pub(crate) fn timeouts(timeouts: &ChannelTimeouts) -> String {
    start::timeouts(timeouts)
}

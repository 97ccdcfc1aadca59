//! Parts of the work, as functions that are never inlined: a profiler sees them by name, and
//! `tools/bench core --instructions` reads its figures there.

use std::hint::black_box;
use std::time::{Duration, Instant};

macro_rules! phase {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[inline(never)]
        pub fn $name(work: &mut dyn FnMut()) {
            // Different constants keep the linker from making one function of all of them.
            black_box(stringify!($name));
            work();
        }
    )*};
}

phase! {
    /// The side that sends: filling packets, sealing them, and taking in what comes back.
    phase_seal
    /// What stands for the socket.
    phase_copy
    /// The side that receives.
    phase_open
    /// A client's part of a handshake.
    phase_client
    /// A server's part of a handshake.
    phase_server
}

/// What reading the clock costs, to be taken off every measured stretch.
#[must_use]
pub fn clock_cost() -> Duration {
    let mut costs: Vec<Duration> = (0..2001)
        .map(|_| {
            let start = Instant::now();
            start.elapsed()
        })
        .collect();
    costs.sort_unstable();
    costs[costs.len() / 2]
}

/// Adds up stretches of time.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    clock: Option<Duration>,
}

impl Watch {
    /// A watch that takes off what reading the clock costs for each stretch.
    #[must_use]
    pub fn new() -> Self {
        Self { clock: Some(clock_cost()) }
    }

    /// A watch that stands, for profilers.
    #[must_use]
    pub fn stopped() -> Self {
        Self { clock: None }
    }

    /// Runs `work` and adds its time to `sum`, in nanoseconds.
    pub fn time(self, sum: &mut f64, phase: fn(&mut dyn FnMut()), work: &mut dyn FnMut()) {
        let Some(clock) = self.clock else { return phase(work) };
        let start = Instant::now();
        phase(work);
        *sum += start.elapsed().saturating_sub(clock).as_secs_f64() * 1e9;
    }
}

impl Default for Watch {
    fn default() -> Self {
        Self::new()
    }
}

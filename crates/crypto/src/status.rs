/// How an algorithm stands with us. It decides what is offered; it changes nothing in how the algorithm works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Offered when nothing is configured.
    Default,
    /// Offered by a client when nothing is configured, and by a server only when it is configured.
    ClientDefault,
    /// Sound, but offered only when it is configured.
    Available,
    /// Weak, or for tests. Never offered unless it is named explicitly, and worth a warning then.
    Insecure,
}

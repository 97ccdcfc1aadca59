use proto::channels::Stream;

/// One value for each stream of a channel.
#[derive(Debug, Default)]
pub(crate) struct PerStream<T> {
    data: T,
    stderr: T,
}

/// Both, in the order in which they are served.
pub(crate) const STREAMS: [Stream; 2] = [Stream::Data, Stream::Stderr];

impl<T> PerStream<T> {
    pub(crate) fn of(&self, stream: Stream) -> &T {
        match stream {
            Stream::Data => &self.data,
            Stream::Stderr => &self.stderr,
        }
    }

    pub(crate) fn of_mut(&mut self, stream: Stream) -> &mut T {
        match stream {
            Stream::Data => &mut self.data,
            Stream::Stderr => &mut self.stderr,
        }
    }

    pub(crate) fn all(&self) -> [&T; 2] {
        [&self.data, &self.stderr]
    }
}

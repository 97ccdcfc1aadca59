use crate::Message;

/// Where a protocol layer puts the messages it wants sent, in order. It never refuses: whoever hands a layer
/// something to do has made sure of room for the answer first.
pub trait Outbox {
    /// Takes `message` to be sent after all that were taken before.
    fn send<M: Message>(&mut self, message: &M);
}

impl<O: Outbox + ?Sized> Outbox for &mut O {
    fn send<M: Message>(&mut self, message: &M) {
        (**self).send(message);
    }
}

/// Collects payloads, for tests.
impl Outbox for Vec<Vec<u8>> {
    fn send<M: Message>(&mut self, message: &M) {
        let mut payload = Vec::new();
        message.encode(&mut payload);
        self.push(payload);
    }
}

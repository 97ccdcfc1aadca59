use wire::{put_string, put_u32};

/// A payload that is put together field by field, true or not: number first, then what stands in the RFC's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload(Vec<u8>);

impl Payload {
    /// A payload of nothing but its number.
    #[must_use]
    pub fn number(number: u8) -> Self {
        Self(vec![number])
    }

    /// Adds a `byte` or `boolean`.
    #[must_use]
    pub fn byte(mut self, byte: u8) -> Self {
        self.0.push(byte);
        self
    }

    /// Adds a `uint32`.
    #[must_use]
    pub fn u32(mut self, value: u32) -> Self {
        put_u32(&mut self.0, value);
        self
    }

    /// Adds a `string`.
    #[must_use]
    pub fn string(mut self, bytes: impl AsRef<[u8]>) -> Self {
        put_string(&mut self.0, bytes.as_ref());
        self
    }

    /// Adds any bytes.
    #[must_use]
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// The bytes.
    #[must_use]
    pub fn done(self) -> Vec<u8> {
        self.0
    }
}

impl AsRef<[u8]> for Payload {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

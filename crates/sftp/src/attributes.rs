use wire::{Decode, Encode, Reader, Sink, WireError};

const SIZE: u32 = 0x1;
const OWNER: u32 = 0x2;
const PERMISSIONS: u32 = 0x4;
const TIMES: u32 = 0x8;
const EXTENDED: u32 = 0x8000_0000;

/// What is known or wanted of a file, as far as it is said (draft-ietf-secsh-filexfer-02 §5).
///
/// Attributes that only their inventor knows (the draft's extended pairs) are passed over when they are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Bytes.
    pub size: Option<u64>,
    /// User and group, by number.
    pub owner: Option<(u32, u32)>,
    /// Type and permissions, as `st_mode` has them.
    pub permissions: Option<u32>,
    /// When it was last read and written.
    pub times: Option<Times>,
}

/// Seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// Of the last reading.
    pub accessed: u32,
    /// Of the last writing.
    pub modified: u32,
}

impl Attributes {
    /// Whether nothing is said at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether this is said to be a directory.
    #[must_use]
    pub fn is_directory(&self) -> bool {
        self.permissions.is_some_and(|mode| mode & 0o170_000 == 0o040_000)
    }
}

impl Decode<'_> for Attributes {
    fn decode(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let flags = input.u32()?;
        let mut attributes = Self::default();
        if flags & SIZE != 0 {
            attributes.size = Some(input.u64()?);
        }
        if flags & OWNER != 0 {
            attributes.owner = Some((input.u32()?, input.u32()?));
        }
        if flags & PERMISSIONS != 0 {
            attributes.permissions = Some(input.u32()?);
        }
        if flags & TIMES != 0 {
            attributes.times = Some(Times { accessed: input.u32()?, modified: input.u32()? });
        }
        if flags & EXTENDED != 0 {
            // A count that lies ends where the packet does.
            for _ in 0..input.u32()? {
                input.string()?;
                input.string()?;
            }
        }
        Ok(attributes)
    }
}

impl Encode for Attributes {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        let flag = |said: bool, flag: u32| if said { flag } else { 0 };
        let flags = flag(self.size.is_some(), SIZE)
            | flag(self.owner.is_some(), OWNER)
            | flag(self.permissions.is_some(), PERMISSIONS)
            | flag(self.times.is_some(), TIMES);
        flags.encode(out);
        if let Some(size) = self.size {
            size.encode(out);
        }
        if let Some((user, group)) = self.owner {
            user.encode(out);
            group.encode(out);
        }
        if let Some(permissions) = self.permissions {
            permissions.encode(out);
        }
        if let Some(times) = self.times {
            times.accessed.encode(out);
            times.modified.encode(out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::decode_all;

    #[test]
    fn what_is_said_comes_back() {
        let all = Attributes {
            size: Some(1 << 40),
            owner: Some((1, 2)),
            permissions: Some(0o100_644),
            times: Some(Times { accessed: 3, modified: 4 }),
        };
        for attributes in
            [all, Attributes::default(), Attributes { owner: None, ..all }, Attributes { size: None, ..all }]
        {
            let mut bytes = Vec::new();
            attributes.encode(&mut bytes);
            assert_eq!(decode_all(&bytes), Ok(attributes));
        }
    }

    #[test]
    fn extended_attributes_are_passed_over_and_unknown_flags_mean_nothing() {
        let bytes = b"\x80\0\0\x14\0\0\x01\xa4\0\0\0\x01\0\0\0\x03a@b\0\0\0\x01c";
        let expected = Attributes { permissions: Some(0o644), ..Attributes::default() };
        assert_eq!(decode_all::<Attributes>(bytes), Ok(expected));
    }

    #[test]
    fn a_count_of_extended_attributes_that_lies_is_an_error() {
        let bytes = b"\x80\0\0\0\xff\xff\xff\xff\0\0\0\x01a\0\0\0\x01b";
        assert_eq!(decode_all::<Attributes>(bytes), Err(WireError::Truncated { needed: 4, left: 0 }));
    }
}

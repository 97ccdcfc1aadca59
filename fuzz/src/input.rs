//! How an input is cut: `flags`, the number of choices, the choices, and records, each with a head of two bytes (little
//! endian: 14 bits of length, 2 bits of treatment). Every sequence of bytes is an input.

/// An input, cut.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// What the target makes of it.
    pub flags: u8,
    /// What the application decides.
    pub choices: Choices<'a>,
    /// What the peer sends.
    pub records: Records<'a>,
}

impl<'a> Input<'a> {
    /// Cuts an input; an empty one says nothing.
    #[must_use]
    pub fn of(data: &'a [u8]) -> Self {
        let (head, rest) = data.split_at(data.len().min(2));
        let [flags, count] = [0, 1].map(|at| head.get(at).copied().unwrap_or_default());
        let (choices, records) = rest.split_at(rest.len().min(usize::from(count)));
        Self { flags, choices: Choices(choices), records: Records(records) }
    }
}

/// The application's second stream: one byte for each decision, zeros when it has run out.
#[derive(Clone, Copy, Debug)]
pub struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    /// These choices.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next one.
    pub fn pick(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }
}

/// What is done to the bytes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// They are a payload: framed, and sealed if there are keys.
    Framed,
    /// They are sent as they are.
    Raw,
    /// All points of time that are due are reached first; then as [`Framed`](Self::Framed).
    AfterWaiting,
    /// Framed, and one bit is flipped, which the first two bytes name; they are not sent.
    Damaged,
}

/// One thing that the peer sends.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// What is done to the bytes.
    pub treatment: Treatment,
    /// The bytes.
    pub bytes: &'a [u8],
}

/// The peer's stream.
#[derive(Clone, Copy, Debug)]
pub struct Records<'a>(&'a [u8]);

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let (head, rest) = self.0.split_at_checked(2)?;
        let head = u16::from_le_bytes([head[0], head[1]]);
        let treatment = match head >> 14 {
            0 => Treatment::Framed,
            1 => Treatment::Raw,
            2 => Treatment::AfterWaiting,
            _ => Treatment::Damaged,
        };
        let (bytes, rest) = rest.split_at(rest.len().min(usize::from(head & 0x3fff)));
        self.0 = rest;
        Some(Record { treatment, bytes })
    }
}

/// The input that is cut into these parts, for seeds.
///
/// # Panics
/// When a part is too long for its length.
#[must_use]
pub fn write_input(flags: u8, choices: &[u8], records: &[(Treatment, &[u8])]) -> Vec<u8> {
    let mut input = vec![flags, u8::try_from(choices.len()).expect("few choices")];
    input.extend_from_slice(choices);
    for (treatment, bytes) in records {
        let length = u16::try_from(bytes.len()).expect("a small record");
        assert!(length < 1 << 14, "a small record");
        input.extend_from_slice(&((*treatment as u16) << 14 | length).to_le_bytes());
        input.extend_from_slice(bytes);
    }
    input
}

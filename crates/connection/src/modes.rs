use wire::{Encode, Sink, put_string};

use crate::PayloadError;
use crate::limits::TERMINAL_MODES_MAX;

/// Encoded terminal modes (RFC 4254 §8): opcodes, each with a `uint32`, up to `TTY_OP_END`.
///
/// An opcode from 1 to 159 has a `uint32` argument, known or not. From 160 on nobody knows what follows, so reading
/// stops there, and what stands before it counts. The end may be missing; some clients leave it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct TerminalModes<'a> {
    encoded: &'a [u8],
}

/// One mode: its opcode and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TerminalMode {
    /// One of [`opcode`]'s, or any other from 1 to 159.
    pub opcode: u8,
    /// A character (255 for none), a flag (0 or 1) or a speed in bits per second.
    pub value: u32,
}

/// Bytes of one mode on the wire.
const MODE_LEN: usize = 5;

/// The first opcode whose argument is not defined.
const UNDEFINED: u8 = 160;

impl<'a> TerminalModes<'a> {
    /// Takes the contents of the `string` that carries them.
    ///
    /// # Errors
    /// [`PayloadError::Modes`] when an argument is cut off, or over [`TERMINAL_MODES_MAX`] bytes.
    pub fn parse(encoded: &'a [u8]) -> Result<Self, PayloadError> {
        if encoded.len() > TERMINAL_MODES_MAX {
            return Err(PayloadError::Modes);
        }
        let mut left = encoded;
        loop {
            match next(left) {
                Next::Mode(_, rest) => left = rest,
                Next::End => return Ok(Self { encoded }),
                Next::Cut => return Err(PayloadError::Modes),
            }
        }
    }

    /// The modes in the order in which they were sent; a later one overrides an earlier one.
    pub fn iter(self) -> impl Iterator<Item = TerminalMode> + 'a {
        let mut left = self.encoded;
        std::iter::from_fn(move || match next(left) {
            Next::Mode(mode, rest) => {
                left = rest;
                Some(mode)
            }
            Next::End | Next::Cut => None,
        })
    }

    /// The encoded bytes.
    #[must_use]
    pub fn as_bytes(self) -> &'a [u8] {
        self.encoded
    }

    /// Encodes `modes` with the end mark. Allocates.
    #[must_use]
    pub fn encode_all(modes: impl IntoIterator<Item = TerminalMode>) -> Vec<u8> {
        let mut out = Vec::new();
        for mode in modes {
            mode.opcode.encode(&mut out);
            mode.value.encode(&mut out);
        }
        out.push(opcode::END);
        out
    }
}

impl Encode for TerminalModes<'_> {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        put_string(out, self.encoded);
    }
}

enum Next<'a> {
    Mode(TerminalMode, &'a [u8]),
    End,
    Cut,
}

fn next(left: &[u8]) -> Next<'_> {
    match left {
        [] | [opcode::END | UNDEFINED.., ..] => Next::End,
        [opcode, a, b, c, d, ..] => {
            let mode = TerminalMode { opcode: *opcode, value: u32::from_be_bytes([*a, *b, *c, *d]) };
            Next::Mode(mode, left.get(MODE_LEN..).unwrap_or_default())
        }
        _ => Next::Cut,
    }
}

/// The opcodes of RFC 4254 §8 and RFC 8160.
pub mod opcode {
    macro_rules! opcodes {
        ($($name:ident = $value:literal, $doc:literal;)*) => {
            $( #[doc = $doc] pub const $name: u8 = $value; )*

            /// The name of an opcode in the RFCs.
            #[must_use]
            pub fn name(opcode: u8) -> Option<&'static str> {
                match opcode {
                    $( $value => Some(stringify!($name)), )*
                    _ => None,
                }
            }
        };
    }

    opcodes! {
        END = 0, "The end of the modes (`TTY_OP_END`).";
        VINTR = 1, "Interrupt character.";
        VQUIT = 2, "Quit character.";
        VERASE = 3, "Erases the character to the left.";
        VKILL = 4, "Erases the line.";
        VEOF = 5, "End-of-file character.";
        VEOL = 6, "End-of-line character beside CR and LF.";
        VEOL2 = 7, "Second end-of-line character.";
        VSTART = 8, "Goes on with paused output.";
        VSTOP = 9, "Pauses output.";
        VSUSP = 10, "Suspends the program.";
        VDSUSP = 11, "Suspends the program when it reads.";
        VREPRINT = 12, "Prints the line again.";
        VWERASE = 13, "Erases the word to the left.";
        VLNEXT = 14, "Takes the next character literally.";
        VFLUSH = 15, "Flushes output.";
        VSWTCH = 16, "Switches the shell layer.";
        VSTATUS = 17, "Prints a line of status.";
        VDISCARD = 18, "Toggles the discarding of output.";
        IGNPAR = 30, "Ignores parity errors.";
        PARMRK = 31, "Marks parity and framing errors.";
        INPCK = 32, "Checks parity of input.";
        ISTRIP = 33, "Strips the eighth bit.";
        INLCR = 34, "Maps NL to CR on input.";
        IGNCR = 35, "Ignores CR on input.";
        ICRNL = 36, "Maps CR to NL on input.";
        IUCLC = 37, "Maps upper case to lower case on input.";
        IXON = 38, "Flow control of output.";
        IXANY = 39, "Any character restarts output.";
        IXOFF = 40, "Flow control of input.";
        IMAXBEL = 41, "Rings the bell when the input queue is full.";
        IUTF8 = 42, "Input is UTF-8 (RFC 8160).";
        ISIG = 50, "Signals for INTR, QUIT and SUSP.";
        ICANON = 51, "Input by lines.";
        XCASE = 52, "Upper case by a backslash.";
        ECHO = 53, "Echo.";
        ECHOE = 54, "Erasing is shown.";
        ECHOK = 55, "NL after the kill character.";
        ECHONL = 56, "NL is echoed even without ECHO.";
        NOFLSH = 57, "No flush after an interrupt.";
        TOSTOP = 58, "Stops background programs that write.";
        IEXTEN = 59, "Extensions.";
        ECHOCTL = 60, "Control characters are echoed as ^X.";
        ECHOKE = 61, "The kill character erases visibly.";
        PENDIN = 62, "Pending input is typed again.";
        OPOST = 70, "Processing of output.";
        OLCUC = 71, "Maps lower case to upper case on output.";
        ONLCR = 72, "Maps NL to CR NL on output.";
        OCRNL = 73, "Maps CR to NL on output.";
        ONOCR = 74, "No CR at column 0.";
        ONLRET = 75, "NL does what CR does.";
        CS7 = 90, "Seven bits.";
        CS8 = 91, "Eight bits.";
        PARENB = 92, "Parity.";
        PARODD = 93, "Odd parity.";
        ISPEED = 128, "Input speed in bits per second (`TTY_OP_ISPEED`).";
        OSPEED = 129, "Output speed in bits per second (`TTY_OP_OSPEED`).";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modes(encoded: &[u8]) -> Vec<(u8, u32)> {
        TerminalModes::parse(encoded).unwrap().iter().map(|mode| (mode.opcode, mode.value)).collect()
    }

    #[test]
    fn modes_end_at_the_end_mark_at_the_end_of_the_bytes_or_where_nobody_knows_how_to_go_on() {
        assert_eq!(modes(&[]), []);
        assert_eq!(modes(&[0]), []);
        assert_eq!(modes(&[53, 0, 0, 0, 1, 128, 0, 0, 0x96, 0, 0]), [(53, 1), (128, 38400)]);
        assert_eq!(modes(&[42, 0, 0, 0, 1]), [(opcode::IUTF8, 1)]);
        // Unknown ones below 160 have an argument, too.
        assert_eq!(modes(&[159, 1, 2, 3, 4, 1, 0, 0, 0, 255]), [(159, 0x0102_0304), (1, 255)]);
        assert_eq!(modes(&[1, 0, 0, 0, 3, 160, 9, 2, 0, 0, 0, 4]), [(1, 3)]);
        assert_eq!(modes(&[1, 0, 0, 0, 3, 0, 2, 0]), [(1, 3)]);
    }

    #[test]
    fn an_argument_that_is_cut_off_is_malformed() {
        assert_eq!(TerminalModes::parse(&[1, 0, 0, 0]), Err(PayloadError::Modes));
        assert_eq!(TerminalModes::parse(&[1, 0, 0, 0, 3, 2]), Err(PayloadError::Modes));
    }

    #[test]
    fn what_is_encoded_is_read_back() {
        let all: Vec<TerminalMode> =
            (1..160).map(|opcode| TerminalMode { opcode, value: u32::from(opcode) << 20 }).collect();
        let encoded = TerminalModes::encode_all(all.clone());
        assert_eq!(encoded.len(), 159 * MODE_LEN + 1);
        let read: Vec<TerminalMode> = TerminalModes::parse(&encoded).unwrap().iter().collect();
        assert_eq!(read, all);
    }

    #[test]
    fn opcodes_have_the_numbers_of_the_rfcs() {
        let known: Vec<u8> = (0..=255).filter(|opcode| opcode::name(*opcode).is_some()).collect();
        let expected: Vec<u8> =
            [0..=18, 30..=42, 50..=62, 70..=75, 90..=93, 128..=129].into_iter().flatten().collect();
        assert_eq!(known, expected);
        let named =
            [(1, "VINTR"), (18, "VDISCARD"), (36, "ICRNL"), (51, "ICANON"), (72, "ONLCR"), (129, "OSPEED")];
        for (number, name) in named {
            assert_eq!(opcode::name(number), Some(name));
        }
    }
}

//! Terminal modes, to and from the opcodes of RFC 4254 §8.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use crate::call::check;

/// The value of a special character that is switched off, on the wire; Linux has 0 for it.
const DISABLED: u32 = 255;

/// A special character: opcode and place in `c_cc`.
const CHARACTERS: &[(u8, usize)] = &[
    (1, libc::VINTR),
    (2, libc::VQUIT),
    (3, libc::VERASE),
    (4, libc::VKILL),
    (5, libc::VEOF),
    (6, libc::VEOL),
    (7, libc::VEOL2),
    (8, libc::VSTART),
    (9, libc::VSTOP),
    (10, libc::VSUSP),
    (12, libc::VREPRINT),
    (13, libc::VWERASE),
    (14, libc::VLNEXT),
    (16, libc::VSWTC),
    (18, libc::VDISCARD),
];

/// The opcodes of RFC 4254 §8 whose character Linux has not: VDSUSP, VFLUSH, VSTATUS.
const FOREIGN: &[u8] = &[11, 15, 17];

#[derive(Clone, Copy)]
enum Word {
    Input,
    Output,
    Local,
    Control,
}

/// A switch: opcode, which word, which bits of it.
const SWITCHES: &[(u8, Word, u32)] = &[
    (30, Word::Input, libc::IGNPAR),
    (31, Word::Input, libc::PARMRK),
    (32, Word::Input, libc::INPCK),
    (33, Word::Input, libc::ISTRIP),
    (34, Word::Input, libc::INLCR),
    (35, Word::Input, libc::IGNCR),
    (36, Word::Input, libc::ICRNL),
    (37, Word::Input, libc::IUCLC),
    (38, Word::Input, libc::IXON),
    (39, Word::Input, libc::IXANY),
    (40, Word::Input, libc::IXOFF),
    (41, Word::Input, libc::IMAXBEL),
    (42, Word::Input, libc::IUTF8), // RFC 8160
    (50, Word::Local, libc::ISIG),
    (51, Word::Local, libc::ICANON),
    (52, Word::Local, libc::XCASE),
    (53, Word::Local, libc::ECHO),
    (54, Word::Local, libc::ECHOE),
    (55, Word::Local, libc::ECHOK),
    (56, Word::Local, libc::ECHONL),
    (57, Word::Local, libc::NOFLSH),
    (58, Word::Local, libc::TOSTOP),
    (59, Word::Local, libc::IEXTEN),
    (60, Word::Local, libc::ECHOCTL),
    (61, Word::Local, libc::ECHOKE),
    (62, Word::Local, libc::PENDIN),
    (70, Word::Output, libc::OPOST),
    (71, Word::Output, libc::OLCUC),
    (72, Word::Output, libc::ONLCR),
    (73, Word::Output, libc::OCRNL),
    (74, Word::Output, libc::ONOCR),
    (75, Word::Output, libc::ONLRET),
    (92, Word::Control, libc::PARENB),
    (93, Word::Control, libc::PARODD),
];

/// Character sizes. On Linux they are one field of two bits, of which CS8 has both and CS7 one, so on the wire CS8 is told first and
/// comes with CS7: a server that ors the bits in turn, as most do, then ends with the right size for either.
const CS8: u8 = 91;
const CS7: u8 = 90;
const INPUT_SPEED: u8 = 128;
const OUTPUT_SPEED: u8 = 129;

/// Speeds in bits per second, and their codes.
const SPEEDS: &[(u32, u32)] = &[
    (0, libc::B0),
    (50, libc::B50),
    (75, libc::B75),
    (110, libc::B110),
    (134, libc::B134),
    (150, libc::B150),
    (200, libc::B200),
    (300, libc::B300),
    (600, libc::B600),
    (1200, libc::B1200),
    (1800, libc::B1800),
    (2400, libc::B2400),
    (4800, libc::B4800),
    (9600, libc::B9600),
    (19_200, libc::B19200),
    (38_400, libc::B38400),
    (57_600, libc::B57600),
    (115_200, libc::B115200),
    (230_400, libc::B230400),
    (460_800, libc::B460800),
    (500_000, libc::B500000),
    (576_000, libc::B576000),
    (921_600, libc::B921600),
    (1_000_000, libc::B1000000),
    (1_152_000, libc::B1152000),
    (1_500_000, libc::B1500000),
    (2_000_000, libc::B2000000),
    (2_500_000, libc::B2500000),
    (3_000_000, libc::B3000000),
    (3_500_000, libc::B3500000),
    (4_000_000, libc::B4000000),
];

/// Where the input speed's code stands in the control word; 0 there means "as the output speed".
const INPUT_SPEED_SHIFT: u32 = 16;

/// The modes of a terminal.
#[derive(Clone)]
pub struct Modes {
    raw: libc::termios2,
}

impl Modes {
    /// The modes a terminal has now; either side of a pseudo-terminal tells them.
    ///
    /// # Errors
    /// `ENOTTY` when it is no terminal.
    pub fn of(terminal: impl AsFd) -> io::Result<Self> {
        // SAFETY: all zero is a valid termios2: it holds numbers only.
        let mut raw: libc::termios2 = unsafe { std::mem::zeroed() };
        // SAFETY: the argument is a live termios2, which the kernel fills.
        check(unsafe { libc::ioctl(terminal.as_fd().as_raw_fd(), libc::TCGETS2, &raw mut raw) })?;
        Ok(Self { raw })
    }

    /// Gives a terminal these modes, now.
    ///
    /// # Errors
    /// `ENOTTY` when it is no terminal.
    pub fn set(&self, terminal: impl AsFd) -> io::Result<()> {
        // SAFETY: the argument is a live termios2, which is only read.
        check(unsafe { libc::ioctl(terminal.as_fd().as_raw_fd(), libc::TCSETS2, &raw const self.raw) })?;
        Ok(())
    }

    /// Changes what the opcode names, to its argument; tells whether it means something here. A speed that Linux has no code for is
    /// rounded down to one that it has.
    ///
    /// TTY_OP_END and the opcodes above 159 end or break the list they stand in: that is for whoever reads the list.
    pub fn apply(&mut self, opcode: u8, value: u32) -> bool {
        if let Some(&(_, place)) = CHARACTERS.iter().find(|row| row.0 == opcode) {
            let character = if value == DISABLED { 0 } else { value as u8 };
            if let Some(kept) = self.raw.c_cc.get_mut(place) {
                *kept = character;
            }
            return true;
        }
        if let Some(&(_, word, bits)) = SWITCHES.iter().find(|row| row.0 == opcode) {
            let word = self.word_mut(word);
            *word = if value == 0 { *word & !bits } else { *word | bits };
            return true;
        }
        let control = &mut self.raw.c_cflag;
        match (opcode, value) {
            (CS8, 0) if *control & libc::CSIZE == libc::CS8 => *control = *control & !libc::CSIZE | libc::CS7,
            (CS8, 1..) => *control = *control & !libc::CSIZE | libc::CS8,
            (CS7, 1..) if *control & libc::CSIZE != libc::CS8 => {
                *control = *control & !libc::CSIZE | libc::CS7
            }
            (CS8 | CS7, _) => {}
            (INPUT_SPEED, speed) => {
                let code = code(speed) << INPUT_SPEED_SHIFT;
                *control = *control & !(libc::CBAUD << INPUT_SPEED_SHIFT) | code;
                self.raw.c_ispeed = rounded(speed);
            }
            (OUTPUT_SPEED, speed) => {
                *control = *control & !libc::CBAUD | code(speed);
                self.raw.c_ospeed = rounded(speed);
            }
            _ => return FOREIGN.contains(&opcode),
        }
        true
    }

    /// These modes as opcodes with their arguments, without TTY_OP_END.
    #[must_use]
    pub fn opcodes(&self) -> Vec<(u8, u32)> {
        let mut all = vec![(INPUT_SPEED, self.raw.c_ispeed), (OUTPUT_SPEED, self.raw.c_ospeed)];
        for &(opcode, place) in CHARACTERS {
            let character = self.raw.c_cc.get(place).copied().unwrap_or(0);
            all.push((opcode, if character == 0 { DISABLED } else { u32::from(character) }));
        }
        for &(opcode, word, bits) in SWITCHES {
            all.push((opcode, u32::from(self.word(word) & bits != 0)));
        }
        let size = self.raw.c_cflag & libc::CSIZE;
        all.push((CS8, u32::from(size == libc::CS8)));
        all.push((CS7, u32::from(size == libc::CS8 || size == libc::CS7)));
        all
    }

    fn word(&self, word: Word) -> u32 {
        match word {
            Word::Input => self.raw.c_iflag,
            Word::Output => self.raw.c_oflag,
            Word::Local => self.raw.c_lflag,
            Word::Control => self.raw.c_cflag,
        }
    }

    fn word_mut(&mut self, word: Word) -> &mut u32 {
        match word {
            Word::Input => &mut self.raw.c_iflag,
            Word::Output => &mut self.raw.c_oflag,
            Word::Local => &mut self.raw.c_lflag,
            Word::Control => &mut self.raw.c_cflag,
        }
    }
}

impl std::fmt::Debug for Modes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.opcodes()).finish()
    }
}

/// The fastest speed that has a code and is not faster than this.
fn row(speed: u32) -> (u32, u32) {
    SPEEDS.iter().rev().find(|row| row.0 <= speed).copied().unwrap_or((0, libc::B0))
}

fn code(speed: u32) -> u32 {
    row(speed).1
}

fn rounded(speed: u32) -> u32 {
    row(speed).0
}

//! Fingerprints as pictures, which people recognise more easily than text (`ssh-keygen -lv`, VisualHostKey).

use crate::Fingerprint;

const COLUMNS: usize = 17;
const ROWS: usize = 9;

/// What a field shows that was stepped on so many times. Fields that were stepped on more often show the last of them.
const COUNTS: [char; 15] = [' ', '.', 'o', '+', '=', '*', 'B', 'O', 'X', '@', '%', '&', '#', '/', '^'];
const START: char = 'S';
const END: char = 'E';

/// Most characters of the title in the frame's first line.
const TITLE_MAX: usize = 16;

/// Where the bishop of Loss et al., "The drunken bishop", stands.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    column: usize,
    row: usize,
}

const MIDDLE: Place = Place { column: COLUMNS / 2, row: ROWS / 2 };

impl Place {
    /// One diagonal step, as two bits say; where there is a wall it slides along.
    fn step(self, bits: u8) -> Self {
        let along = |place: usize, forward: bool, size: usize| {
            if forward {
                place.saturating_add(1).min(size.saturating_sub(1))
            } else {
                place.saturating_sub(1)
            }
        };
        Self { column: along(self.column, bits & 1 != 0, COLUMNS), row: along(self.row, bits & 2 != 0, ROWS) }
    }
}

impl Fingerprint {
    /// The picture of the fingerprint of a key of this type (as `ED25519`) and of so many bits: eleven lines with line
    /// breaks between them.
    #[must_use]
    pub fn randomart(&self, short_type: &str, bits: usize) -> String {
        let mut steps = [[0usize; COLUMNS]; ROWS];
        let mut place = MIDDLE;
        for byte in self.as_bytes() {
            for shift in [0, 2, 4, 6] {
                place = place.step(byte >> shift);
                if let Some(count) = steps.get_mut(place.row).and_then(|row| row.get_mut(place.column)) {
                    *count = count.saturating_add(1);
                }
            }
        }

        let mut title = format!("[{short_type} {bits}]");
        if title.len() > TITLE_MAX {
            title = format!("[{short_type}]");
        }
        let mut picture = frame(&title);
        for (row, counts) in steps.iter().enumerate() {
            picture.push_str("\n|");
            for (column, count) in counts.iter().enumerate() {
                let here = Place { column, row };
                picture.push(match here {
                    // Where it ended counts more than where it began.
                    _ if here == place => END,
                    _ if here == MIDDLE => START,
                    _ => COUNTS.get(*count).or(COUNTS.last()).copied().unwrap_or(' '),
                });
            }
            picture.push('|');
        }
        picture.push('\n');
        picture.push_str(&frame(&format!("[{}]", self.hash().name())));
        picture
    }
}

/// The first or the last line.
fn frame(title: &str) -> String {
    let title: String = title.chars().take(TITLE_MAX).collect();
    // An odd dash goes to the right.
    let left = COLUMNS.saturating_sub(title.len()) / 2;
    format!("+{}{title:-<1$}+", "-".repeat(left), COLUMNS.saturating_sub(left))
}

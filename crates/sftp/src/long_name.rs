//! Entries of a directory as `ls -l` shows them, which is what `ls -l` of many clients prints.

use crate::{Date, Entry};

/// The line for an entry. Users and groups without a name are shown by number.
pub(crate) fn long_name(entry: &Entry, user: Option<&[u8]>, group: Option<&[u8]>, date: &Date) -> Vec<u8> {
    let attributes = &entry.attributes;
    let (user_id, group_id) = attributes.owner.unwrap_or_default();
    let mode = mode_text(attributes.permissions.unwrap_or(0));
    let mut line = format!("{mode} {links:>3} ", links = entry.links).into_bytes();
    for (name, id) in [(user, user_id), (group, group_id)] {
        let start = line.len();
        match name {
            Some(name) => line.extend_from_slice(name),
            None => line.extend_from_slice(id.to_string().as_bytes()),
        }
        line.resize(line.len().max(start.saturating_add(8)), b' ');
        line.push(b' ');
    }
    let Date { year, day, hour, minute, recent, .. } = date;
    let month = date.month_name();
    let size = attributes.size.unwrap_or(0);
    let rest = if *recent {
        format!("{size:>8} {month} {day:>2} {hour:02}:{minute:02} ")
    } else {
        format!("{size:>8} {month} {day:>2}  {year} ")
    };
    line.extend_from_slice(rest.as_bytes());
    line.extend_from_slice(&entry.name);
    line
}

/// Type and permissions in ten letters, as `strmode(3)` writes them; the eleventh, for other ways of access, is a blank.
fn mode_text(mode: u32) -> String {
    let kind = match mode & 0o170_000 {
        0o040_000 => 'd',
        0o020_000 => 'c',
        0o060_000 => 'b',
        0o100_000 => '-',
        0o120_000 => 'l',
        0o140_000 => 's',
        0o010_000 => 'p',
        _ => '?',
    };
    let mut text = String::from(kind);
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (mode & special != 0, bits & 1 != 0) {
            (false, false) => '-',
            (false, true) => 'x',
            (true, true) => letter,
            (true, false) => letter.to_ascii_uppercase(),
        });
    }
    text.push(' ');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attributes, Times};

    fn line(mode: u32, size: u64, links: u32, user: Option<&[u8]>, seconds: u32) -> String {
        let attributes = Attributes {
            size: Some(size),
            owner: Some((99999, 51)),
            permissions: Some(mode),
            times: Some(Times { accessed: 0, modified: seconds }),
        };
        let entry = Entry { name: b"name".to_vec(), attributes, links };
        let date = Date::utc(seconds, Some(1_795_254_582));
        String::from_utf8(long_name(&entry, user, None, &date)).unwrap()
    }

    /// Lines that OpenSSH 10.6 wrote.
    #[test]
    fn lines_are_those_of_openssh() {
        let root = Some(&b"root"[..]);
        assert_eq!(
            line(0o40755, 4096, 4, root, 1_795_254_581),
            "drwxr-xr-x    4 root     51           4096 Nov 21 09:49 name"
        );
        assert_eq!(
            line(0o101_644, 0, 2, root, 1),
            "-rw-r--r-T    2 root     51              0 Jan  1  1970 name"
        );
        assert_eq!(
            line(0o100_644, 5_000_000_000_000, 1, None, 1_795_254_581),
            "-rw-r--r--    1 99999    51       5000000000000 Nov 21 09:49 name"
        );
        assert!(line(0o106_644, 0, 1, root, 0).starts_with("-rwSr-Sr-- "));
        assert!(line(0o047_777, 0, 1, root, 0).starts_with("drwsrwsrwt "));
        assert!(line(0o010_644, 0, 1, root, 0).starts_with("prw-r--r-- "));
    }
}

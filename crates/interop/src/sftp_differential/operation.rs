//! Requests, made from numbers.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A request, whose handles are told by their place among those that are open.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    pub(super) kind: u8,
    name: &'static str,
    pub(super) parts: Vec<Part>,
}

#[derive(Clone, Debug)]
pub(super) enum Part {
    /// Bytes as they are.
    Bytes(Vec<u8>),
    /// A string.
    Text(Vec<u8>),
    /// One of the open handles, or one that is none.
    Handle(usize),
}

impl Operation {
    /// Whether it renames what is no regular file onto a symbolic link to nothing, in a tree that is there, and here for the server.
    pub(super) fn replaces_dangling_link(&self, there: &Path, here: &str) -> bool {
        let ("rename", [Part::Text(from), Part::Text(to)]) = (self.name, &self.parts[..]) else {
            return false;
        };
        let seen = |name: &[u8]| {
            let inside = name.strip_prefix(here.as_bytes()).and_then(|name| name.strip_prefix(b"/"));
            there.join(OsStr::from_bytes(inside.unwrap_or(name)))
        };
        let (from, to) = (seen(from), seen(to));
        let dangles =
            fs::symlink_metadata(&to).is_ok_and(|known| known.is_symlink()) && fs::metadata(&to).is_err();
        dangles && !fs::symlink_metadata(from).is_ok_and(|known| known.is_file())
    }

    /// Whether its answer tells how much room there is.
    pub(super) fn tells_room(&self) -> bool {
        matches!(self.name, "statvfs@openssh.com" | "fstatvfs@openssh.com")
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        self.parts.iter().try_for_each(|part| match part {
            Part::Bytes(bytes) => {
                write!(f, " {}", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
            }
            Part::Text(text) => write!(f, " \"{}\"", text[..text.len().min(60)].escape_ascii()),
            Part::Handle(number) => write!(f, " handle {number}"),
        })
    }
}

/// Names in the tree that may be changed; none leads out of what the tests look at.
const NAMES: [&str; 26] = [
    "a",
    "a",
    "b",
    "c",
    "dir",
    "dir/a",
    "dir/a",
    "dir/b",
    "dir/sub",
    "dir/sub/a",
    "link",
    "link/a",
    "link/b",
    "link2",
    "link3",
    "none/a",
    "locked",
    "locked/a",
    "open/a",
    "open/b",
    "fixed",
    "a/",
    "dir/",
    "link/",
    "./dir//b",
    "a/b",
];

/// Names that are only looked at.
const LOOKED_AT: [&str; 16] = [
    ".",
    "..",
    "/",
    "",
    "dir/..",
    "dir/.",
    "link/..",
    "a/..",
    "a/.",
    "/etc/passwd",
    "/etc/./passwd/",
    "/none/x",
    "/usr/lib",
    "/usr/lib/..",
    "none/../a",
    "link2/..",
];

const TARGETS: [&str; 9] =
    ["a", "dir", "dir/sub", "../a", "../tree/dir", "nowhere", "link", "link2", "link3"];

/// Numbers in an order that a seed decides (xorshift).
pub(super) struct Generator {
    state: u64,
    tree: String,
}

impl Generator {
    pub(super) fn new(seed: u64, tree: &str) -> Self {
        let mut generator =
            Self { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, tree: tree.to_owned() };
        (0..8).for_each(|_| _ = generator.number());
        generator
    }

    fn number(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }

    fn below(&mut self, end: usize) -> usize {
        (self.number() >> 20) as usize % end
    }

    fn one_of<T: Clone>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())].clone()
    }

    /// A name that may be changed.
    fn name(&mut self) -> Part {
        match self.below(40) {
            0 => Part::Text([b'n'; 256].to_vec()),
            1 => Part::Text(b"dir/../".repeat(700)),
            2 => Part::Text(b"b\xff\n\x01".to_vec()),
            3 => Part::Text(format!("{}/dir/b", self.tree).into_bytes()),
            _ => Part::Text(self.one_of(&NAMES).into()),
        }
    }

    /// A name that is looked at.
    fn looked_at(&mut self) -> Part {
        if self.below(4) == 0 { Part::Text(self.one_of(&LOOKED_AT).into()) } else { self.name() }
    }

    fn handle(&mut self) -> Part {
        Part::Handle(self.below(6))
    }

    fn offset(&mut self) -> Part {
        let offset = self.one_of(&[0_u64, 0, 1, 10, 500, 4096, 70_000, (5 << 30) + 3, 1 << 63, u64::MAX]);
        Part::Bytes(offset.to_be_bytes().into())
    }

    fn length(&mut self) -> Part {
        Part::Bytes(self.one_of(&[0_u32, 1, 100, 4096, 40_000, 261_120]).to_be_bytes().into())
    }

    fn time(&mut self) -> u32 {
        // Hours, so that both servers are sent the same.
        let hours = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs() / 3600;
        let day = (hours / 24 * 24 * 3600) as u32;
        self.one_of(&[
            0,
            1,
            86_399,
            951_868_799,
            1 << 31,
            u32::MAX,
            day - 30 * 86_400,
            day - 180 * 86_400,
            day - 184 * 86_400,
        ])
    }

    fn attributes(&mut self) -> Part {
        let mut bytes = Vec::new();
        let flags = self.below(16) as u32 & self.one_of(&[1, 2, 4, 8, 15, 15]);
        bytes.extend(flags.to_be_bytes());
        if flags & 1 != 0 {
            bytes.extend(self.one_of(&[0_u64, 3, 100, 5000, (5 << 30) + 1, u64::MAX]).to_be_bytes());
        }
        if flags & 2 != 0 {
            bytes.extend(self.one_of(&[1000_u32, 1000, 0, 65534]).to_be_bytes());
            bytes.extend(self.one_of(&[1000_u32, 1000, 0, 4242]).to_be_bytes());
        }
        if flags & 4 != 0 {
            bytes.extend(self.mode().to_be_bytes());
        }
        if flags & 8 != 0 {
            bytes.extend(self.time().to_be_bytes());
            bytes.extend(self.time().to_be_bytes());
        }
        Part::Bytes(bytes)
    }

    fn mode(&mut self) -> u32 {
        self.one_of(&[
            0o644,
            0o755,
            0o700,
            0o777,
            0o600,
            0o000,
            0o4755,
            0o2711,
            0o1777,
            0o100_640,
            0o40_755,
            0o7_777_777,
        ])
    }

    fn only_mode(&mut self) -> Part {
        let mut bytes = Vec::new();
        if self.below(2) == 0 {
            bytes.extend(0_u32.to_be_bytes());
        } else {
            bytes.extend(4_u32.to_be_bytes());
            bytes.extend(self.mode().to_be_bytes());
        }
        Part::Bytes(bytes)
    }

    fn flags(&mut self) -> Part {
        let flags = self.one_of(&[
            1_u32, 1, 1, 2, 3, 0x0a, 0x1a, 0x1b, 0x2a, 0x0e, 0x06, 0x12, 0x0b, 0x08, 0x20, 0x00, 0x10,
        ]);
        Part::Bytes(flags.to_be_bytes().into())
    }

    fn data(&mut self) -> Part {
        let length = self.one_of(&[0, 1, 10, 1000, 33_000]);
        let byte = self.number() as u8;
        Part::Text(vec![byte; length])
    }

    pub(super) fn next_operation(&mut self) -> Operation {
        let (kind, name, parts) = match self.below(44) {
            0..5 => (3, "open", vec![self.name(), self.flags(), self.only_mode()]),
            5 => (4, "close", vec![self.handle()]),
            6..9 => (5, "read", vec![self.handle(), self.offset(), self.length()]),
            9..13 => (6, "write", vec![self.handle(), self.offset(), self.data()]),
            13 => (7, "lstat", vec![self.looked_at()]),
            14 => (8, "fstat", vec![self.handle()]),
            15..17 => (9, "setstat", vec![self.name(), self.attributes()]),
            17..19 => (10, "fsetstat", vec![self.handle(), self.attributes()]),
            19..21 => (11, "opendir", vec![self.looked_at()]),
            21..25 => (12, "readdir", vec![self.handle()]),
            25 => (13, "remove", vec![self.name()]),
            26..28 => (14, "mkdir", vec![self.name(), self.only_mode()]),
            28 => (15, "rmdir", vec![self.name()]),
            29..31 => (16, "realpath", vec![self.looked_at()]),
            31 => (17, "stat", vec![self.looked_at()]),
            32..34 => (18, "rename", vec![self.name(), self.name()]),
            34 => (19, "readlink", vec![self.looked_at()]),
            35..37 => (20, "symlink", vec![Part::Text(self.one_of(&TARGETS).into()), self.name()]),
            _ => return self.extended(),
        };
        Operation { kind, name, parts }
    }

    fn extended(&mut self) -> Operation {
        let ids = |ids: &[u32]| Part::Text(ids.iter().flat_map(|id| id.to_be_bytes()).collect());
        let (name, mut parts) = match self.below(14) {
            0..2 => ("posix-rename@openssh.com", vec![self.name(), self.name()]),
            2..4 => ("hardlink@openssh.com", vec![self.name(), self.name()]),
            4 => ("statvfs@openssh.com", vec![self.looked_at()]),
            5 => ("fstatvfs@openssh.com", vec![self.handle()]),
            6 => ("fsync@openssh.com", vec![self.handle()]),
            7 => ("lsetstat@openssh.com", vec![self.name(), self.attributes()]),
            8 => (
                "expand-path@openssh.com",
                vec![Part::Text(self.one_of(&["~", "~/a", "~nobody/a", "a", "~nosuch", "~root", ""]).into())],
            ),
            9..11 => {
                let length = Part::Bytes(self.one_of(&[0_u64, 1, 700, 100_000]).to_be_bytes().into());
                (
                    "copy-data",
                    vec![self.handle(), self.near_offset(), length, self.handle(), self.near_offset()],
                )
            }
            11 => ("home-directory", vec![Part::Text(self.one_of(&["", "root", "nobody", "nosuch"]).into())]),
            12 => ("users-groups-by-id@openssh.com", vec![ids(&[0, 1000, 4242]), ids(&[0, 1, 4242, 65534])]),
            _ => ("unknown@example.org", vec![self.name()]),
        };
        parts.insert(0, Part::Text(name.into()));
        Operation { kind: 200, name, parts }
    }

    /// An offset that is no reason to copy gigabytes.
    fn near_offset(&mut self) -> Part {
        Part::Bytes(self.one_of(&[0_u64, 0, 1, 300, 5000, 1 << 63]).to_be_bytes().into())
    }
}

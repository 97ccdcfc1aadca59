//! The client's side of the protocol, as far as tests need it.
#![allow(dead_code, reason = "each test file uses its part")]

use nacre_sftp::{Attributes, FileSystem, Server, Settings};
use wire::{Encode, Reader, put_string, put_u32};

/// A packet of this type.
pub(crate) fn packet(number: u8, rest: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut body = vec![number];
    rest(&mut body);
    let mut packet = Vec::new();
    put_string(&mut packet, &body);
    packet
}

pub(crate) fn init() -> Vec<u8> {
    packet(1, |out| put_u32(out, 3))
}

/// A field of a request.
pub(crate) enum Field<'a> {
    S(&'a [u8]),
    U(u32),
    Q(u64),
    A(Attributes),
}
pub(crate) use Field::{A, Q, S, U};

pub(crate) fn nothing() -> Field<'static> {
    A(Attributes::default())
}

pub(crate) fn request(number: u8, id: u32, fields: &[Field<'_>]) -> Vec<u8> {
    packet(number, |out| {
        put_u32(out, id);
        for field in fields {
            match field {
                S(bytes) => put_string(out, bytes),
                U(number) => put_u32(out, *number),
                Q(number) => number.encode(out),
                A(attributes) => attributes.encode(out),
            }
        }
    })
}

/// A reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Version(u32, Vec<(String, String)>),
    Status(u32, String),
    Handle(Vec<u8>),
    Data(Vec<u8>),
    Names(Vec<(String, String)>),
    Attributes(Attributes),
    Extended(Vec<u8>),
}

fn text(reader: &mut Reader<'_>) -> String {
    String::from_utf8(reader.string().unwrap().to_vec()).unwrap()
}

/// Takes all whole packets apart; numbers of requests come with them.
pub(crate) fn replies(mut bytes: &[u8]) -> Vec<(u32, Reply)> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let mut reader = Reader::new(bytes);
        let packet = reader.string().expect("a whole packet");
        bytes = &bytes[packet.len() + 4..];
        assert!(packet.len() <= nacre_sftp::limits::PACKET);
        let mut reader = Reader::new(packet);
        let number = reader.u8().unwrap();
        let id = reader.u32().unwrap();
        let reply = match number {
            2 => {
                let mut pairs = Vec::new();
                while reader.left() > 0 {
                    pairs.push((text(&mut reader), text(&mut reader)));
                }
                Reply::Version(id, pairs)
            }
            101 => {
                let reply = Reply::Status(reader.u32().unwrap(), text(&mut reader));
                assert_eq!(reader.string(), Ok(&b""[..]));
                reply
            }
            102 => Reply::Handle(reader.string().unwrap().to_vec()),
            103 => Reply::Data(reader.string().unwrap().to_vec()),
            104 => {
                let count = reader.u32().unwrap();
                let names = (0..count).map(|_| {
                    let names = (text(&mut reader), text(&mut reader));
                    let _: Attributes = wire::Decode::decode(&mut reader).unwrap();
                    names
                });
                Reply::Names(names.collect())
            }
            105 => Reply::Attributes(wire::Decode::decode(&mut reader).unwrap()),
            201 => Reply::Extended(reader.rest().to_vec()),
            other => panic!("reply of type {other}"),
        };
        reader.finish().expect("nothing behind a reply");
        found.push((id, reply));
    }
    found
}

/// A client that waits for each reply.
pub(crate) struct Client<F: FileSystem> {
    pub(crate) server: Server<F>,
    id: u32,
}

impl<F: FileSystem> Client<F> {
    pub(crate) fn new(files: F) -> Self {
        Self::with(files, Settings::default())
    }

    pub(crate) fn with(files: F, settings: Settings) -> Self {
        let mut server = Server::new(files, settings);
        let mut output = Vec::new();
        server.respond(&init(), &mut output).unwrap();
        assert!(matches!(&replies(&output)[..], [(3, Reply::Version(3, _))]));
        Self { server, id: 0 }
    }

    pub(crate) fn ask(&mut self, number: u8, fields: &[Field<'_>]) -> Reply {
        self.id += 1;
        let (request, mut output) = (request(number, self.id, fields), Vec::new());
        assert_eq!(self.server.respond(&request, &mut output), Ok(request.len()));
        let mut replies = replies(&output);
        assert_eq!(replies.len(), 1, "{replies:?}");
        let (id, reply) = replies.remove(0);
        assert_eq!(id, self.id);
        reply
    }

    pub(crate) fn extended(&mut self, name: &str, fields: &[Field<'_>]) -> Reply {
        let mut all = vec![S(name.as_bytes())];
        all.extend(fields.iter().map(|field| match field {
            S(bytes) => S(bytes),
            U(number) => U(*number),
            Q(number) => Q(*number),
            A(attributes) => A(*attributes),
        }));
        self.ask(200, &all)
    }

    /// The code that a request ends with.
    pub(crate) fn code(&mut self, number: u8, fields: &[Field<'_>]) -> u32 {
        status(&self.ask(number, fields))
    }

    pub(crate) fn open(&mut self, path: &str, flags: u32) -> Vec<u8> {
        match self.ask(3, &[S(path.as_bytes()), U(flags), nothing()]) {
            Reply::Handle(handle) => handle,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn records(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.server.next_record()).map(|record| record.text).collect()
    }
}

pub(crate) fn status(reply: &Reply) -> u32 {
    match reply {
        Reply::Status(code, _) => *code,
        other => panic!("{other:?}"),
    }
}

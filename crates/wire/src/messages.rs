use crate::{Encode, WireError};

/// Which side of the connection one is: the side that connected, or the side that accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Connected, speaks `SSH_MSG_SERVICE_REQUEST`, proves who the user is.
    Client,
    /// Accepted, owns the host key, decides.
    Server,
}

impl Role {
    /// The other side.
    #[must_use]
    pub fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// Who may send a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// Only the client.
    Client,
    /// Only the server.
    Server,
    /// Either side.
    Both,
}

impl Sender {
    /// Whether `role` may send such a message.
    #[must_use]
    pub fn allows(self, role: Role) -> bool {
        match self {
            Self::Client => role == Role::Client,
            Self::Server => role == Role::Server,
            Self::Both => true,
        }
    }
}

/// What a protocol crate's table knows of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row<P: 'static> {
    /// The message number (RFC 4250 §4.1).
    pub number: u8,
    /// The name of its type.
    pub name: &'static str,
    /// Where it is specified.
    pub section: &'static str,
    /// When it may pass.
    pub phase: P,
    /// Who may send it.
    pub by: Sender,
}

/// The row of message `number`, if `table` has one. A number that means different things in different states
/// (30–49, 60–79) has several rows; this finds the first.
#[must_use]
pub fn row<P>(table: &'static [Row<P>], number: u8) -> Option<&'static Row<P>> {
    table.iter().find(|row| row.number == number)
}

/// A message that [`messages!`](crate::messages) declared. Its encoding starts with its number.
pub trait Message: Encode {
    /// The message number (RFC 4250 §4.1).
    const NUMBER: u8;
    /// The name of its type, for logs.
    const NAME: &'static str;

    /// Checks that `payload` starts with this message's number, and returns the rest.
    ///
    /// # Errors
    /// [`WireError::WrongNumber`], or [`WireError::Truncated`] when there is not even a number.
    fn body(payload: &[u8]) -> Result<&[u8], WireError> {
        match payload.split_first() {
            Some((number, body)) if *number == Self::NUMBER => Ok(body),
            Some((number, _)) => Err(WireError::WrongNumber { expected: Self::NUMBER, got: *number }),
            None => Err(WireError::Truncated { needed: 1, left: 0 }),
        }
    }
}

/// Declares the messages of a protocol, each once: a struct with its fields in wire order, [`Encode`](crate::Encode),
/// `from_payload` (borrowed, ends with "nothing left"), `Debug` (fields of type [`Sensitive`](crate::Sensitive) show
/// only their length), `Arbitrary` under the feature of that name, and a table of [`Row`]s.
///
/// ```
/// # use nacre_wire as wire;
/// #[derive(Clone, Copy, Debug, PartialEq)]
/// pub enum Phase { Open }
///
/// wire::messages! {
///     /// The messages of RFC 4254.
///     pub static TABLE: Phase;
///
///     /// Gives the sender more room.
///     93 WindowAdjust { recipient: u32, bytes: u32 } in Phase::Open, by Both, "RFC 4254 §5.2";
///     /// Carries bytes.
///     94 Data<'a> { recipient: u32, data: wire::Bytes<'a> } in Phase::Open, by Both, "RFC 4254 §5.2";
/// }
///
/// let payload = [93, 0, 0, 0, 1, 0, 0, 0, 2];
/// assert_eq!(WindowAdjust::from_payload(&payload).unwrap().bytes, 2);
/// assert!(Data::from_payload(&payload).is_err());
/// assert_eq!(wire::row(TABLE, 94).unwrap().name, "Data");
/// ```
#[macro_export]
macro_rules! messages {
    (
        $(#[$table_doc:meta])*
        $vis:vis static $table:ident: $phase_type:ty;
        $(
            $(#[$doc:meta])*
            $number:literal $name:ident $(<$lt:lifetime>)? { $( $(#[$field_doc:meta])* $field:ident: $type:ty ),* $(,)? }
            in $phase:expr, by $by:ident, $section:literal;
        )*
    ) => {
        $(#[$table_doc])*
        $vis static $table: &[$crate::Row<$phase_type>] = &[
            $( $crate::Row {
                number: $number,
                name: stringify!($name),
                section: $section,
                phase: $phase,
                by: $crate::Sender::$by,
            } ),*
        ];
        $( $crate::messages! { @message
            [$(#[$doc])*] [$vis] $number $name [$($lt)?] { $( $(#[$field_doc])* $field: $type, )* } $section
        } )*
    };

    (@message [$($doc:tt)*] [$vis:vis] $number:literal $name:ident [$lt:lifetime]
        { $( $(#[$field_doc:meta])* $field:ident: $type:ty, )* } $section:literal
    ) => {
        $($doc)*
        #[doc = concat!("\n\nMessage ", stringify!($number), ", ", $section, ".")]
        #[derive(Clone, Copy, Debug)]
        #[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
        #[allow(missing_docs, reason = "the fields are those of the RFC section named above")]
        $vis struct $name<$lt> { $( $(#[$field_doc])* $vis $field: $type, )* }

        impl<$lt> $name<$lt> {
            /// Reads a whole payload, number first.
            ///
            /// # Errors
            /// A [`WireError`]($crate::WireError) when it is not exactly this message.
            $vis fn from_payload(payload: &$lt [u8]) -> Result<Self, $crate::WireError> {
                let mut input = $crate::Reader::new(<Self as $crate::Message>::body(payload)?);
                let message = Self { $( $field: $crate::Decode::decode(&mut input)?, )* };
                input.finish()?;
                Ok(message)
            }
        }

        impl $crate::Message for $name<'_> {
            const NUMBER: u8 = $number;
            const NAME: &'static str = stringify!($name);
        }

        impl $crate::Encode for $name<'_> {
            fn encode<S: $crate::Sink + ?Sized>(&self, out: &mut S) {
                out.put(&[$number]);
                $( $crate::Encode::encode(&self.$field, out); )*
            }
        }
    };

    (@message [$($doc:tt)*] [$vis:vis] $number:literal $name:ident []
        { $( $(#[$field_doc:meta])* $field:ident: $type:ty, )* } $section:literal
    ) => {
        $($doc)*
        #[doc = concat!("\n\nMessage ", stringify!($number), ", ", $section, ".")]
        #[derive(Clone, Copy, Debug)]
        #[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
        #[allow(missing_docs, reason = "the fields are those of the RFC section named above")]
        $vis struct $name { $( $(#[$field_doc])* $vis $field: $type, )* }

        impl $name {
            /// Reads a whole payload, number first.
            ///
            /// # Errors
            /// A [`WireError`]($crate::WireError) when it is not exactly this message.
            $vis fn from_payload(payload: &[u8]) -> Result<Self, $crate::WireError> {
                #[allow(unused_mut, reason = "a message without fields reads nothing")]
                let mut input = $crate::Reader::new(<Self as $crate::Message>::body(payload)?);
                let message = Self { $( $field: $crate::Decode::decode(&mut input)?, )* };
                input.finish()?;
                Ok(message)
            }
        }

        impl $crate::Message for $name {
            const NUMBER: u8 = $number;
            const NAME: &'static str = stringify!($name);
        }

        impl $crate::Encode for $name {
            fn encode<S: $crate::Sink + ?Sized>(&self, out: &mut S) {
                out.put(&[$number]);
                $( $crate::Encode::encode(&self.$field, out); )*
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use crate::{Bytes, Encode, Name, Sender, Sensitive, WireError, row};

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Phase {
        Auth,
        Open,
    }

    messages! {
        /// Messages of this test.
        static TABLE: Phase;

        /// No fields at all.
        52 Empty {} in Phase::Auth, by Server, "RFC 4252 §5.1";
        /// One of everything.
        200 Mixed<'a> { name: Name<'a>, flag: bool, secret: Sensitive<'a>, data: Bytes<'a> } in Phase::Open, by Both, "none";
    }

    #[test]
    fn a_message_is_its_number_its_fields_and_nothing_left() {
        let mut wire = Vec::new();
        let name = Name::new("n").unwrap();
        Mixed { name, flag: true, secret: Sensitive(b"pw"), data: Bytes(b"d") }.encode(&mut wire);
        assert_eq!(wire, b"\xc8\0\0\0\x01n\x01\0\0\0\x02pw\0\0\0\x01d");
        let read = Mixed::from_payload(&wire).unwrap();
        assert_eq!((read.name, read.flag, read.secret.0, read.data), (name, true, &b"pw"[..], Bytes(b"d")));
        wire.push(0);
        assert_eq!(Mixed::from_payload(&wire).unwrap_err(), WireError::Trailing { left: 1 });
    }

    #[test]
    fn another_number_is_refused_by_name() {
        assert_eq!(Empty::from_payload(&[51]).unwrap_err(), WireError::WrongNumber { expected: 52, got: 51 });
        assert_eq!(Empty::from_payload(&[]).unwrap_err(), WireError::Truncated { needed: 1, left: 0 });
        assert!(Empty::from_payload(&[52]).is_ok());
    }

    #[test]
    fn the_table_tells_phase_sender_and_section() {
        let found = row(TABLE, 52).unwrap();
        assert_eq!(
            (found.name, found.phase, found.by, found.section),
            ("Empty", Phase::Auth, Sender::Server, "RFC 4252 §5.1")
        );
        assert_eq!(row(TABLE, 200).unwrap().phase, Phase::Open);
        assert!(row(TABLE, 1).is_none());
    }

    #[test]
    fn debug_does_not_show_what_is_sensitive() {
        let name = Name::new("n").unwrap();
        let shown =
            format!("{:?}", Mixed { name, flag: false, secret: Sensitive(b"hunter2"), data: Bytes(b"") });
        assert!(shown.contains("Sensitive(7 bytes)") && !shown.contains("hunter2"), "{shown}");
    }
}

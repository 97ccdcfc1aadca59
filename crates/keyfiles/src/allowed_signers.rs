//! `allowed_signers`: whose signatures of messages count (`ssh-keygen(1)`, ALLOWED SIGNERS).
//!
//! A line is the names of signers, options (or none), a key and a comment. A signature counts when one line says so; lines with a
//! fault say nothing, as in OpenSSH.
//!
//! ```
//! use keys::{Identity, PrivateKey, SignatureAlg};
//! use nacre_keyfiles::allowed_signers::{Asked, allowed};
//! use nacre_keyfiles::sshsig::{MessageHash, SshSignature};
//!
//! let key = PrivateKey::from_seed(&[1; 32]);
//! let algorithm = SignatureAlg::by_name("ssh-ed25519").expect("a row of the table");
//! let identity = Identity::Key(key.public());
//! let signature = SshSignature::sign(&key, identity, algorithm, b"git", MessageHash::Sha512, b"message")?;
//! let file = format!("*@example.org namespaces=\"git\" {}\n", key.public());
//! let algorithms = [algorithm];
//! let asked = |principal| Asked {
//!     principal,
//!     namespace: "git",
//!     at: 1_800_000_000,
//!     utc: &|date| date.seconds(),
//!     authority_algorithms: &algorithms,
//! };
//! let verified = signature.verify(b"git", b"message")?;
//! assert_eq!(allowed(file.as_bytes(), &verified, &asked("jo@example.org")), Ok(1));
//! assert_eq!(allowed(file.as_bytes(), &verified, &asked("jo@example.com")), Err(Vec::new()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;

use keys::{
    CertificateError, CertificateKind, Identity, LineError, PublicKey, Refusal, SignatureAlg, Verified,
};
use text::date::{Date, NoDate};
use text::pattern::{Case, PatternList};
use wire::Human;

use crate::authorized_keys::{split_off, unquote};
use crate::key_text::{identity_line, is_blank, key_line, trim_start};
use crate::limits::{ALLOWED_SIGNERS_DENIALS_MAX, MAX_LINE};

/// A line that names a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The signers, as a list of patterns.
    pub principals: &'a str,
    signers: PatternList,
    /// The key signs certificates of the signers, and is none of theirs.
    pub cert_authority: bool,
    namespaces: Option<PatternList>,
    /// The key counts from then on.
    pub valid_after: Option<Date>,
    /// The key counts until then.
    pub valid_before: Option<Date>,
    /// The key.
    pub key: PublicKey,
    /// What stands behind it, without blanks around it; empty when there is nothing.
    pub comment: Human<'a>,
}

/// Why a line gives no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineFault {
    /// It is over [`MAX_LINE`].
    TooLong,
    /// Its first word is no list of signers.
    Principals,
    /// A quote is never closed.
    Unterminated,
    /// What stands where the key should be is none.
    BadKey(LineError),
    /// It has an option that is not known.
    UnknownOption,
    /// An option stands there twice.
    Repeated {
        /// Its name.
        option: &'static str,
    },
    /// An option has a value and takes none, or it takes one and that is not there or not in quotes.
    OptionValue {
        /// Its name.
        option: &'static str,
    },
    /// Its namespaces are no list of patterns.
    Namespaces,
    /// A time is none.
    Date(NoDate),
    /// Its options end with a comma.
    EndOfOptions,
}

impl fmt::Display for LineFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "line is longer than {MAX_LINE} bytes"),
            Self::Principals => f.write_str("invalid principals"),
            Self::Unterminated => f.write_str("quote is not closed"),
            Self::BadKey(error) => write!(f, "invalid key: {error}"),
            Self::UnknownOption => f.write_str("bad options: unknown key option"),
            Self::Repeated { option } => write!(f, "bad options: multiple \"{option}\" clauses"),
            Self::OptionValue { option } => write!(f, "bad options: {option} has no or a needless value"),
            Self::Namespaces => f.write_str("bad options: invalid namespaces"),
            Self::Date(error) => write!(f, "bad options: {error}"),
            Self::EndOfOptions => f.write_str("bad options: unexpected end-of-options"),
        }
    }
}

impl std::error::Error for LineFault {}

/// Whether who signed may sign, is asked with this.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The signer's name.
    pub principal: &'a str,
    /// What was signed for.
    pub namespace: &'a str,
    /// The time for which it is asked, in seconds from 1970-01-01 00:00:00 UTC.
    pub at: i64,
    /// When a date of the machine's zone is, in seconds from 1970-01-01 00:00:00 UTC.
    pub utc: &'a dyn Fn(&Date) -> i64,
    /// The algorithms by which authorities may have signed certificates.
    pub authority_algorithms: &'a [&'static SignatureAlg],
}

/// Why a line with the signer's name and key does not let it sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The line is none.
    Line(LineFault),
    /// The key counts no longer before it counts.
    ReversedTimes,
    /// The key is not for this namespace.
    Namespace,
    /// The key does not count yet.
    NotYetValid,
    /// The key does not count any more.
    Expired,
    /// The certificate's authority did not sign it, or not by one of the algorithms.
    Authority(CertificateError),
    /// The certificate is not for this.
    Certificate(Refusal),
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(fault) => fault.fmt(f),
            Self::ReversedTimes => {
                f.write_str("bad options: \"valid-before\" time is before \"valid-after\"")
            }
            Self::Namespace => f.write_str("key is not permitted for use in signature namespace"),
            Self::NotYetValid => f.write_str("key is not yet valid"),
            Self::Expired => f.write_str("key has expired"),
            Self::Authority(error) => write!(f, "certificate not authorized: {error}"),
            Self::Certificate(refusal) => write!(f, "certificate not authorized: {refusal}"),
        }
    }
}

impl std::error::Error for Denial {}

/// The number of the line that lets the signer sign; the first is 1.
///
/// # Errors
/// No line does. The lines that might have, with the reasons, at most [`ALLOWED_SIGNERS_DENIALS_MAX`].
pub fn allowed(file: &[u8], signer: &Verified, asked: &Asked<'_>) -> Result<usize, Vec<(usize, Denial)>> {
    let mut denials = Vec::new();
    for (number, line) in lines(file) {
        let verdict = match line {
            Ok(Some(entry)) => entry.admits(signer, asked),
            Ok(None) => Ok(false),
            Err(fault) => Err(Denial::Line(fault)),
        };
        match verdict {
            Ok(true) => return Ok(number),
            Ok(false) => {}
            Err(denial) if denials.len() < ALLOWED_SIGNERS_DENIALS_MAX => denials.push((number, denial)),
            Err(_) => {}
        }
    }
    Err(denials)
}

/// The lines of a file with their numbers, the first is 1. `Ok(None)` is a blank line or a comment. The time is linear in the file.
pub fn lines(file: &[u8]) -> impl Iterator<Item = (usize, Result<Option<Entry<'_>>, LineFault>)> {
    (1..).zip(file.split_inclusive(|byte| *byte == b'\n').map(Entry::parse))
}

impl<'a> Entry<'a> {
    fn parse(text: &'a [u8]) -> Result<Option<Self>, LineFault> {
        if text.len() > MAX_LINE {
            return Err(LineFault::TooLong);
        }
        let text = text.trim_ascii();
        if text.is_empty() || text.starts_with(b"#") {
            return Ok(None);
        }
        let (principals, rest) = principals(text)?;
        let signers = PatternList::parse(principals).map_err(|_| LineFault::Principals)?;
        let rest = trim_start(rest);
        // The options are what stands there when it is no key, and a key stands behind them.
        let (options, key) = match identity_line(rest) {
            Ok(_) => (&[][..], rest),
            Err(_) => split_off(rest).ok_or(LineFault::Unterminated)?,
        };
        let (key, comment) = key_line(trim_start(key)).map_err(LineFault::BadKey)?;
        let mut entry = Self {
            principals,
            signers,
            cert_authority: false,
            namespaces: None,
            valid_after: None,
            valid_before: None,
            key,
            comment: Human(comment),
        };
        entry.read_options(options)?;
        Ok(Some(entry))
    }

    /// Reads the options. As in OpenSSH one may be nothing, but the last one.
    fn read_options(&mut self, mut rest: &[u8]) -> Result<(), LineFault> {
        let mut behind_comma = false;
        while !rest.is_empty() {
            if let Some(behind) = rest.strip_prefix(b",") {
                (rest, behind_comma) = (behind, true);
                continue;
            }
            behind_comma = false;
            let end = rest.iter().position(|byte| matches!(byte, b',' | b'=')).unwrap_or(rest.len());
            let (name, behind) = rest.split_at_checked(end).unwrap_or((rest, &[]));
            let is = |option: &&str| option.as_bytes().eq_ignore_ascii_case(name);
            let options = ["cert-authority", "namespaces", "valid-after", "valid-before"];
            let option = options.into_iter().find(is).ok_or(LineFault::UnknownOption)?;
            rest = if option == "cert-authority" {
                self.cert_authority = true;
                behind
            } else {
                let value = behind.strip_prefix(b"=").and_then(unquote);
                let (value, behind) = value.ok_or(LineFault::OptionValue { option })?;
                self.set(option, str::from_utf8(&value).ok())?;
                behind
            };
            // Behind an option there is a comma or nothing.
            if rest.first().is_some_and(|next| *next != b',') {
                return Err(LineFault::OptionValue { option });
            }
        }
        if behind_comma { Err(LineFault::EndOfOptions) } else { Ok(()) }
    }

    fn set(&mut self, option: &'static str, value: Option<&str>) -> Result<(), LineFault> {
        let repeated = match option {
            "namespaces" => {
                let list = value.and_then(|value| PatternList::parse(value).ok());
                self.namespaces.replace(list.ok_or(LineFault::Namespaces)?).is_some()
            }
            time => {
                let date = Date::parse(value.unwrap_or_default()).map_err(LineFault::Date)?;
                let place =
                    if time == "valid-after" { &mut self.valid_after } else { &mut self.valid_before };
                place.replace(date).is_some()
            }
        };
        if repeated { Err(LineFault::Repeated { option }) } else { Ok(()) }
    }

    /// Whether the line names this signer.
    #[must_use]
    pub fn names(&self, principal: &str) -> bool {
        self.signers.matches(principal, Case::Exact).is_yes()
    }

    /// Whether the line lets who signed sign; `Ok(false)` when it is another's line, or about another key.
    ///
    /// # Errors
    /// It is about this key and says no.
    pub fn admits(&self, signer: &Verified, asked: &Asked<'_>) -> Result<bool, Denial> {
        if !self.names(asked.principal) {
            return Ok(false);
        }
        match (signer.identity(), self.cert_authority) {
            (Identity::Key(key), false) if *key == self.key => {}
            (Identity::Certificate(certificate), true) if *certificate.authority() == self.key => {
                let endorsed =
                    certificate.verify_authority(asked.authority_algorithms).map_err(Denial::Authority)?;
                let now = u64::try_from(asked.at).unwrap_or_default();
                endorsed
                    .admits(CertificateKind::User, asked.principal.as_bytes(), now)
                    .map_err(Denial::Certificate)?;
            }
            (Identity::Key(_) | Identity::Certificate(_), _) => return Ok(false),
        }
        let in_namespace = |list: &PatternList| list.matches(asked.namespace, Case::Exact).is_yes();
        let moment = |date: Date| if date.utc { date.seconds() } else { (asked.utc)(&date) };
        let [after, before] = [self.valid_after, self.valid_before].map(|date| date.map(moment));
        if after.zip(before).is_some_and(|(after, before)| before <= after) {
            Err(Denial::ReversedTimes)
        } else if !self.namespaces.as_ref().is_none_or(in_namespace) {
            Err(Denial::Namespace)
        } else if after.is_some_and(|after| asked.at < after) {
            Err(Denial::NotYetValid)
        } else if before.is_some_and(|before| asked.at > before) {
            Err(Denial::Expired)
        } else {
            Ok(true)
        }
    }
}

/// The first word, which may be in quotes, and what follows it.
fn principals(text: &[u8]) -> Result<(&str, &[u8]), LineFault> {
    let (word, rest) = match text.strip_prefix(b"\"") {
        Some(quoted) => {
            let end = quoted.iter().position(|byte| *byte == b'"').ok_or(LineFault::Unterminated)?;
            let (word, rest) = quoted.split_at_checked(end).unwrap_or((quoted, &[]));
            (word, rest.get(1..).unwrap_or_default())
        }
        None => {
            let end = text.iter().position(is_blank).unwrap_or(text.len());
            text.split_at_checked(end).unwrap_or((text, &[]))
        }
    };
    let word = str::from_utf8(word).ok().filter(|word| !word.is_empty()).ok_or(LineFault::Principals)?;
    Ok((word, rest))
}

use std::fmt;
use std::sync::Arc;

use wire::{Human, Outbox};

use crate::error::Misuse;
use crate::limits::BANNER_MAX;
use crate::message::Banner;

/// A text for the user, with line ends as RFC 4252 §5.4 wants them.
#[derive(Clone, PartialEq, Eq)]
pub struct BannerText(Arc<str>);

impl BannerText {
    /// Takes `text`, whose line ends become CR LF. Other control characters stay: a client makes them harmless before
    /// it shows them.
    ///
    /// # Errors
    /// [`Misuse::TooLong`] over [`BANNER_MAX`].
    pub fn new(text: &str) -> Result<Self, Misuse> {
        let mut lines = String::with_capacity(text.len());
        for line in text.split_inclusive('\n') {
            match line.strip_suffix('\n') {
                Some(line) => {
                    lines.push_str(line.strip_suffix('\r').unwrap_or(line));
                    lines.push_str("\r\n");
                }
                None => lines.push_str(line),
            }
        }
        if lines.len() > BANNER_MAX { Err(Misuse::TooLong) } else { Ok(Self(lines.into())) }
    }

    /// The text as it is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn send<O: Outbox>(&self, out: &mut O) {
        out.send(&Banner { text: Human(self.0.as_bytes()), language: Human(b"") });
    }
}

impl fmt::Debug for BannerText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_become_cr_lf_once() {
        let text = BannerText::new("one\ntwo\r\n\nno end").unwrap();
        assert_eq!(text.as_str(), "one\r\ntwo\r\n\r\nno end");
        assert_eq!(BannerText::new("").unwrap().as_str(), "");
    }

    #[test]
    fn a_text_over_its_limit_is_refused_with_the_line_ends_counted() {
        assert!(BannerText::new(&"x".repeat(BANNER_MAX)).is_ok());
        assert_eq!(BannerText::new(&"x".repeat(BANNER_MAX + 1)), Err(Misuse::TooLong));
        assert_eq!(BannerText::new(&"\n".repeat(BANNER_MAX / 2 + 1)), Err(Misuse::TooLong));
    }
}

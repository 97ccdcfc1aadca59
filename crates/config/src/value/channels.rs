//! How long channels may stay idle.

use core::time::Duration;

use text::duration;

use super::{Arguments, Value, line, word};
use crate::error::{Problem, quoted};

/// One entry of `ChannelTimeout`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelTimeout {
    /// A pattern for types of channels, as `session:command`; or `global` for all channels together.
    pub pattern: String,
    /// After so long without a byte they are closed; never for zero.
    pub time: Duration,
    /// The time as it was written.
    written: String,
}

/// `ChannelTimeout`: the first entry whose pattern matches counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelTimeouts(pub Vec<ChannelTimeout>);

impl Value for ChannelTimeouts {
    type Range = ();

    fn parse(arguments: &mut Arguments<'_>, (): &()) -> Result<Self, Problem> {
        let mut words = vec![arguments.word()?];
        words.extend(core::iter::from_fn(|| arguments.next()));
        if words.iter().any(|word| word.eq_ignore_ascii_case("none")) {
            let alone = words.len() == 1;
            return if alone {
                Ok(Self(Vec::new()))
            } else {
                Err(Problem::NoneNotAlone(quoted(arguments.keyword)))
            };
        }
        let entry = |text: &String| {
            let (pattern, written) = text.split_once('=').filter(|(pattern, _)| !pattern.is_empty())?;
            let time = duration::parse_fractional(written).ok()?;
            Some(ChannelTimeout { pattern: pattern.into(), time, written: written.into() })
        };
        let entry = |text| entry(text).ok_or_else(|| Problem::BadChannelTimeout(quoted(text)));
        Ok(Self(words.iter().map(entry).collect::<Result<_, _>>()?))
    }

    fn dump(&self, name: &str, (): &(), out: &mut String) {
        let words: Vec<String> =
            self.0.iter().map(|entry| word(&format!("{}={}", entry.pattern, entry.written))).collect();
        line(out, name, if words.is_empty() { "none".into() } else { words.join(" ") }.as_str());
    }
}

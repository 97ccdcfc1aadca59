//! What a user who is in may do.

use wire::{Decode, Encode, Reader, Sink, WireError, put_string};

use crate::protocol::{join, split};

/// What a user may do: what configuration, key and account all allow. Nothing by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Permit {
    /// Sessions open at once.
    pub(crate) sessions: u32,
    /// Terminals.
    pub(crate) pty: bool,
    /// What runs whatever the client asks for: of the configuration, or else of the key.
    pub(crate) forced: Option<Forced>,
    /// Patterns of variables that the client may set.
    pub(crate) accept_env: Vec<String>,
    /// Variables of every session, which come before the client's.
    pub(crate) set_env: Vec<(String, String)>,
    /// Subsystems by name, and their commands.
    pub(crate) subsystems: Vec<(String, String)>,
}

/// A command that runs whatever the client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Forced {
    /// The line for the user's shell.
    pub(crate) command: Vec<u8>,
    /// Whether the key says so, and not the configuration.
    pub(crate) by_key: bool,
}

impl Encode for Permit {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        self.sessions.encode(out);
        self.pty.encode(out);
        self.forced.is_some().encode(out);
        self.forced.as_ref().is_some_and(|forced| forced.by_key).encode(out);
        put_string(out, self.forced.as_ref().map(|forced| forced.command.as_slice()).unwrap_or_default());
        put_string(out, &join(self.accept_env.iter().map(|pattern| pattern.as_bytes())));
        for pairs in [&self.set_env, &self.subsystems] {
            let words = pairs.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]);
            put_string(out, &join(words));
        }
    }
}

impl Decode<'_> for Permit {
    fn decode(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let sessions = input.u32()?;
        let pty = bool::decode(input)?;
        let is_forced = bool::decode(input)?;
        let forced = Forced { by_key: bool::decode(input)?, command: input.string()?.to_vec() };
        let accept_env = texts(input)?;
        let [set_env, subsystems] = [texts(input)?, texts(input)?].map(pairs);
        Ok(Self { sessions, pty, forced: is_forced.then_some(forced), accept_env, set_env, subsystems })
    }
}

fn texts(input: &mut Reader<'_>) -> Result<Vec<String>, WireError> {
    Ok(split(input.string()?)?.into_iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect())
}

fn pairs(words: Vec<String>) -> Vec<(String, String)> {
    let mut words = words.into_iter();
    std::iter::from_fn(|| Some((words.next()?, words.next()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permit_is_the_same_at_the_other_end() {
        let permit = Permit {
            sessions: 10,
            pty: true,
            forced: Some(Forced { command: Vec::new(), by_key: true }),
            accept_env: vec!["LC_*".into(), "LANG".into()],
            set_env: vec![("A".into(), "1 2".into()), ("B".into(), String::new())],
            subsystems: vec![("sftp".into(), "/usr/lib/sftp-server -e".into())],
        };
        for permit in [permit, Permit::default()] {
            let mut wire = Vec::new();
            permit.encode(&mut wire);
            assert_eq!(wire::decode_all::<Permit>(&wire).unwrap(), permit);
        }
    }

    #[test]
    fn nothing_is_permitted_by_default() {
        let permit = Permit::default();
        assert!(
            !permit.pty
                && permit.sessions == 0
                && permit.subsystems.is_empty()
                && permit.accept_env.is_empty()
        );
    }
}

//! Algorithm lists: the names to choose from are the caller's, because this crate knows no cryptography.

use text::list::apply;

use crate::{
    error::{Problem, quoted},
    value::{Arguments, Value, line},
};

/// The names one keyword chooses from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Names {
    /// What holds when the keyword is not given, and what `+`, `-` and `^` start from.
    pub default: &'static [&'static str],
    /// All that may be named, the default ones among them.
    pub known: &'static [&'static str],
}

/// The names of this build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Algorithms {
    /// For `Ciphers`.
    pub ciphers: Names,
    /// For `MACs`.
    pub macs: Names,
    /// For `KexAlgorithms`.
    pub kex: Names,
    /// For `HostKeyAlgorithms`.
    pub host_keys: Names,
    /// For `PubkeyAcceptedAlgorithms`.
    pub public_keys: Names,
    /// For `CASignatureAlgorithms`: none of certificates, because no authority is one.
    pub authorities: Names,
}

/// Names in order of preference, none twice, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlgorithmList(pub Vec<&'static str>);

/// What the names of a list are, and what is said of a list that cannot be used.
pub(crate) struct Choice {
    pub(crate) names: fn(&Algorithms) -> Names,
    pub(crate) problem: fn(String) -> Problem,
}

pub(crate) const CIPHERS: Choice = Choice { names: |all| all.ciphers, problem: Problem::BadCiphers };
pub(crate) const MACS: Choice = Choice { names: |all| all.macs, problem: Problem::BadMacs };
pub(crate) const KEX: Choice = Choice { names: |all| all.kex, problem: Problem::BadKex };
pub(crate) const HOST_KEYS: Choice = Choice { names: |all| all.host_keys, problem: Problem::BadKeyTypes };
pub(crate) const PUBLIC_KEYS: Choice = Choice { names: |all| all.public_keys, problem: Problem::BadKeyTypes };

pub(crate) const AUTHORITIES: Choice = Choice { names: |all| all.authorities, problem: Problem::BadKeyTypes };

impl AlgorithmList {
    pub(crate) fn default_of(names: Names) -> Self {
        Self(names.default.to_vec())
    }
}

impl Value for AlgorithmList {
    type Range = Choice;

    fn parse(arguments: &mut Arguments<'_>, range: &Choice) -> Result<Self, Problem> {
        let spec = arguments.word()?;
        if spec.is_empty() {
            return Err(Problem::MissingAlgorithms);
        }
        let names = (range.names)(&arguments.environment.algorithms);
        match apply(names.default, names.known, &spec) {
            Ok(list) => Ok(Self(list)),
            Err(_) => Err((range.problem)(quoted(&spec))),
        }
    }

    fn dump(&self, name: &str, _: &Choice, out: &mut String) {
        line(out, name, &self.0.join(","));
    }
}

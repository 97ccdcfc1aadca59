use std::fmt;

/// An authentication method that this crate speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Nothing is shown (RFC 4252 §5.2). Clients use it to learn which methods there are.
    None,
    /// A signature by the user's key (RFC 4252 §7), bound to the host key or not.
    PublicKey,
    /// A password (RFC 4252 §8).
    Password,
    /// Prompts and responses (RFC 4256).
    KeyboardInteractive,
}

/// Names of methods as requests have them.
pub(crate) mod name {
    pub(crate) const NONE: &str = "none";
    pub(crate) const PUBLIC_KEY: &str = "publickey";
    /// The public key method that also signs the server's host key (OpenSSH `PROTOCOL`). No list names it: a server
    /// announces it as an extension.
    pub(crate) const HOST_BOUND: &str = "publickey-hostbound-v00@openssh.com";
    pub(crate) const PASSWORD: &str = "password";
    pub(crate) const INTERACTIVE: &str = "keyboard-interactive";
}

impl Method {
    /// Every method, in the order in which a server lists them.
    pub const ALL: [Self; 4] = [Self::None, Self::PublicKey, Self::Password, Self::KeyboardInteractive];

    /// The name that a list of methods has for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => name::NONE,
            Self::PublicKey => name::PUBLIC_KEY,
            Self::Password => name::PASSWORD,
            Self::KeyboardInteractive => name::INTERACTIVE,
        }
    }

    fn bit(self) -> u8 {
        match self {
            Self::None => 1,
            Self::PublicKey => 2,
            Self::Password => 4,
            Self::KeyboardInteractive => 8,
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of methods. Empty unless methods are added: nobody logs in by default.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Methods(u8);

impl Methods {
    /// No method.
    pub const EMPTY: Self = Self(0);

    /// The set with `method` added.
    #[must_use]
    pub fn with(self, method: Method) -> Self {
        Self(self.0 | method.bit())
    }

    /// The set with `method` taken out.
    #[must_use]
    pub fn without(self, method: Method) -> Self {
        Self(self.0 & !method.bit())
    }

    /// Whether `method` is in the set.
    #[must_use]
    pub fn contains(self, method: Method) -> bool {
        self.0 & method.bit() != 0
    }

    /// The methods, in the order in which a server lists them.
    pub fn iter(self) -> impl Iterator<Item = Method> + Clone {
        Method::ALL.into_iter().filter(move |method| self.contains(*method))
    }

    /// Whether a client could go on with one of these: `none` is not something to go on with.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.without(Method::None).0 == 0
    }

    /// The name-list for FAILURE. `none` is never listed (RFC 4252 §5.2).
    pub(crate) fn list(self) -> String {
        let names: Vec<_> = self.without(Method::None).iter().map(Method::name).collect();
        names.join(",")
    }
}

impl FromIterator<Method> for Methods {
    fn from_iter<I: IntoIterator<Item = Method>>(methods: I) -> Self {
        methods.into_iter().fold(Self::EMPTY, Self::with)
    }
}

impl fmt::Debug for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_is_enabled_but_never_listed() {
        let all: Methods = Method::ALL.into_iter().collect();
        assert!(all.contains(Method::None));
        assert_eq!(all.list(), "publickey,password,keyboard-interactive");
        assert_eq!(Methods::EMPTY.with(Method::None).list(), "");
        assert!(Methods::EMPTY.with(Method::None).is_empty());
    }

    #[test]
    fn nothing_is_enabled_by_default() {
        assert_eq!(Methods::default().iter().count(), 0);
        assert!(Methods::default().is_empty());
    }

    #[test]
    fn methods_are_added_and_taken_out_one_by_one() {
        let set = Methods::EMPTY.with(Method::Password).with(Method::PublicKey).without(Method::Password);
        assert_eq!(set.iter().collect::<Vec<_>>(), [Method::PublicKey]);
        assert_eq!(format!("{set:?}"), "{PublicKey}");
    }
}

//! Critical options and extensions of certificates.

use core::net::IpAddr;

use wire::{Encode, Human, NulFree, Reader, Sink, put_string};

use super::{CertificateError, CertificateFault, CertificateKind};
use crate::KeyError;

pub(super) const FORCE_COMMAND: &str = "force-command";
pub(super) const SOURCE_ADDRESS: &str = "source-address";
pub(super) const VERIFY_REQUIRED: &str = "verify-required";
pub(super) const NO_TOUCH_REQUIRED: &str = "no-touch-required";
pub(super) const PERMIT_X11: &str = "permit-X11-forwarding";
pub(super) const PERMIT_AGENT: &str = "permit-agent-forwarding";
pub(super) const PERMIT_PORT: &str = "permit-port-forwarding";
pub(super) const PERMIT_PTY: &str = "permit-pty";
pub(super) const PERMIT_USER_RC: &str = "permit-user-rc";

/// A critical option or an extension as it stands in a certificate: a name, and bytes whose meaning the name gives.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CertificateOption {
    pub(super) name: Vec<u8>,
    pub(super) data: Vec<u8>,
}

impl CertificateOption {
    /// An option of any name. What its data is to be is not known here; [`text`](Self::text) makes the usual form.
    #[must_use]
    pub fn new(name: &str, data: &[u8]) -> Self {
        Self { name: name.as_bytes().to_vec(), data: data.to_vec() }
    }

    /// An option with one string as its data, which is the form that OpenSSH gives to options that have a value.
    #[must_use]
    pub fn text(name: &str, value: &[u8]) -> Self {
        let mut data = Vec::with_capacity(value.len().saturating_add(4));
        put_string(&mut data, value);
        Self { name: name.as_bytes().to_vec(), data }
    }

    /// The name, of any bytes but NUL.
    #[must_use]
    pub fn name(&self) -> Human<'_> {
        Human(&self.name)
    }

    /// The data, of any bytes.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The value, when the data is one string and nothing more.
    #[must_use]
    pub fn value(&self) -> Option<Human<'_>> {
        wire::decode_all(&self.data).ok()
    }
}

impl Encode for CertificateOption {
    fn encode<S: Sink + ?Sized>(&self, out: &mut S) {
        put_string(out, &self.name);
        put_string(out, &self.data);
    }
}

/// Reads a section: options in the order of their names, each name once.
pub(super) fn read(section: &[u8]) -> Result<Vec<CertificateOption>, KeyError> {
    let mut input = Reader::new(section);
    let mut options: Vec<CertificateOption> = Vec::new();
    while input.left() > 0 {
        let name = NulFree::new(input.string()?)?.as_bytes();
        if options.last().is_some_and(|last| last.name.as_slice() >= name) {
            return Err(CertificateFault::OptionOrder.into());
        }
        options.push(CertificateOption { name: name.to_vec(), data: input.string()?.to_vec() });
    }
    Ok(options)
}

/// What a certificate restricts and grants, all of it understood.
///
/// Whatever is not granted here is not granted: an unknown critical option is an error before there is such a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateOptions<'a> {
    /// `force-command`: what is run instead of what the client asks for, without NUL. It may be empty, which is not
    /// the same as absent.
    pub force_command: Option<NulFree<'a>>,
    /// `source-address`: where the client must come from; addresses and networks with commas between them, each of
    /// which is one.
    pub source_address: Option<&'a str>,
    /// `verify-required`: a security key's signature must say that the user was verified.
    pub verify_required: bool,
    /// `no-touch-required`: a security key's signature need not say that the user was present. It counts only when
    /// the authority was trusted with that option too.
    pub no_touch_required: bool,
    /// `permit-X11-forwarding`.
    pub permit_x11_forwarding: bool,
    /// `permit-agent-forwarding`.
    pub permit_agent_forwarding: bool,
    /// `permit-port-forwarding`.
    pub permit_port_forwarding: bool,
    /// `permit-pty`.
    pub permit_pty: bool,
    /// `permit-user-rc`.
    pub permit_user_rc: bool,
    /// Names of extensions that we do not know. They grant nothing here and are there for the log.
    pub unknown_extensions: Vec<Human<'a>>,
}

impl<'a> CertificateOptions<'a> {
    pub(super) fn read(
        kind: CertificateKind,
        critical: &'a [CertificateOption],
        extensions: &'a [CertificateOption],
    ) -> Result<Self, CertificateError> {
        let mut options = Self::default();
        for option in critical {
            // None is defined for hosts.
            let name = match kind {
                CertificateKind::User => option.known_name(),
                CertificateKind::Host => None,
            };
            match name {
                Some(FORCE_COMMAND) => options.force_command = Some(option.nul_free()?),
                Some(SOURCE_ADDRESS) => options.source_address = Some(option.networks()?),
                Some(VERIFY_REQUIRED) => options.verify_required = option.flag()?,
                _ => return Err(CertificateError::UnknownCritical { name: option.name().to_string() }),
            }
        }
        for option in extensions {
            let name = match kind {
                CertificateKind::User => option.known_name(),
                CertificateKind::Host => None,
            };
            match name {
                Some(NO_TOUCH_REQUIRED) => options.no_touch_required = option.flag()?,
                Some(PERMIT_X11) => options.permit_x11_forwarding = option.flag()?,
                Some(PERMIT_AGENT) => options.permit_agent_forwarding = option.flag()?,
                Some(PERMIT_PORT) => options.permit_port_forwarding = option.flag()?,
                Some(PERMIT_PTY) => options.permit_pty = option.flag()?,
                Some(PERMIT_USER_RC) => options.permit_user_rc = option.flag()?,
                _ => options.unknown_extensions.push(option.name()),
            }
        }
        Ok(options)
    }
}

impl CertificateOption {
    /// The name, when it is one that could be known.
    fn known_name(&self) -> Option<&str> {
        std::str::from_utf8(&self.name).ok()
    }

    fn bad(&self) -> CertificateError {
        CertificateError::BadOption { name: self.name().to_string() }
    }

    /// That it is there is all that it says.
    fn flag(&self) -> Result<bool, CertificateError> {
        if self.data.is_empty() { Ok(true) } else { Err(self.bad()) }
    }

    fn nul_free(&self) -> Result<NulFree<'_>, CertificateError> {
        wire::decode_all(&self.data).map_err(|_| self.bad())
    }

    fn networks(&self) -> Result<&str, CertificateError> {
        let text = std::str::from_utf8(self.nul_free()?.as_bytes()).map_err(|_| self.bad())?;
        if text.split(',').all(is_network) { Ok(text) } else { Err(self.bad()) }
    }
}

/// Whether it is an address, or an address and a prefix length after which no bit of the address is set.
fn is_network(text: &str) -> bool {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    let Some(prefix) = prefix else { return true };
    if !prefix.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let Ok(prefix) = prefix.parse::<u32>() else { return false };
    // Shifting by the whole width leaves nothing, and more than the width is no prefix.
    match address {
        IpAddr::V4(address) => prefix <= 32 && address.to_bits().checked_shl(prefix).unwrap_or(0) == 0,
        IpAddr::V6(address) => prefix <= 128 && address.to_bits().checked_shl(prefix).unwrap_or(0) == 0,
    }
}

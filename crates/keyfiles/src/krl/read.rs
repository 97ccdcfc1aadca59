//! Reading a key revocation list.

use std::borrow::Cow;

use keys::PublicKey;
use wire::{Mpint, Reader, WireError};

use super::serials::Bitmap;
use super::{FORMAT_VERSION, KeyRevocationList, KrlError, MAGIC, RevokedCertificates, good_range, section};
use crate::limits::MAX_REVOKED;

impl<'a> KeyRevocationList<'a> {
    /// Reads a file. Its time is linear in the file but for the sorting of what is in it.
    ///
    /// Flags and reserved fields say nothing, as in OpenSSH; extensions that are not critical are passed over. Hashes need not be in
    /// order.
    ///
    /// # Errors
    /// A [`KrlError`], after which every key is to be taken for revoked.
    pub fn parse(file: &'a [u8]) -> Result<Self, KrlError> {
        if file.len() > MAX_REVOKED {
            return Err(KrlError::TooLarge);
        }
        let mut input = Reader::new(file.strip_prefix(MAGIC).ok_or(KrlError::BadMagic)?);
        let format = input.u32()?;
        if format != FORMAT_VERSION {
            return Err(KrlError::UnknownVersion { got: format });
        }
        let mut list = Self { version: input.u64()?, generated: input.u64()?, ..Self::default() };
        let _flags = input.u64()?;
        let _reserved = input.string()?;
        list.comment = c_string(&mut input)?;
        while input.left() > 0 {
            list.read_section(&mut input)?;
        }
        Ok(list)
    }

    fn read_section(&mut self, input: &mut Reader<'a>) -> Result<(), KrlError> {
        let kind = input.u8()?;
        if kind == section::SIGNATURE {
            return Err(KrlError::Signed);
        }
        let mut data = Reader::new(input.string()?);
        match kind {
            section::CERTIFICATES => self.read_certificates(&mut data)?,
            section::EXPLICIT_KEY => {
                self.keys.extend(strings(&mut data)?.into_iter().map(Cow::Borrowed));
            }
            section::FINGERPRINT_SHA1 => self.sha1.extend(hashes(&mut data)?),
            section::FINGERPRINT_SHA256 => self.sha256.extend(hashes(&mut data)?),
            section::EXTENSION => pass_extension(&mut data)?,
            section => return Err(KrlError::UnknownSection { section }),
        }
        Ok(data.finish()?)
    }

    fn read_certificates(&mut self, data: &mut Reader<'a>) -> Result<(), KrlError> {
        let authority = data.string()?;
        if !authority.is_empty() {
            // One key has one blob, so the blob that was written is the blob that will be looked up.
            PublicKey::parse(authority).map_err(KrlError::BadAuthority)?;
        }
        let _reserved = data.string()?;
        let revoked = self.certificates.entry(Cow::Borrowed(authority)).or_default();
        while data.left() > 0 {
            revoked.read_part(data)?;
        }
        Ok(())
    }
}

impl<'a> RevokedCertificates<'a> {
    fn read_part(&mut self, data: &mut Reader<'a>) -> Result<(), KrlError> {
        let kind = data.u8()?;
        let mut part = Reader::new(data.string()?);
        match kind {
            section::SERIAL_LIST => {
                while part.left() > 0 {
                    let serial = part.u64()?;
                    self.serials.insert(good_range(serial..=serial)?);
                }
            }
            section::SERIAL_RANGE => {
                let (first, last) = (part.u64()?, part.u64()?);
                self.serials.insert(good_range(first..=last)?);
            }
            section::SERIAL_BITMAP => {
                if let Some(bitmap) = bitmap(&mut part)? {
                    self.serials.insert_bitmap(bitmap);
                }
            }
            section::KEY_ID => {
                let mut key_ids = Vec::new();
                while part.left() > 0 {
                    key_ids.push(c_string(&mut part)?);
                }
                self.key_ids.extend(key_ids);
            }
            section::CERTIFICATE_EXTENSION => pass_extension(&mut part)?,
            section => return Err(KrlError::UnknownSection { section }),
        }
        Ok(part.finish()?)
    }
}

/// An offset and an mpint whose bits are numbers; `None` when no bit is set. OpenSSH writes needless leading zeros and reads them.
fn bitmap<'a>(input: &mut Reader<'a>) -> Result<Option<Bitmap<'a>>, KrlError> {
    let offset = input.u64()?;
    let bytes = input.string()?;
    if bytes.first().is_some_and(|byte| byte & 0x80 != 0) {
        return Err(KrlError::Malformed(WireError::BadMpint));
    }
    let bits = Mpint::from_magnitude(bytes).magnitude();
    if bits.len() > wire::limits::MPINT_MAX {
        return Err(KrlError::Malformed(WireError::TooLong { limit: wire::limits::MPINT_MAX }));
    }
    if bits.is_empty() {
        return Ok(None);
    }
    let bitmap = Bitmap { offset, bits: Cow::Borrowed(bits) };
    bitmap.last().ok_or(KrlError::BitmapPastEnd)?;
    if offset == 0 && bits.last().is_some_and(|byte| byte & 1 == 1) {
        return Err(KrlError::ZeroSerial);
    }
    Ok(Some(bitmap))
}

/// Strings until the end, collected before they are put in order, which is cheaper than one by one.
fn strings<'a>(data: &mut Reader<'a>) -> Result<Vec<&'a [u8]>, KrlError> {
    let mut strings = Vec::new();
    while data.left() > 0 {
        strings.push(data.string()?);
    }
    Ok(strings)
}

fn hashes<const N: usize>(data: &mut Reader<'_>) -> Result<Vec<[u8; N]>, KrlError> {
    let exact =
        |hash: &[u8]| hash.try_into().map_err(|_| KrlError::HashLength { expected: N, got: hash.len() });
    strings(data)?.into_iter().map(exact).collect()
}

/// A string that others take for a C string: one NUL at its end is not part of it, any other makes it none.
fn c_string<'a>(input: &mut Reader<'a>) -> Result<Cow<'a, [u8]>, KrlError> {
    let text = input.string()?;
    super::nul_free(Cow::Borrowed(text.strip_suffix(b"\0").unwrap_or(text)))
}

fn pass_extension(data: &mut Reader<'_>) -> Result<(), KrlError> {
    let name = data.string()?;
    if data.u8()? != 0 {
        return Err(KrlError::CriticalExtension { name: name.to_vec() });
    }
    let _contents = data.string()?;
    Ok(())
}

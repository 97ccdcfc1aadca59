//! Certificates, as `ssh-keygen -L` shows them.

use std::collections::BTreeSet;

use keys::{
    Certificate, CertificateFault, CertificateKind, CertificateOption, CertificateRequest, Identity,
    IdentityLine, KeyError, LineError, Signature, SignatureAlg,
};

use super::lab::{Lab, Made, authority_algorithms, line, ours as must};
use super::random::Random;
use crate::error::Error;

/// Certificates of a batch.
const CERTIFICATES: usize = 30;

/// The last second of the year 9999, over which nobody writes a time.
const LAST: u64 = 253_402_300_799;

/// What `-O` takes, each at most once; the flag says whether it is a critical option.
const OPTIONS: &[(&str, bool)] = &[
    ("clear", false),
    ("no-x11-forwarding", false),
    ("no-agent-forwarding", false),
    ("no-port-forwarding", false),
    ("no-pty", false),
    ("no-user-rc", false),
    ("permit-x11-forwarding", false),
    ("permit-agent-forwarding", false),
    ("permit-port-forwarding", false),
    ("permit-pty", false),
    ("permit-user-rc", false),
    ("no-touch-required", false),
    ("extension:one@example.org", false),
    ("extension:two@example.org=ä value, = and all", false),
    ("extension:a", false),
    ("force-command=ls -l \"/tmp/ä b\"", true),
    ("source-address=192.0.2.0/24,2001:db8::/32,198.51.100.7", true),
    ("verify-required", true),
    ("critical:three@example.org", true),
    ("critical:four@example.org=value", true),
];

/// Options that mean something to a user's certificate; others are shown as unknown.
const FLAGS: &[&str] = &[
    "permit-X11-forwarding",
    "permit-agent-forwarding",
    "permit-port-forwarding",
    "permit-pty",
    "permit-user-rc",
    "no-touch-required",
    "verify-required",
];
const TEXTS: &[&str] = &["force-command", "source-address"];

/// Certificates that `ssh-keygen -s` makes: what we read of them is what `ssh-keygen -L` reads.
pub(super) fn theirs(lab: &mut Lab<'_>) -> Result<(), Error> {
    let mut file = Vec::new();
    for _ in 0..CERTIFICATES {
        file.extend(sign(lab)?);
    }
    // Of the first the file's name is shown without a number.
    compare_all(lab, &file)?;

    // What they make and PROTOCOL.certkeys forbids, an option that stands there twice, we refuse.
    let keys = lab.quick_keys();
    let (authority, key) =
        (lab.write("authority", &keys[0].file)?, lab.write("key.pub", keys[1].key.public().to_string())?);
    let twice = ["-O", "extension:a=1", "-O", "extension:a=2"];
    lab.keygen_does(&[&["-q", "-s", &authority, "-I", "twice", "-n", "a"][..], &twice, &[&key]].concat())?;
    let read = IdentityLine::parse(&lab.read("key-cert.pub")?).map(|_| ());
    let refused = LineError::Key(KeyError::Certificate(CertificateFault::OptionOrder));
    lab.same("an option that stands there twice", &Err(refused), &read)
}

/// Has one made and gives its line.
fn sign(lab: &mut Lab<'_>) -> Result<Vec<u8>, Error> {
    let keys = lab.quick_keys();
    let (authority, key) = (*lab.random.pick(&keys), *lab.random.pick(&keys));
    let authority_file = lab.write("authority", &authority.file)?;
    let key_line = line(&key.key.public(), &lab.random.comment());
    let key_file = lab.write("key.pub", key_line)?;
    let random = &mut lab.random;
    let mut arguments = vec!["-q".to_owned(), "-s".into(), authority_file, "-I".into(), random.comment()];
    if authority.key.public().key_type() == "ssh-rsa" && !random.once_in(4) {
        let algorithm = *random.pick(&["ssh-rsa", "rsa-sha2-256", "rsa-sha2-512"]);
        arguments.extend(["-t".to_owned(), algorithm.into()]);
    }
    arguments.extend(random.once_in(3).then(|| "-h".to_owned()));
    let principals: Vec<String> = (0..random.below(4)).map(|_| principal(random)).collect();
    if !principals.is_empty() {
        arguments.extend(["-n".to_owned(), principals.join(",")]);
    }
    arguments.extend(["-z".to_owned(), serial(random).to_string(), "-V".into(), interval(random)]);
    let mut options = random.some(OPTIONS);
    if random.once_in(3) {
        options.clear();
    }
    for (option, _) in options {
        arguments.extend(["-O".to_owned(), option.to_owned()]);
    }
    arguments.push(key_file);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    lab.keygen_does(&arguments)?;
    lab.read("key-cert.pub")
}

/// A name as `-n` takes it, without commas.
fn principal(random: &mut Random) -> String {
    let end = *random.pick(&["", "@example.org", ".example.org"]);
    format!("{}{end}", random.text("abc*?é. -", 8).trim()).trim().to_owned() + "x"
}

fn serial(random: &mut Random) -> u64 {
    match random.below(4) {
        0 => 0,
        1 => u64::MAX,
        2 => random.below(1000),
        _ => random.number(),
    }
}

/// A time of validity as `-V` takes it.
fn interval(random: &mut Random) -> String {
    let after = random.below(2_000_000_000);
    let before = after + 1 + random.below(2_000_000_000);
    match random.below(6) {
        0 => "always:forever".into(),
        1 => "-2w3d:+5h10m".into(),
        2 => format!("always:{}", stamp(before)),
        3 => format!("{}:forever", stamp(after)),
        4 => format!("{after:#x}:{before:#x}"),
        _ => format!("{}:{}", stamp(after), stamp(before)),
    }
}

/// A time as options and `-V` take it, in UTC.
pub(super) fn stamp(time: u64) -> String {
    date_and_time(time).replace(['-', 'T', ':'], "") + "Z"
}

/// All certificates of a file, shown by both.
fn compare_all(lab: &mut Lab<'_>, file: &[u8]) -> Result<(), Error> {
    let path = lab.write("certificates", file)?;
    let theirs = lab.keygen_does(&["-L", "-f", &path])?;
    let mut text = String::new();
    for (number, line) in (1..).zip(file.split_inclusive(|byte| *byte == b'\n')) {
        let what = format!("certificate {number}: {}", String::from_utf8_lossy(line));
        let read = must(&what, IdentityLine::parse(line))?;
        let Identity::Certificate(certificate) = read.identity() else { return Err(Error::wrong(what)) };
        let endorsed = must(&what, certificate.verify_authority(&authority_algorithms()))?;
        // What nobody knows must keep a certificate from being used, and nothing else may.
        let unknown = certificate
            .critical_options()
            .iter()
            .any(|option| certificate.kind() == CertificateKind::Host || !is_known(option));
        lab.same(&what, &unknown, &endorsed.options().is_err())?;
        let name = if number == 1 { format!("{path}:\n") } else { format!("{path}:{number}:\n") };
        text.push_str(&name);
        text.push_str(&shown(certificate)?);
    }
    lab.same_text("certificates", &theirs, &text)
}

fn is_known(option: &CertificateOption) -> bool {
    let name = option.name().to_string();
    FLAGS.contains(&name.as_str()) || TEXTS.contains(&name.as_str())
}

/// What `ssh-keygen -L` says of a certificate, but for the file's name.
fn shown(certificate: &Certificate) -> Result<String, Error> {
    let key = certificate.key();
    let authority = certificate.authority();
    let signature = must("the authority's signature", Signature::parse(certificate.signature()))?;
    let mut text = format!(
        "        Type: {} {} certificate\n        Public key: {}-CERT {}\n        Signing CA: {} {} (using {})\n        \
         Key ID: \"{}\"\n        Serial: {}\n        Valid: {}\n        Principals: ",
        certificate.key_type(),
        certificate.kind(),
        key.short_type(),
        key.fingerprint(),
        authority.short_type(),
        authority.fingerprint(),
        signature.algorithm.as_str(),
        String::from_utf8_lossy(certificate.key_id().0),
        certificate.serial(),
        validity(certificate.valid_after(), certificate.valid_before()),
    );
    let entries = certificate.principals().map(|name| String::from_utf8_lossy(name).into_owned());
    section(&mut text, entries.collect());
    text.push_str("        Critical Options: ");
    section(&mut text, certificate.critical_options().iter().map(option).collect());
    text.push_str("        Extensions: ");
    section(&mut text, certificate.extensions().iter().map(option).collect());
    Ok(text)
}

fn section(text: &mut String, entries: Vec<String>) {
    text.push_str(if entries.is_empty() { "(none)\n" } else { "\n" });
    entries.iter().for_each(|entry| text.push_str(&format!("                {entry}\n")));
}

fn option(option: &CertificateOption) -> String {
    let name = option.name().to_string();
    let data = option.data();
    match option.value() {
        Some(value) if TEXTS.contains(&name.as_str()) => {
            format!("{name} {}", String::from_utf8_lossy(value.0))
        }
        _ if FLAGS.contains(&name.as_str()) => name,
        _ if data.is_empty() => format!("{name} UNKNOWN FLAG OPTION"),
        _ => {
            let hex: String = data.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{name} UNKNOWN OPTION: {hex} (len {})", data.len())
        }
    }
}

fn validity(after: u64, before: u64) -> String {
    match (after, before) {
        (0, u64::MAX) => "forever".into(),
        (0, before) => format!("before {}", date_and_time(before)),
        (after, u64::MAX) => format!("after {}", date_and_time(after)),
        (after, before) => format!("from {} to {}", date_and_time(after), date_and_time(before)),
    }
}

/// A second since 1970 in UTC as `2026-01-31T23:59:59`.
fn date_and_time(time: u64) -> String {
    let (days, second) = (time / 86_400, time % 86_400);
    // Years that begin in March, so that the day too many is the last one; 400 of them have 146097 days.
    let day = days + 719_468;
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}", year + era * 400, second % 60)
}

/// Certificates that we make: `ssh-keygen -L` verifies their signatures and shows what was asked for.
pub(super) fn ours(lab: &mut Lab<'_>) -> Result<(), Error> {
    let keys = lab.quick_keys();
    let mut file = String::new();
    for _ in 0..CERTIFICATES {
        let (authority, key) = (*lab.random.pick(&keys), *lab.random.pick(&keys));
        let certificate = certify(authority, key, &mut lab.random)?;
        file.push_str(&format!("{certificate} {}\n", lab.random.comment()));
    }
    compare_all(lab, file.as_bytes())
}

fn certify(authority: &Made, key: &Made, random: &mut Random) -> Result<Certificate, Error> {
    let kind = *random.pick(&[CertificateKind::User, CertificateKind::Host]);
    let mut request = CertificateRequest::new(kind, key.key.public(), random.comment().as_bytes());
    request.serial = serial(random);
    request.principals = (0..random.below(5)).map(|_| random.comment().into_bytes()).collect();
    if random.once_in(20) {
        request.principals = (0..256).map(|number: u32| format!("principal {number}").into_bytes()).collect();
    }
    request.valid_after = if random.once_in(3) { 0 } else { random.below(LAST) };
    request.valid_before = if random.once_in(3) { u64::MAX } else { random.below(LAST) };
    if random.once_in(2) {
        request.extensions = random.some(&request.extensions);
    }
    let mut names = BTreeSet::new();
    for _ in 0..random.below(5) {
        let name = random.text("abcxyz-@.", 10);
        let data: Vec<u8> = (0..random.below(40)).map(|_| random.number() as u8).collect();
        if names.insert(name.clone()) {
            let to = if random.once_in(2) { &mut request.extensions } else { &mut request.critical };
            to.push(CertificateOption::new(&name, &data));
        }
    }
    if random.once_in(2) {
        request.critical.push(CertificateOption::text("force-command", random.comment().as_bytes()));
        request.critical.push(CertificateOption::text("source-address", b"192.0.2.0/24,::1"));
    }
    let algorithms: Vec<&'static SignatureAlg> =
        authority.key.algorithms().filter(|row| !row.certificate).collect();
    let algorithm = *random.pick(&algorithms);
    must("a certificate", request.sign(&authority.key, algorithm, random))
}

/// How many damaged ones are tried.
const DAMAGED: u64 = 100;

/// Certificates that were changed in one place: nobody takes them any more, or both do.
pub(super) fn damaged(lab: &mut Lab<'_>) -> Result<(), Error> {
    let keys = lab.quick_keys();
    let mut file = String::new();
    for number in 0..DAMAGED {
        let (authority, key) = (*lab.random.pick(&keys), *lab.random.pick(&keys));
        let mut line = certify(authority, key, &mut lab.random)?.to_string().into_bytes();
        // The first one is whole.
        if number > 0 {
            let start = line.iter().position(|byte| *byte == b' ').unwrap_or_default() + 1;
            let place = if lab.random.once_in(10) {
                line.len() - 1
            } else {
                start + lab.random.index(line.len() - start)
            };
            line[place] = *lab.random.pick(b"AQgwz089+/=");
        }
        file.push_str(&String::from_utf8_lossy(&line));
        file.push('\n');
    }
    let path = lab.write("damaged", &file)?;
    let theirs = lab.keygen_does(&["-L", "-f", &path])?;
    let numbered = |line: &str| -> Option<usize> {
        let name = line.strip_prefix(&path)?.strip_suffix(':')?;
        if name.is_empty() { Some(1) } else { name.strip_prefix(':')?.parse().ok() }
    };
    let theirs: BTreeSet<usize> = theirs.lines().filter_map(numbered).collect();
    let stands = |line: &str| {
        let read = IdentityLine::parse(line.as_bytes()).ok();
        read.is_some_and(|read| {
            read.identity()
                .certificate()
                .is_some_and(|read| read.verify_authority(&authority_algorithms()).is_ok())
        })
    };
    for (number, line) in (1..).zip(file.lines()) {
        lab.same(line, &theirs.contains(&number), &stands(line))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{date_and_time, stamp};

    #[test]
    fn seconds_are_dates() {
        assert_eq!(date_and_time(0), "1970-01-01T00:00:00");
        assert_eq!(date_and_time(951_782_399), "2000-02-28T23:59:59");
        assert_eq!(date_and_time(951_782_400), "2000-02-29T00:00:00");
        assert_eq!(date_and_time(super::LAST), "9999-12-31T23:59:59");
        assert_eq!(stamp(1_000_000_000), "20010909014640Z");
    }
}

use std::borrow::Cow;

use text::place::Place;

use super::*;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOuBVA+OrztROrw2lmTOBlkBxk46ybxW6GAN6PXzzrUb";

fn parsed(text: &str) -> Result<Option<Entry<'_>>, LineFault<'_>> {
    line(text.as_bytes())
}

/// The options in front of a good key.
fn options(text: &str) -> Result<Options<'static>, String> {
    let line = format!("{text} {KEY} comment");
    match parsed(&line) {
        Ok(entry) => {
            let options = entry.unwrap().options;
            let command = options.command.as_ref().map(|command| Cow::Owned(command.to_vec()));
            let Options { from, expires, environment, open, listen, principals, tunnel, .. } =
                options.clone();
            let Options { cert_authority, touch_required, verify_required, .. } = options;
            let lists =
                Options { from, expires, environment, open, listen, principals, ..permissions_of(&options) };
            Ok(Options { command, tunnel, cert_authority, touch_required, verify_required, ..lists })
        }
        Err(fault) => Err(fault.to_string()),
    }
}

fn permissions_of(options: &Options<'_>) -> Options<'static> {
    Options {
        pty: options.pty,
        port_forwarding: options.port_forwarding,
        agent_forwarding: options.agent_forwarding,
        x11_forwarding: options.x11_forwarding,
        user_rc: options.user_rc,
        ..Options::default()
    }
}

fn command(text: &str) -> Option<String> {
    options(text).unwrap().command.map(|command| String::from_utf8(command.into_owned()).unwrap())
}

/// Of pty, ports, agent, X11, rc.
fn permissions(text: &str) -> [bool; 5] {
    let it = options(text).unwrap();
    [it.pty, it.port_forwarding, it.agent_forwarding, it.x11_forwarding, it.user_rc]
}

#[test]
fn a_key_without_options_may_do_everything() {
    for (text, comment) in [
        (KEY.to_owned(), ""),
        (format!(" \t{KEY} \tCarol's \"old\" key # 2 \t\r\n"), "Carol's \"old\" key # 2"),
        (KEY.replace(' ', " \t ") + "\tx\n", "x"),
        (format!("{KEY}\r\r\n"), ""),
    ] {
        let entry = parsed(&text).unwrap().unwrap();
        assert_eq!(entry.key.to_string(), KEY);
        assert_eq!(entry.comment, Human(comment.as_bytes()));
        assert_eq!(entry.options, Options::default());
    }
}

#[test]
fn blank_lines_and_comments_are_nothing() {
    for text in ["", "\n", " \t\r\n", "\r\n", "# x", " \t#\0\n"] {
        assert_eq!(parsed(text), Ok(None), "{text:?}");
    }
}

#[test]
fn each_permission_is_taken_and_given_alone_in_any_case() {
    let names = ["pty", "port-forwarding", "agent-forwarding", "X11-forwarding", "user-rc"];
    for (at, name) in names.into_iter().enumerate() {
        let mut only = [false; 5];
        only[at] = true;
        for name in [name.to_owned(), name.to_uppercase(), name.to_lowercase()] {
            assert_eq!(permissions(&format!("restrict,{name}")), only);
            assert_eq!(permissions(&format!("no-{name}")), only.map(|one| !one));
            assert_eq!(permissions(&format!("NO-{name}")), only.map(|one| !one));
            assert_eq!(permissions(&name), [true; 5]);
        }
    }
}

#[test]
fn the_later_option_wins() {
    assert!(!permissions("restrict,pty,no-pty")[0]);
    assert!(permissions("no-pty,pty")[0]);
    assert_eq!(permissions("pty,restrict"), [false; 5]);
    assert_eq!(command("command=\"x\",restrict").as_deref(), Some("x"));
}

#[test]
fn a_command_is_what_stands_between_its_quotes() {
    for (value, meant) in [
        ("", ""),
        ("echo a,b = c", "echo a,b = c"),
        (r#"echo \"a b\""#, r#"echo "a b""#),
        (r#"\""#, r#"""#),
        (r#"\"\""#, r#""""#),
        (r"a\b \n", r"a\b \n"),
        // A backslash is nothing to a backslash: the second one is the quote's.
        (r#"a\\"b"#, r#"a\"b"#),
        ("'x'", "'x'"),
        ("# x", "# x"),
        (KEY, KEY),
    ] {
        assert_eq!(command(&format!("command=\"{value}\"")).as_deref(), Some(meant));
        assert_eq!(command(&format!("no-pty,CoMManD=\"{value}\",pty")).as_deref(), Some(meant));
    }
    assert_eq!(command("no-pty"), None);
}

#[test]
fn a_command_need_not_be_text() {
    let text = [b"command=\"caf\xe9\" ", KEY.as_bytes()].concat();
    assert_eq!(line(&text).unwrap().unwrap().options.command.as_deref(), Some(&b"caf\xe9"[..]));
}

#[test]
fn bad_options_refuse_the_key_and_are_named() {
    for (text, said) in [
        ("unknown", "unknown option unknown"),
        ("no-pty,unknown=\"a b\"", "unknown option unknown"),
        ("no-ptyx", "unknown option no-ptyx"),
        ("no-no-pty", "unknown option no-no-pty"),
        ("no-restrict", "unknown option no-restrict"),
        ("no-command=\"x\"", "unknown option no-command"),
        ("no-cert-authority", "unknown option no-cert-authority"),
        ("no-", "unknown option no-"),
        ("\"no-pty\"", "unknown option \"no-pty\""),
        ("=\"x\"", "unknown option "),
        ("pty=", "option pty with a value"),
        ("no-user-rc=\"yes\"", "option user-rc with a value"),
        ("restrict=\"\"", "option restrict with a value"),
        ("command", "option command without a value in double quotes"),
        ("command=", "option command without a value in double quotes"),
        ("command=x", "option command without a value in double quotes"),
        ("command='x'", "option command without a value in double quotes"),
        ("command=\"x\"y", "option command without a value in double quotes"),
        ("command=\"x\"\"y\"", "option command without a value in double quotes"),
        ("command=\"x\",COMMAND=\"x\"", "option command: stands there twice"),
        ("command=\"x", "quote in the options is not closed"),
        (r#"command="x\""#, "quote in the options is not closed"),
        ("no-pty \"", "key is not base64"),
        ("command=\"x\" no-pty", "key is not base64"),
    ] {
        assert_eq!(options(text).unwrap_err(), said, "{text}");
    }
}

fn place(host: Option<&str>, port: Option<u16>) -> Place {
    Place { host: host.map(Into::into), port }
}

#[test]
fn places_may_be_given_several_times() {
    let it = options(
        "permitopen=\"a:1\",permitlisten=\"8080\",PermitOpen=\"[::1]:*\",permitlisten=\"localhost:*\"",
    );
    let it = it.unwrap();
    assert_eq!(it.open, [place(Some("a"), Some(1)), place(Some("::1"), None)]);
    assert_eq!(it.listen, [place(None, Some(8080)), place(Some("localhost"), None)]);
    assert!(it.port_forwarding, "which takes nothing else");
    let it = options("permitopen=\"a:1\",restrict").unwrap();
    assert_eq!((it.open.len(), it.port_forwarding), (1, false));
}

#[test]
fn the_first_value_of_a_variable_stays() {
    let it =
        options("environment=\"A=1\",environment=\"B=\",environment=\"A=2\",environment=\"1_c=x=\\\"y\\\"\"");
    let pairs = [("A", "1"), ("B", ""), ("1_c", "x=\"y\"")];
    assert_eq!(it.unwrap().environment, pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn every_date_counts() {
    let it = options("expiry-time=\"20400101Z\",restrict,expiry-time=\"204001011200\"").unwrap();
    let dates: Vec<String> = it.expires.iter().map(ToString::to_string).collect();
    assert_eq!(dates, ["2040-01-01T00:00:00Z", "2040-01-01T12:00:00"]);
}

#[test]
fn peers_are_a_list_and_a_text_for_the_log() {
    let peers = options("from=\"!192.0.2.7,192.0.2.0/24\",restrict").unwrap().from.unwrap();
    assert_eq!(peers.text, "!192.0.2.7,192.0.2.0/24");
    let matches = |address: &str| peers.list.matches(Some(address.parse().unwrap())).is_yes();
    assert!(matches("192.0.2.8") && !matches("192.0.2.7") && !matches("192.0.3.1"));
    assert!(!options("from=\"*\"").unwrap().from.unwrap().list.matches(None).is_yes());
}

#[test]
fn values_that_are_none_refuse_the_key_and_are_named() {
    let date = "expected a date as YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, with or without Z or UTC";
    for (text, said) in [
        ("from=\"127.0.0.1/8\"", "option from: bits are set after the prefix, expected 127.0.0.0/8"),
        ("from=\"\"", "option from: empty, expected an address, a network or a pattern"),
        ("from=\"a\",From=\"b\"", "option from: stands there twice"),
        ("from", "option from without a value in double quotes"),
        ("no-from=\"a\"", "unknown option no-from"),
        ("expiry-time=\"x\"", &format!("option expiry-time: {date}")),
        ("expiry-time=\"20301301\"", &format!("option expiry-time: {date}")),
        ("expiry-time=\"\"", &format!("option expiry-time: {date}")),
        ("environment=\"A\"", "option environment: invalid environment string"),
        ("environment=\"=x\"", "option environment: invalid environment string"),
        ("environment=\"a-b=x\"", "option environment: invalid environment string"),
        ("environment=\"\"", "option environment: invalid environment string"),
        ("permitopen=\"a\"", "option permitopen: invalid permission port"),
        ("permitopen=\"80\"", "option permitopen: invalid permission port"),
        ("permitopen=\"any\"", "option permitopen: invalid permission port"),
        ("permitopen=\"a:1\",permitopen=\"b:0\"", "option permitopen: invalid permission port"),
        ("permitopen=\"[::1:1\"", "option permitopen: invalid permission hostname"),
        ("permitlisten=\"0\"", "option permitlisten: invalid permission port"),
        ("permitlisten=\"none\"", "option permitlisten: invalid permission port"),
        ("permitlisten=80", "option permitlisten without a value in double quotes"),
        ("tunnel=\"x\"", "option tunnel: invalid tun device"),
        ("tunnel=\"2147483646\"", "option tunnel: invalid tun device"),
        ("tunnel=\"++1\"", "option tunnel: invalid tun device"),
        ("tunnel", "option tunnel without a value in double quotes"),
        ("principals=\"a\",principals=\"b\"", "option principals: stands there twice"),
        ("principals", "option principals without a value in double quotes"),
        ("cert-authority=\"\"", "option cert-authority with a value"),
        ("touch-required=\"\"", "option touch-required with a value"),
    ] {
        assert_eq!(options(text).unwrap_err(), said, "{text}");
    }
    let text = [b"environment=\"A=\xe9\" ", KEY.as_bytes()].concat();
    let fault = LineFault::BadValue { option: "environment", fault: ValueFault::NotText };
    assert_eq!(line(&text), Err(fault));
}

#[test]
fn an_authority_may_say_which_names_it_lets_in() {
    let it = options("Cert-Authority,PRINCIPALS=\"alice,bob,,eve\"").unwrap();
    assert_eq!((it.cert_authority, it.principals), (true, Some(vec!["alice".into(), "bob".into()])));
    assert_eq!(options("restrict").unwrap().principals, None);
    assert!(!options("restrict").unwrap().cert_authority);
    assert_eq!(options("principals=\"\"").unwrap().principals, Some(Vec::new()), "which is nobody");
}

#[test]
fn a_line_sets_only_so_many_variables() {
    let line = |count: usize| vec!["environment=\"A=b\""; count].join(",");
    assert_eq!(options(&line(1024)).unwrap().environment, [("A".into(), "b".into())]);
    let error = options(&line(1025)).unwrap_err();
    assert_eq!(error, "option environment: too many environment strings");
}

#[test]
fn what_a_security_key_must_say_is_no_permission() {
    let demands = |text: &str| options(text).map(|it| (it.touch_required, it.verify_required));
    for (text, touch, verify) in [
        ("no-pty", true, false),
        ("restrict", true, false),
        ("no-touch-required", false, false),
        ("No-Touch-Required,restrict", false, false),
        ("no-touch-required,touch-required", true, false),
        ("touch-required,no-touch-required", false, false),
        ("verify-required", true, true),
        ("restrict,VERIFY-required", true, true),
        ("verify-required,no-verify-required", true, false),
    ] {
        assert_eq!(demands(text), Ok((touch, verify)), "{text}");
    }
}

#[test]
fn a_tunnel_is_any_or_a_number() {
    let tunnel = |text: &str| options(text).unwrap().tunnel;
    assert_eq!(tunnel("tunnel=\"aNy\""), Some(Tunnel::Any));
    assert_eq!(tunnel("tunnel=\"1\",restrict,Tunnel=\"2\""), Some(Tunnel::Number(2)));
    assert_eq!(tunnel("tunnel=\"2147483645\""), Some(Tunnel::Number(2_147_483_645)));
    assert_eq!(tunnel("no-pty"), None);
}

#[test]
fn what_is_no_key_is_named() {
    let (_, base64) = KEY.split_once(' ').unwrap();
    let no_key = LineFault::BadKey(LineError::NoKey);
    for (text, fault) in [
        ("ssh-ed25519".to_owned(), no_key),
        (base64.to_owned(), no_key),
        ("no-pty".into(), no_key),
        ("no-pty ssh-ed25519 \t".into(), no_key),
        (format!("ssh-ed25519 {base64}="), LineFault::BadKey(LineError::BadBase64)),
        (format!("no-pty ssh-ed25519 {base64}="), LineFault::BadKey(LineError::BadBase64)),
        (format!("ssh-rsa {base64}"), LineFault::BadKey(LineError::TypeMismatch)),
        (format!("SSH-ED25519 {base64}"), LineFault::BadKey(LineError::TypeMismatch)),
        (format!("no-pty ssh-rsa {base64}"), LineFault::BadKey(LineError::TypeMismatch)),
        (format!("{KEY}\0"), LineFault::Nul),
    ] {
        assert_eq!(parsed(&text), Err(fault), "{text}");
    }
    assert!(matches!(
        parsed(&format!("ssh-ed25519 {base64}AAAA")),
        Err(LineFault::BadKey(LineError::Key(KeyError::Malformed(_))))
    ));
}

#[test]
fn keys_of_other_types_are_told_from_options() {
    // Type and blob "ssh-x", with a field behind it.
    let other = "ssh-x AAAABXNzaC14AAAAAQA=";
    for text in [other.to_owned(), format!("{other} comment"), format!("no-pty,tunnel=\"1\" {other}")] {
        assert_eq!(parsed(&text), Err(LineFault::UnknownType { key_type: Human(b"ssh-x") }));
    }
}

#[test]
fn a_line_is_bounded_and_so_is_what_faults_show() {
    let room = MAX_LINE - KEY.len() - 1;
    let text = format!("{KEY} {}", "x".repeat(room));
    assert_eq!(parsed(&format!("{text}\n")).unwrap().unwrap().comment.0.len(), room);
    assert_eq!(parsed(&format!("{text}x\n")), Err(LineFault::TooLong));
    let name = "x".repeat(1000);
    assert_eq!(options(&name).unwrap_err(), format!("unknown option {}", "x".repeat(MAX_SHOWN)));
}

#[test]
fn lines_are_numbered_and_the_last_needs_no_end() {
    let file = format!("# one\n\nbad\n{KEY} four\n\0\n{KEY} six");
    let told: Vec<_> = lines(file.as_bytes())
        .map(|(number, line)| (number, line.map(|entry| entry.map(|entry| entry.comment.to_string())).ok()))
        .collect();
    let entry = |comment: &str| Some(Some(comment.to_owned()));
    assert_eq!(
        told,
        [(1, Some(None)), (2, Some(None)), (3, None), (4, entry("four")), (5, None), (6, entry("six"))]
    );
    assert_eq!(lines(b"").count(), 0);
    assert_eq!(lines(b"\n").count(), 1);
}

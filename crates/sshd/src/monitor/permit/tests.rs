use config::ConnInfo;
use keyfiles::authorized_keys::lines;

use super::*;
use crate::monitor::testing::config;

/// What a configuration of these lines and a key with these options permit.
fn both(configuration: &str, options: &str) -> Permit {
    let key = keys::PrivateKey::from_seed(&[1; 32]).public();
    let line = format!("{options} {key}");
    let Some((1, Ok(Some(entry)))) = lines(line.as_bytes()).next() else { panic!("{options}") };
    permit(&config(configuration).unwrap().effective(&ConnInfo::default()), &Grant::of(entry.options))
}

const BOTH: Directions = Directions { local: true, remote: true };
const NEITHER: Directions = Directions { local: false, remote: false };

fn place(host: Option<&str>, port: Option<u16>) -> Place {
    Place { host: host.map(Into::into), port }
}

#[test]
fn without_a_line_or_an_option_it_is_openssh_s_default() {
    let permit = both("", "");
    assert_eq!(
        permit,
        Permit {
            sessions: 10,
            pty: true,
            user_rc: true,
            tcp: BOTH,
            streamlocal: BOTH,
            streamlocal_mask: 0o177,
            agent: true,
            ..Permit::default()
        }
    );
}

#[test]
fn a_password_permits_what_a_key_without_options_does() {
    let effective =
        config("X11Forwarding yes\nPermitUserEnvironment yes\n").unwrap().effective(&ConnInfo::default());
    assert_eq!(
        permit(&effective, &Grant::everything()),
        both("X11Forwarding yes\nPermitUserEnvironment yes\n", "")
    );
}

#[test]
fn restrict_leaves_nothing_but_sessions_and_what_is_given_back() {
    let permit = both("X11Forwarding yes\n", "restrict");
    let expected = Permit { sessions: 10, streamlocal_mask: 0o177, ..Permit::default() };
    assert_eq!(permit, expected);
    assert!(both("", "restrict,pty").pty && !both("PermitTTY no\n", "restrict,pty").pty);
    assert!(both("", "restrict,agent-forwarding").agent);
    assert_eq!(both("", "restrict,port-forwarding").tcp, BOTH);
    assert!(both("", "restrict,user-rc").user_rc);
    assert!(both("X11Forwarding yes\n", "restrict,X11-forwarding").x11.is_some());
}

#[test]
fn directions_are_those_of_the_configuration_and_of_a_key_that_has_ports() {
    let (local, remote) =
        (Directions { local: true, remote: false }, Directions { local: false, remote: true });
    for (word, expected) in
        [("yes", BOTH), ("all", BOTH), ("no", NEITHER), ("local", local), ("remote", remote)]
    {
        let (tcp, unix) =
            (format!("AllowTcpForwarding {word}\n"), format!("AllowStreamLocalForwarding {word}\n"));
        let of_tcp = both(&tcp, "");
        assert_eq!((of_tcp.tcp, of_tcp.streamlocal), (expected, expected), "sockets go no further");
        assert_eq!((both(&unix, "").streamlocal, both(&unix, "").tcp), (expected, BOTH));
        let without = both(&format!("{tcp}{unix}"), "no-port-forwarding");
        assert_eq!((without.tcp, without.streamlocal), (NEITHER, NEITHER));
    }
    let crossed = both("AllowTcpForwarding local\nAllowStreamLocalForwarding remote\n", "");
    assert_eq!((crossed.tcp, crossed.streamlocal), (local, NEITHER));
}

#[test]
fn places_take_no_direction_from_unix_sockets_and_reach_the_session_which_asks_them_for_each_path() {
    for (configuration, options, lists) in [
        ("PermitOpen any\n", "", 0),
        ("PermitOpen none\n", "", 1),
        ("PermitOpen *:1\n", "permitopen=\"a:1\"", 2),
    ] {
        let permit = both(configuration, options);
        assert_eq!((permit.streamlocal, permit.open.len()), (BOTH, lists), "{configuration}");
    }
    assert_eq!(both("PermitListen none\n", "permitlisten=\"8080\"").streamlocal, BOTH);
}

#[test]
fn disable_forwarding_goes_before_everything_that_allows_it() {
    let open = "AllowTcpForwarding yes\nAllowStreamLocalForwarding yes\nAllowAgentForwarding yes\nX11Forwarding yes\n";
    let permit = both(open, "port-forwarding,agent-forwarding,X11-forwarding");
    assert!(permit.tcp == BOTH && permit.streamlocal == BOTH && permit.agent && permit.x11.is_some());
    let permit =
        both(&format!("{open}DisableForwarding yes\n"), "port-forwarding,agent-forwarding,X11-forwarding");
    assert!(permit.tcp == NEITHER && permit.streamlocal == NEITHER && !permit.agent && permit.x11.is_none());
    assert!(permit.pty && permit.user_rc, "nothing else");
}

#[test]
fn the_agent_needs_both() {
    let agent = |configuration, options| both(configuration, options).agent;
    assert!(agent("", "") && agent("AllowAgentForwarding yes\n", "restrict,agent-forwarding"));
    assert!(!agent("AllowAgentForwarding no\n", "agent-forwarding"));
    assert!(!agent("AllowAgentForwarding yes\n", "no-agent-forwarding"));
}

#[test]
fn displays_need_both_and_are_as_the_configuration_says() {
    assert_eq!(both("", "X11-forwarding").x11, None);
    assert_eq!(both("X11Forwarding yes\n", "no-X11-forwarding").x11, None);
    let displays = |lines: &str| both(&format!("X11Forwarding yes\n{lines}"), "").x11.unwrap();
    let default = Displays { offset: 10, localhost: true, xauth: "/usr/bin/xauth".into() };
    assert_eq!(displays(""), default);
    let lines = "X11DisplayOffset 50\nX11UseLocalhost no\nXAuthLocation /opt/xauth\n";
    assert_eq!(displays(lines), Displays { offset: 50, localhost: false, xauth: "/opt/xauth".into() });
    assert_eq!(displays("XAuthLocation none\n").xauth, "");
}

#[test]
fn places_of_both_apply() {
    let (a, b) = (vec![place(Some("a"), Some(1))], vec![place(Some("::1"), None)]);
    assert_eq!(both("", "").open, [[]; 0]);
    assert_eq!(both("PermitOpen any\nPermitListen any\n", "").open, [[]; 0]);
    assert_eq!(both("PermitOpen a:1\n", "").open, vec![a.clone()]);
    assert_eq!(both("", "permitopen=\"[::1]:*\"").open, vec![b.clone()]);
    assert_eq!(both("PermitOpen a:1\n", "permitopen=\"[::1]:*\"").open, [a, b]);
    let nowhere: [Vec<Place>; 1] = [Vec::new()];
    assert_eq!(both("PermitOpen none\n", "").open, nowhere, "which no place is in");
    let permit = both("PermitListen none\n", "permitlisten=\"8080\",permitlisten=\"localhost:1\"");
    let of_key = vec![place(None, Some(8080)), place(Some("localhost"), Some(1))];
    assert_eq!((permit.listen, permit.open), (vec![Vec::new(), of_key], Vec::new()));
}

#[test]
fn sockets_and_ports_that_are_listened_at_are_as_the_configuration_says() {
    let permit = both("StreamLocalBindMask 0\nStreamLocalBindUnlink yes\nGatewayPorts yes\n", "");
    assert_eq!((permit.streamlocal_mask, permit.streamlocal_unlink), (0, true));
    assert_eq!(permit.gateway_ports, GatewayPorts::Yes);
    assert_eq!(both("GatewayPorts clientspecified\n", "").gateway_ports, GatewayPorts::ClientSpecified);
    assert_eq!(both("", "").gateway_ports, GatewayPorts::No);
}

#[test]
fn users_variables_are_as_permit_user_environment_says() {
    let options = "environment=\"LANG=a\",environment=\"LD_PRELOAD=b\",environment=\"LANG=c\"";
    let of = |configuration| {
        let permit = both(configuration, options);
        (
            permit.key_env.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>(),
            permit.user_env,
        )
    };
    assert_eq!(of(""), (vec![], vec![]));
    assert_eq!(of("PermitUserEnvironment no\n"), (vec![], vec![]));
    let all = (vec!["LANG=a".into(), "LD_PRELOAD=b".into()], vec!["*".into()]);
    assert_eq!(of("PermitUserEnvironment yes\n"), all);
    let some = (vec!["LANG=a".into()], vec!["*".into(), "!LD_*".into()]);
    assert_eq!(of("PermitUserEnvironment *,!LD_*\n"), some);
}

#[test]
fn the_user_s_own_script_needs_both() {
    let user_rc = |configuration, options| both(configuration, options).user_rc;
    assert!(user_rc("", "") && user_rc("PermitUserRC yes\n", "user-rc"));
    assert!(!user_rc("PermitUserRC no\n", "user-rc") && !user_rc("", "no-user-rc"));
}

#[test]
fn the_user_s_own_script_does_not_get_around_the_configuration_s_command() {
    let user_rc = |configuration, options| both(configuration, options).user_rc;
    assert!(!user_rc("ForceCommand line\n", "") && !user_rc("ForceCommand line\n", "restrict,user-rc"));
    assert!(user_rc("ForceCommand none\n", "") && user_rc("", "command=\"key\""));
}

#[test]
fn the_configuration_s_command_goes_before_the_key_s() {
    let forced = |configuration, options| both(configuration, options).forced;
    assert_eq!(forced("", ""), None);
    let of_key = Forced { command: b"key".into(), by_key: true };
    assert_eq!(forced("", "command=\"key\",restrict"), Some(of_key));
    let configured = Forced { command: b"line".into(), by_key: false };
    assert_eq!(forced("ForceCommand line\n", "command=\"key\""), Some(configured.clone()));
    assert_eq!(forced("ForceCommand line\n", ""), Some(configured));
}

/// What the options of a line give.
fn of_line(options: &str) -> Grant {
    let line = format!("{options} {}", keys::PrivateKey::from_seed(&[1; 32]).public());
    let Some((1, Ok(Some(entry)))) = lines(line.as_bytes()).next() else { panic!("{options}") };
    Grant::of(entry.options)
}

#[test]
fn of_two_grants_only_what_both_give_is_left() {
    let both = |one: &str, other: &str| of_line(one).and(of_line(other));
    for name in ["pty", "port-forwarding", "agent-forwarding", "X11-forwarding", "user-rc"] {
        assert_eq!(both(&format!("no-{name}"), ""), Ok(of_line(&format!("no-{name}"))));
        assert_eq!(both("", &format!("no-{name}")), Ok(of_line(&format!("no-{name}"))));
        assert_eq!(both(&format!("restrict,{name}"), &format!("no-{name}")), Ok(of_line("restrict")));
    }
    assert_eq!(both("no-touch-required", "no-touch-required"), Ok(of_line("no-touch-required")));
    assert_eq!(both("no-touch-required", ""), Ok(of_line("")));
    assert_eq!(both("verify-required", "no-verify-required"), Ok(of_line("verify-required")));
    assert_eq!(both("command=\"x\"", "no-pty"), Ok(of_line("command=\"x\",no-pty")));
    assert_eq!(both("", "command=\"x\""), both("command=\"x\"", "command=\"x\""));
    assert_eq!(both("command=\"x\"", "command=\"\""), Err(OtherCommand));
}

#[test]
fn places_of_two_grants_are_lists_each_of_which_has_to_have_one() {
    let grant =
        of_line("permitopen=\"a:1\"").and(of_line("permitopen=\"b:2\",permitlisten=\"8080\"")).unwrap();
    let permit = permit(&config("PermitOpen c:3\n").unwrap().effective(&ConnInfo::default()), &grant);
    let list = |host, port| vec![place(Some(host), Some(port))];
    assert_eq!(permit.open, [list("c", 3), list("a", 1), list("b", 2)]);
    assert_eq!(permit.listen, [vec![place(None, Some(8080))]]);
}

#[test]
fn a_grant_is_named_in_openssh_s_words() {
    for (options, words) in [
        ("", " agent-forwarding port-forwarding pty user-rc x11-forwarding"),
        ("restrict", ""),
        (
            "restrict,command=\"x\",environment=\"A=1\",no-touch-required,verify-required",
            " command environment no-touch-required uv",
        ),
        ("permitopen=\"a:1\",permitlisten=\"1\",restrict,pty", " permitlisten permitopen pty"),
    ] {
        assert_eq!(of_line(options).to_string(), words, "{options}");
    }
}

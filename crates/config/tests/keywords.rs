//! Every keyword: its default, good values, limits and bad values. What OpenSSH says of most of them is in `recorded.rs`; here
//! are the typed values and what is ours.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use std::{net::IpAddr, path::PathBuf, time::Duration};

use common::{ENVIRONMENT, Memory, PATH, effective, read, refused};
use nacre_config::{
    CommandLine, Config, Effective,
    algorithms::AlgorithmList,
    keyword::{self, KEYWORDS, Repeated, Status},
    limits::{MAX_HOST_KEYS, MAX_PORTS, MAX_VERSION_ADDENDUM},
    listen::{AddressFamily, ListenAddress, ListenHost},
    value::{
        HostKeyAgent, LogLevel, MaxStartups, PermitRootLogin, Places, PubkeyAuthOptions, QualityOfService,
        RekeyLimit,
    },
};
use text::place::Place;

/// A good line for each keyword of the table: its text, and what is dumped.
const GOOD: &[(&str, &str)] = &[
    ("port 2222", "Port 2222"),
    ("AddressFamily inet6", "AddressFamily inet6"),
    ("ListenAddress 192.0.2.1", "ListenAddress 192.0.2.1:22"),
    ("LoginGraceTime 3m", "LoginGraceTime 180"),
    ("X11DisplayOffset 0", "X11DisplayOffset 0"),
    ("MaxAuthTries 3", "MaxAuthTries 3"),
    ("MaxSessions 0", "MaxSessions 0"),
    ("ClientAliveInterval 1h", "ClientAliveInterval 3600"),
    ("ClientAliveCountMax 0", "ClientAliveCountMax 0"),
    ("RequiredRSASize 3072", "RequiredRSASize 3072"),
    ("StreamLocalBindMask 77", "StreamLocalBindMask 077"),
    ("UnusedConnectionTimeout 2m", "UnusedConnectionTimeout 120"),
    ("PermitRootLogin forced-commands-only", "PermitRootLogin forced-commands-only"),
    ("DSAAuthentication no", "PubkeyAuthentication no"),
    ("X11Forwarding yes", "X11Forwarding yes"),
    ("X11UseLocalhost no", "X11UseLocalhost no"),
    ("PermitTTY no", "PermitTTY no"),
    ("PermitUserRC no", "PermitUserRC no"),
    ("StrictModes no", "StrictModes no"),
    ("KeepAlive false", "TCPKeepAlive no"),
    ("Compression no", "Compression no"),
    ("GatewayPorts clientspecified", "GatewayPorts clientspecified"),
    ("AllowTcpForwarding local", "AllowTcpForwarding local"),
    ("AllowAgentForwarding no", "AllowAgentForwarding no"),
    ("DisableForwarding yes", "DisableForwarding yes"),
    ("AllowStreamLocalForwarding remote", "AllowStreamLocalForwarding remote"),
    ("StreamLocalBindUnlink yes", "StreamLocalBindUnlink yes"),
    ("PidFile none", "PidFile none"),
    ("ModuliFile '/m f'", "ModuliFile \"/m f\""),
    ("XAuthLocation '/a b'", "XAuthLocation \"/a b\""),
    ("Ciphers aes128-ctr", "Ciphers aes128-ctr"),
    ("MACs hmac-sha2-512", "Macs hmac-sha2-512"),
    ("Banner '/etc/a b'", "Banner \"/etc/a b\""),
    ("ForceCommand echo \"a  b\" # c", "ForceCommand echo \"a  b\" # c"),
    ("ChrootDirectory '/jail of/%u'", "ChrootDirectory \"/jail of/%u\""),
    ("TrustedUserCAKeys '/c a'", "TrustedUserCAKeys \"/c a\""),
    ("AuthorizedPrincipalsFile %h/'p q'", "AuthorizedPrincipalsFile \"%h/p q\""),
    ("VersionAddendum a  b", "VersionAddendum a  b"),
    ("AuthorizedKeysCommand /x  '%u' # c", "AuthorizedKeysCommand /x  '%u' # c"),
    ("AuthorizedKeysCommandUser 'a b'", "AuthorizedKeysCommandUser \"a b\""),
    ("AuthorizedPrincipalsCommand /x", "AuthorizedPrincipalsCommand /x"),
    ("AuthorizedPrincipalsCommandUser %u", "AuthorizedPrincipalsCommandUser %u"),
    ("HostKeyAgent SSH_AUTH_SOCK", "HostKeyAgent SSH_AUTH_SOCK"),
    ("KexAlgorithms curve25519-sha256", "KexAlgorithms curve25519-sha256"),
    ("CASignatureAlgorithms -rsa*,ecdsa*", "CASignatureAlgorithms ssh-ed25519,sk-ssh"),
    ("HostKeyAlgorithms ssh-ed25519", "HostKeyAlgorithms ssh-ed25519"),
    ("PubkeyAcceptedKeyTypes rsa-sha2-*,ssh-ed25519", "PubkeyAcceptedAlgorithms rsa-sha2-256,"),
    ("LogLevel debug", "LogLevel DEBUG"),
    ("AuthorizedKeysFile '/a b' %h/c", "AuthorizedKeysFile \"/a b\" %h/c"),
    ("RevokedKeys '/r s' /t", "RevokedKeys \"/r s\" /t"),
    ("HostDSAKey /k", "HostKey /k"),
    ("HostCertificate '/k c'", "HostCertificate \"/k c\""),
    ("AcceptEnv LANG LC_*", "AcceptEnv LANG\nAcceptEnv LC_*"),
    ("SetEnv A=1 'B=x y' A=2", "SetEnv A=1 \"B=x y\""),
    ("Subsystem sftp /x -a 'b  c' # d", "Subsystem sftp /x -a 'b  c'"),
    ("ChannelTimeout session=1m x11-connection=0", "ChannelTimeout session=1m x11-connection=0"),
    ("MaxStartups 5", "MaxStartups 5:30:5"),
    ("IPQoS af21 3", "IPQoS af21 0x03"),
    ("RekeyLimit 1K 1m", "RekeyLimit 1024 60"),
    ("PermitOpen [::1]:80 'a b:*'", "PermitOpen [::1]:80 \"a b:*\""),
    ("PermitListen 8080 localhost:*", "PermitListen *:8080 localhost:*"),
    ("PermitUserEnvironment A*,!AB", "PermitUserEnvironment A*,!AB"),
    ("PubkeyAuthOptions verify-required", "PubkeyAuthOptions verify-required"),
];

#[test]
fn every_keyword_with_an_effect_takes_a_value_and_dumps_it() {
    let effective_ones = KEYWORDS.iter().filter(|keyword| keyword.status == Status::Effective);
    for (keyword, (line, dumped)) in effective_ones.clone().zip(GOOD) {
        let first = line.split(' ').next().unwrap();
        assert_eq!(keyword::find(first).unwrap().name, keyword.name, "GOOD is in the table's order");
        let dump = effective(line).dump();
        assert!(dump.contains(&format!("\n{dumped}")) || dump.starts_with(dumped), "{line}:\n{dump}");
        let default = effective("").dump();
        let changed = dumped.lines().any(|line| !default.contains(&format!("{line}\n")));
        assert!(changed, "{line} is the default");
    }
    assert_eq!(effective_ones.count(), GOOD.len());
}

#[test]
fn the_first_value_wins_unless_the_keyword_is_a_list() {
    let effective_ones = KEYWORDS.iter().filter(|keyword| keyword.status == Status::Effective);
    for (keyword, (first, _)) in effective_ones.zip(GOOD) {
        // A second value that is not the first: the default, where there is one.
        let default = effective("").dump();
        let second = default.lines().find(|line| line.split(' ').next() == Some(keyword.name));
        let second = second.unwrap_or_else(|| match keyword.name {
            "AcceptEnv" => "AcceptEnv X",
            "SetEnv" => "SetEnv X=1",
            "Subsystem" => "Subsystem x /x",
            "RevokedKeys" => "RevokedKeys none",
            "HostCertificate" => "HostCertificate /x",
            name => panic!("no second value for {name}"),
        });
        let both = effective(&format!("{first}\n{second}\n"));
        match keyword.repeated {
            Repeated::First => assert_eq!(both, effective(first), "{}", keyword.name),
            Repeated::Append => {
                assert_ne!(both, effective(first), "{}", keyword.name);
                assert_ne!(both, effective(second), "{}", keyword.name);
            }
        }
    }
}

#[test]
fn keywords_for_the_whole_server_are_refused_in_a_block_and_the_others_count_there() {
    for (line, _) in GOOD {
        let keyword = keyword::find(line.split(' ').next().unwrap()).unwrap();
        let main = format!("Match all\n{line}\n");
        match keyword.place {
            keyword::Place::Match => assert_eq!(effective(&main), effective(line), "{line}"),
            keyword::Place::Global => {
                let written = line.split(' ').next().unwrap();
                let expected =
                    format!("{PATH} line 2: Directive '{written}' is not allowed within a Match block");
                assert_eq!(refused(&main), expected);
            }
        }
    }
}

#[test]
fn defaults_are_typed() {
    let Effective { port, address_family, login_grace_time, permit_root_login, rekey_limit, .. } =
        effective("");
    assert_eq!(port.0, [22]);
    assert_eq!(address_family, AddressFamily::Any);
    assert_eq!(login_grace_time, Some(Duration::from_secs(120)));
    assert_eq!(permit_root_login, PermitRootLogin::ProhibitPassword);
    assert_eq!(rekey_limit, RekeyLimit { bytes: None, time: None });
    let Effective { max_startups, log_level, host_key, pid_file, banner, client_alive_interval, .. } =
        effective("");
    assert_eq!(max_startups, MaxStartups { start: 10, rate: 30, full: 100 });
    assert_eq!(log_level, LogLevel::Info);
    assert!(!host_key.configured && host_key.files.contains(&"/etc/ssh/ssh_host_ed25519_key".into()));
    assert_eq!((pid_file, banner), (Some("/var/run/sshd.pid".into()), None));
    assert_eq!(client_alive_interval, None);
}

#[test]
fn zero_is_no_time_limit_and_no_byte_limit() {
    assert_eq!(effective("LoginGraceTime 0").login_grace_time, None);
    assert_eq!(effective("RekeyLimit 0 0").rekey_limit, RekeyLimit { bytes: None, time: None });
    let limit = RekeyLimit { bytes: Some(16), time: Some(Duration::from_secs(3_600)) };
    assert_eq!(effective("RekeyLimit 16 1h").rekey_limit, limit);
}

#[test]
fn listen_addresses_get_every_port_in_order() {
    let at = |address: &str, port| ListenAddress {
        host: ListenHost::Address(address.parse::<IpAddr>().unwrap()),
        port,
    };
    let main = "Port 7\nListenAddress ::1\nPort 8\nListenAddress 192.0.2.1:9\nListenAddress host.example:10";
    let named = ListenAddress { host: ListenHost::Name("host.example".into()), port: 10 };
    assert_eq!(effective(main).listen_address.0, [at("::1", 7), at("::1", 8), at("192.0.2.1", 9), named]);
    let all = [at("::", 7), at("0.0.0.0", 7), at("::", 8), at("0.0.0.0", 8)];
    assert_eq!(effective("Port 7\nPort 8").listen_address.0, all);
    for bad in ["[::1", "[::1]x", ":22", "a]b", "[a[b]:1", "\"a b\"", &"x".repeat(256)] {
        let error = refused(&format!("ListenAddress {bad}"));
        assert_eq!(error, format!("{PATH} line 1: bad ListenAddress syntax"), "{bad}");
    }
}

#[test]
fn lists_for_the_whole_server_have_limits() {
    assert_eq!(effective(&"Port 1\n".repeat(MAX_PORTS)).port.0.len(), MAX_PORTS);
    let error = refused(&"Port 1\n".repeat(MAX_PORTS + 1));
    assert_eq!(error, format!("{PATH} line 257: too many Port entries, expected at most 256"));
    assert!(refused(&"ListenAddress ::1\n".repeat(MAX_PORTS + 1)).contains("too many ListenAddress entries"));
    let error = refused(&"HostKey /k\n".repeat(MAX_HOST_KEYS + 1));
    assert_eq!(error, format!("{PATH} line 257: too many HostKey entries, expected at most 256"));
    let error = refused(&"HostCertificate /k\n".repeat(MAX_HOST_KEYS + 1));
    assert_eq!(error, format!("{PATH} line 257: too many HostCertificate entries, expected at most 256"));
}

#[test]
fn the_version_addendum_leaves_room_in_the_identification_line() {
    let line = |length| format!("VersionAddendum {}", "x".repeat(length));
    assert!(effective(&line(MAX_VERSION_ADDENDUM)).version_addendum.is_some());
    let error = refused(&line(MAX_VERSION_ADDENDUM + 1));
    assert_eq!(error, format!("{PATH} line 1: VersionAddendum is too long, expected at most 200 bytes"));
}

#[test]
fn paths_become_absolute() {
    let with = |directory, home, main: &str| {
        let environment = nacre_config::Environment { directory, home, ..ENVIRONMENT };
        Config::parse(&Memory::with(main), PATH, &CommandLine::default(), &environment)
    };
    let banner = |main| with("/srv/x/", Some("/home/a"), main).unwrap().global().banner.clone();
    assert_eq!(banner("Banner b"), Some(PathBuf::from("/srv/x/b")));
    assert_eq!(banner("Banner ~/b"), Some(PathBuf::from("/home/a/b")));
    assert_eq!(banner("Banner None"), None);
    for (home, main) in [(None, "Banner ~/b"), (Some("/home/a"), "AuthorizedKeysFile ~bob/k")] {
        let error = with("/", home, main).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{PATH} line 1: no home directory for \"~")), "{error}");
    }
}

#[test]
fn an_agent_for_host_keys_is_one_of_a_path_or_of_the_environment() {
    let agent = |line| effective(line).host_key_agent;
    assert_eq!(agent(""), HostKeyAgent::None);
    assert_eq!(agent("HostKeyAgent none"), HostKeyAgent::None);
    assert_eq!(agent("HostKeyAgent /a"), HostKeyAgent::Path("/a".into()));
    assert_eq!(agent("HostKeyAgent SSH_AUTH_SOCK\nHostKeyAgent /a"), HostKeyAgent::Environment);
    assert!(effective("HostKeyAgent '/a b'").dump().contains("\nHostKeyAgent \"/a b\"\n"));
}

#[test]
fn no_host_key_at_all_can_be_configured() {
    let config = effective("HostKey none");
    assert!(config.host_key.configured && config.host_key.files.is_empty());
    assert!(config.dump().contains("\nHostKey none\n"));
    let config = effective("HostKey /a\nHostKey none\nHostKey /b");
    assert_eq!(config.host_key.files, [PathBuf::from("/a"), PathBuf::from("/b")]);
}

#[test]
fn environment_and_subsystems_answer_questions() {
    let config =
        effective("AcceptEnv LANG LC_*\nSubsystem a /x 'y  z'\nSubsystem a /later\nSubsystem A /b # c");
    assert!(config.accept_env.accepts("LANG") && config.accept_env.accepts("LC_ALL"));
    assert!(!config.accept_env.accepts("lang") && !config.accept_env.accepts("LD_PRELOAD"));
    assert_eq!(config.subsystem.command("a"), Some("/x 'y  z'"));
    assert_eq!(config.subsystem.command("A"), Some("/b"));
    assert_eq!(config.subsystem.command("sftp"), None);
    let pairs = [("A", "1"), ("B", "x=y")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(effective("SetEnv A=1 B=x=y A=3\nSetEnv C=4").set_env.0, pairs);
}

#[test]
fn an_algorithm_list_that_would_be_empty_or_mean_nothing_is_refused() {
    for (line, error) in [
        ("Ciphers -*", "Bad SSH2 cipher spec '-*'."),
        ("MACs x", "Bad SSH2 mac spec 'x'."),
        ("KexAlgorithms ecdh", "Bad SSH2 KexAlgorithms 'ecdh'."),
        ("HostKeyAlgorithms ssh-ed25519,!ssh-rsa", "Bad key types 'ssh-ed25519,!ssh-rsa'."),
        ("PubkeyAcceptedAlgorithms -*", "Bad key types '-*'."),
        ("CASignatureAlgorithms -*", "Bad key types '-*'."),
    ] {
        assert_eq!(refused(line), format!("{PATH} line 1: {error}"));
    }
    assert_eq!(
        effective("Ciphers ^aes256-ctr").ciphers.0[..2],
        ["aes256-ctr", "chacha20-poly1305@openssh.com"]
    );
    assert_eq!(effective("Ciphers aes192-c*").ciphers, AlgorithmList(vec!["aes192-cbc", "aes192-ctr"]));
}

#[test]
fn keywords_without_an_effect_warn_once() {
    let main = "SshdSessionPath /a\nSshdAuthPath /b\nSecurityKeyProvider /c\nPerSourcePenalties authfail:300s min:350s\n\
                UsePrivilegeSeparation sandbox\nProtocol 2\nUsePAM no\nsshdsessionpath /z\nUsePAM NO\n";
    let config = read(&Memory::with(main)).unwrap();
    let warnings: Vec<String> = config.warnings().iter().map(ToString::to_string).collect();
    let expected = [
        "line 1: SshdSessionPath has no effect",
        "line 2: SshdAuthPath has no effect",
        "line 3: SecurityKeyProvider has no effect",
        "line 4: PerSourcePenalties has no effect",
        "line 5: Deprecated option UsePrivilegeSeparation",
        "line 6: Protocol has no effect",
        "line 7: UsePAM has no effect",
    ];
    assert_eq!(warnings, expected.map(|warning| format!("{PATH} {warning}")));
    assert_eq!(*config.global(), effective(""));
    assert!(read(&Memory::with("Port 22")).unwrap().warnings().is_empty());
}

#[test]
fn pam_is_refused_where_it_was_asked_for() {
    assert_eq!(
        refused("UsePAM yes"),
        format!("{PATH} line 1: UsePAM yes is not supported, expected UsePAM no")
    );
    assert_eq!(
        refused("UsePAM no x"),
        format!(
            "{PATH} line 1: keyword UsePAM extra arguments at end of line\n{PATH}: terminating, 1 bad configuration options"
        )
    );
}

#[test]
fn the_table_has_each_name_once() {
    let mut names: Vec<String> = KEYWORDS
        .iter()
        .flat_map(|keyword| keyword.aliases.iter().chain([&keyword.name]))
        .map(|name| name.to_ascii_lowercase())
        .collect();
    assert_eq!(names.len(), 76);
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 76);
    for keyword in KEYWORDS {
        assert_eq!(keyword.meaning.is_empty(), keyword.status != Status::Effective, "{}", keyword.name);
        assert_eq!(keyword::find(&keyword.name.to_uppercase()), Some(keyword));
    }
    assert_eq!(keyword::find("PasswordAuthentication"), None);
}

fn place(host: Option<&str>, port: Option<u16>) -> Place {
    Place { host: host.map(Into::into), port }
}

#[test]
fn places_are_any_none_or_those_that_are_listed() {
    let config = effective("PermitOpen any\nPermitListen none");
    assert_eq!((config.permit_open, config.permit_listen), (Places::Any, Places::Only(Vec::new())));
    let config = effective("PermitOpen [::1]:80 *:81 db:*\nPermitListen 8080 localhost:*");
    let open = [place(Some("::1"), Some(80)), place(None, Some(81)), place(Some("db"), None)];
    assert_eq!(config.permit_open, Places::Only(open.into()));
    let listen = [place(None, Some(8080)), place(Some("localhost"), None)];
    assert_eq!(config.permit_listen, Places::Only(listen.into()));
    let undone = effective("PermitOpen a:1\nMatch all\nPermitOpen any\nPermitOpen b:1");
    assert_eq!(undone.permit_open, Places::Any);
}

#[test]
fn times_of_channels_keep_their_order_and_their_zero() {
    let config = effective("ChannelTimeout session:*=1h30m direct-tcpip=0 global=1.5");
    let seconds: Vec<_> = config
        .channel_timeout
        .0
        .iter()
        .map(|entry| (entry.pattern.as_str(), entry.time.as_secs_f32()))
        .collect();
    assert_eq!(seconds, [("session:*", 5400.0), ("direct-tcpip", 0.0), ("global", 1.5)]);
    assert_eq!(effective("UnusedConnectionTimeout 0").unused_connection_timeout, None);
    assert_eq!(
        effective("UnusedConnectionTimeout 1m").unused_connection_timeout,
        Some(Duration::from_secs(60))
    );
}

#[test]
fn qualities_of_service_are_the_octets_of_their_names() {
    let octets = |line| {
        let QualityOfService { interactive, bulk } = effective(line).ip_qos;
        (interactive, bulk)
    };
    assert_eq!(octets(""), (Some(0xb8), Some(0)));
    assert_eq!(octets("IPQoS none"), (None, None));
    assert_eq!(octets("IPQoS CS1 le"), (Some(0x20), Some(0x04)));
    assert_eq!(octets("IPQoS 255 none"), (Some(255), None));
    assert_eq!(octets("IPQoS lowdelay throughput"), (None, None));
}

#[test]
fn what_decides_on_certificates_is_typed() {
    let Effective { trusted_user_ca_keys, authorized_principals_file, revoked_keys, .. } =
        effective("TrustedUserCAKeys /ca\nAuthorizedPrincipalsFile /p/%u\nRevokedKeys /a b\n");
    assert_eq!(trusted_user_ca_keys, Some(PathBuf::from("/ca")));
    assert_eq!(authorized_principals_file.0.as_deref(), Some("/p/%u"));
    assert_eq!(revoked_keys.0, [PathBuf::from("/a"), PathBuf::from("/b")]);
    let undone = effective("RevokedKeys /a\nMatch all\nRevokedKeys none\n");
    assert!(undone.revoked_keys.0.is_empty());
    let options = |words: &str| effective(&format!("PubkeyAuthOptions {words}")).pubkey_auth_options;
    let both = PubkeyAuthOptions { touch_required: true, verify_required: true, questions: Some(0) };
    assert_eq!(options("verify-required max-pk-ok:0 touch-required none"), both);
    let default = PubkeyAuthOptions::default();
    assert_eq!((options("none").questions, default.questions), (None, Some(6)));
    assert_eq!(options("max-pk-ok:255"), PubkeyAuthOptions { questions: Some(255), ..default });
}

#[test]
fn users_variables_are_those_that_the_patterns_match() {
    let patterns = |line: &str| effective(line).permit_user_environment.patterns().join(" ");
    assert_eq!(patterns(""), "");
    assert_eq!(patterns("PermitUserEnvironment yes"), "*");
    assert_eq!(patterns("PermitUserEnvironment LANG,!LC_X,LC_*"), "LANG !LC_X LC_*");
    let permits = |line: &str, name| effective(line).permit_user_environment.permits(name);
    assert!(permits("PermitUserEnvironment yes", "LD_PRELOAD") && !permits("", "LANG"));
    let list = "PermitUserEnvironment LANG,!LC_X,LC_*";
    assert!(permits(list, "LC_Y") && !permits(list, "LC_X") && !permits(list, "lang"));
    assert!(!permits("PermitUserEnvironment YES", "LANG"), "a pattern, as in OpenSSH");
    let error = refused(&format!("PermitUserEnvironment {}", "x".repeat(1024)));
    assert_eq!(error, format!("{PATH} line 1: PermitUserEnvironment pattern too long"));
}

#[test]
fn a_root_for_sessions_can_be_undone() {
    let config = effective("ChrootDirectory /jail\nMatch all\nChrootDirectory none");
    assert_eq!(config.chroot_directory.0, None);
    assert_eq!(effective("ChrootDirectory %h/%z").chroot_directory.0.as_deref(), Some("%h/%z"));
}

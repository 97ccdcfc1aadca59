//! Compares with what a real `sshd -T` printed for a number of configurations, good and bad.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod common;

use common::{ENVIRONMENT, Memory, PATH};
use nacre_config::{CommandLine, Config, ConnInfo};

const RECORDED: &str = include_str!("openssh-10.6.txt");

/// Where we differ, and why. Each of these has to differ.
const DIFFERENT: &[(&str, &str)] = &[
    ("AuthorizedKeysFile none", "theirs dumps no line, which read back means the default files"),
    ("IPQoS 0x10", "theirs dumps numbers like this, and cannot read them"),
    ("IPQoS 0x10 0x08", "the same"),
    ("PidFile relative", "theirs writes two slashes where the directory is the root"),
    ("ModuliFile relative", "the same"),
    ("TrustedUserCAKeys rel", "the same"),
    ("RevokedKeys rel", "theirs looks for it where it happens to run"),
    ("RevokedKeys /a\nMatch all\nRevokedKeys none", "theirs has no line for none but here"),
];

#[derive(Default)]
struct Case {
    config: String,
    arguments: Vec<String>,
    dumped: Vec<String>,
    refused: Vec<String>,
}

/// The default dump, the files and the cases.
fn recorded() -> (Vec<String>, Memory, Vec<Case>) {
    let (mut default, mut files, mut cases) = (Vec::new(), Memory::default(), Vec::new());
    for section in RECORDED.split("\n\n").skip(1) {
        let mut lines = section.lines();
        let head = lines.next().unwrap();
        let mut case = Case::default();
        for line in lines {
            let (mark, text) = (&line[..1], line.get(2..).unwrap_or_default());
            match mark {
                "<" => case.config.extend([text, "\n"]),
                "$" => case.arguments.push(text.into()),
                ">" => case.dumped.push(text.into()),
                "!" => case.refused.push(text.into()),
                _ => panic!("{line}"),
            }
        }
        match head.split_once(' ') {
            Some(("file", path)) => files = files.and(path, &case.config),
            None if head == "default" => default = case.dumped,
            None if head == "case" => cases.push(case),
            _ => panic!("{head}"),
        }
    }
    (default, files, cases)
}

/// What the program would print: the dump's lines or the errors'.
fn run(files: &Memory, arguments: &[String]) -> Result<Vec<String>, Vec<String>> {
    let (mut options, mut ports, mut connection) = (Vec::new(), Vec::new(), ConnInfo::default());
    let mut arguments = arguments.iter().map(String::as_str);
    while let Some(argument) = arguments.next() {
        let (flag, glued) = argument.split_at(2);
        let value = if glued.is_empty() { arguments.next().unwrap() } else { glued };
        match flag {
            "-o" => options.push(value),
            "-p" => ports.push(value.parse().unwrap()),
            "-C" => connection = ConnInfo::parse(value).map_err(|error| vec![error.to_string()])?,
            _ => panic!("{flag}"),
        }
    }
    if connection.user.as_deref() == Some("root") {
        connection.groups = Some(vec!["root".into()]);
    }
    let command_line = CommandLine { options: &options, ports: &ports };
    let config = Config::parse(files, PATH, &command_line, &ENVIRONMENT)
        .map_err(|error| error.to_string().lines().map(Into::into).collect::<Vec<_>>())?;
    Ok(lines(&config.effective(&connection).dump()))
}

/// Without what depends on the machine, and with OpenSSH 10.6's own spelling.
fn lines(dump: &str) -> Vec<String> {
    let kept = dump.lines().filter(|line| !line.starts_with("HostKey "));
    kept.map(|line| line.replace("TCPKeepAlive yes", "TCPKeepAlive true")).collect()
}

#[test]
fn the_default_is_openssh_s_but_for_what_is_meant_to_differ() {
    let (default, ..) = recorded();
    let ours = run(&Memory::with(""), &[]).unwrap();
    let different = [
        ("PidFile /var/run/sshd.pid", "PidFile /run/sshd.pid"),
        ("RequiredRSASize 2048", "RequiredRSASize 1024"),
    ];
    let theirs = |line: String| match different.iter().find(|(ours, _)| *ours == line) {
        Some((_, theirs)) => (*theirs).to_owned(),
        None => line,
    };
    let debian: Vec<String> = ours.into_iter().map(theirs).collect();
    assert_eq!(debian, default);
}

#[test]
fn every_recorded_case_is_dumped_or_refused_as_openssh_does() {
    let (default, mut files, cases) = recorded();
    assert!(cases.len() > 320, "{} cases", cases.len());
    let default_ours = run(&Memory::with(""), &[]).unwrap();
    let mut wrong = Vec::new();
    for case in cases {
        files = files.and(PATH, &case.config);
        let ours = run(&files, &case.arguments);
        let theirs =
            if case.refused.is_empty() { Ok(case.dumped.clone()) } else { Err(case.refused.clone()) };
        let ours = ours.map(|lines| {
            lines.into_iter().filter(|line| !default.contains(line) && !default_ours.contains(line)).collect()
        });
        let excused = DIFFERENT.iter().any(|(config, _)| *config == case.config.trim_end_matches('\n'));
        if (ours == theirs) == excused {
            wrong.push(format!(
                "{} {:?}\n  ours   {ours:?}\n  theirs {theirs:?}",
                case.config, case.arguments
            ));
        }
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}

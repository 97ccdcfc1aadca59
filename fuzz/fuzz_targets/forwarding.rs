//! What forwarding reads: messages between net and the session, permits, places, times of channels, cookies of displays, and all that names
//! are looked up in.
#![no_main]

use arbitrary::Unstructured;
use config::{Algorithms, CommandLine, Config, Environment, Files, Names, ReadError};
use libfuzzer_sys::fuzz_target;
use nacre_sshd::fuzzing;
use text::place::Place;

/// A configuration without other files.
struct Lines(String);

impl Files for Lines {
    fn read(&self, _: &str, _: usize) -> Result<Vec<u8>, ReadError> {
        Ok(self.0.clone().into_bytes())
    }

    fn glob(&self, _: &str) -> Vec<String> {
        Vec::new()
    }
}

/// `ChannelTimeout` with these arguments.
fn channel_timeouts(arguments: &str) {
    let names = Names { default: &["x"], known: &["x"] };
    let algorithms = Algorithms {
        ciphers: names,
        macs: names,
        kex: names,
        host_keys: names,
        public_keys: names,
        authorities: names,
    };
    let environment = Environment { algorithms, version: "fuzz", directory: "/", home: None };
    let lines = Lines(format!("ChannelTimeout {}\n", arguments.replace(['\n', '\r'], " ")));
    if let Ok(config) = Config::parse(&lines, "config", &CommandLine::default(), &environment) {
        fuzzing::channel_timeouts(&config.global().channel_timeout);
    }
}

/// A place of `PermitOpen` or `PermitListen` reads as it is written.
fn place(text: &str) {
    let (open, listen) = (Place::parse(text), Place::parse_listen(text));
    for place in [&open, &listen].into_iter().flatten() {
        let written = place.to_string();
        assert_eq!(Place::parse(&written).as_ref(), Ok(place), "{written}");
        assert_eq!(Place::parse_listen(&written).as_ref(), Ok(place), "{written}");
    }
    if let Ok(open) = open {
        assert_eq!(listen, Ok(open));
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((what, bytes)) = data.split_first() else { return };
    match what % 8 {
        0 => fuzzing::session_message(bytes),
        1 => {
            if let Some((which, bytes)) = bytes.split_first() {
                let _ = fuzzing::session_value(which % 26, &mut Unstructured::new(bytes));
            }
        }
        2 => fuzzing::permit(bytes),
        3 => fuzzing::display(bytes),
        4 => channel_timeouts(&String::from_utf8_lossy(bytes)),
        5 => place(&String::from_utf8_lossy(bytes)),
        _ => fuzzing::resolver(bytes),
    }
});

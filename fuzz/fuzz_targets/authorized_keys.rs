//! `authorized_keys` files: every line means the same alone as in its file, and only what was granted is granted.
#![no_main]

use keyfiles::authorized_keys::lines;
use keyfiles::limits::{MAX_LINE, MAX_SHOWN};
use libfuzzer_sys::fuzz_target;
use nacre_fuzz::host_key;

fuzz_target!(|data: &[u8]| {
    let Some((mode, bytes)) = data.split_first() else { return };
    if mode % 2 == 0 {
        let pieces: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
        let mut count = 0;
        for ((number, line), piece) in lines(bytes).zip(&pieces) {
            count += 1;
            assert_eq!(number, count);
            let [(1, alone)] = &lines(piece).collect::<Vec<_>>()[..] else { panic!("one line") };
            assert_eq!(*alone, line);
            match line {
                Ok(Some(entry)) => {
                    assert!(piece.len() <= MAX_LINE + 1);
                    let command = entry.options.command.map_or(0, |command| command.len());
                    assert!(command + entry.comment.0.len() < piece.len());
                }
                Ok(None) => {}
                // One line of a log; what it shows of the file is escaped to at most four characters a byte.
                Err(fault) => {
                    let text = fault.to_string();
                    assert!(!text.contains(char::is_control) && text.len() < 100 + 4 * MAX_SHOWN);
                }
            }
        }
        assert_eq!(count, pieces.len());
    } else {
        // The input is the options of a good key.
        let key = host_key().public().to_string();
        let line = [bytes, b" ", key.as_bytes()].concat();
        let Some((1, Ok(Some(entry)))) = lines(&line).next() else { return };
        let restricted = [b"restrict,", bytes, b" ", key.as_bytes()].concat();
        let again = lines(&restricted).next();
        // Nothing in front of options ever makes them grant more, unless `restrict` was no option there.
        if let Some((1, Ok(Some(again)))) = again {
            let (more, less) = (&entry.options, &again.options);
            assert_eq!(more.command, less.command);
            // What limits a key does so wherever it stands.
            assert_eq!((&more.from, &more.expires), (&less.from, &less.expires));
            assert_eq!((&more.open, &more.listen), (&less.open, &less.listen));
            assert_eq!(more.environment, less.environment);
            for (more, less) in [
                (more.pty, less.pty),
                (more.port_forwarding, less.port_forwarding),
                (more.agent_forwarding, less.agent_forwarding),
                (more.x11_forwarding, less.x11_forwarding),
                (more.user_rc, less.user_rc),
            ] {
                assert!(more || !less);
            }
        }
    }
});

//! A terminal for a client: a pseudo-terminal that `script` of this machine makes.

use super::chroot::Scratch;
use crate::error::Error;

/// What a client's terminal is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// Rows and columns at the start.
    pub size: (u16, u16),
    /// The client's `TERM`.
    pub term: String,
    /// The key that interrupts, in the words of `stty`, such as `^B`.
    pub interrupt: String,
    /// What must have been shown until the size is changed, and the rows and columns then.
    pub resized: Option<(String, (u16, u16))>,
}

/// Where in its scratch folder everything is kept that was shown.
const SHOWN: &str = "shown";

impl Terminal {
    /// The command line, for this machine, of a program that runs on such a terminal.
    pub(crate) fn wrap(&self, scratch: &Scratch, argv: &[String]) -> Result<Vec<String>, Error> {
        let shown = scratch.outside().join(SHOWN).display().to_string();
        let (rows, columns) = self.size;
        let mut text =
            format!("#!/bin/sh\nstty rows {rows} cols {columns} intr {}\n", quoted(&self.interrupt));
        if let Some((mark, (rows, columns))) = &self.resized {
            text.push_str(&format!(
                "{{ until grep -q {} {}; do sleep 0.05; done; stty rows {rows} cols {columns}; }} </dev/tty &\n",
                quoted(mark),
                quoted(&shown)
            ));
        }
        let words: Vec<String> = argv.iter().map(|word| quoted(word)).collect();
        text.push_str(&format!("TERM={} exec {}\n", quoted(&self.term), words.join(" ")));
        scratch.write("on-terminal", &text, 0o755)?;
        let program = scratch.outside().join("on-terminal").display().to_string();
        let options = ["script", "--quiet", "--flush", "--return", "--command"];
        Ok(options.into_iter().map(str::to_owned).chain([quoted(&program), shown]).collect())
    }
}

/// A word as a shell reads it.
pub(crate) fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_quoted_word_is_that_word_to_a_shell() {
        let word = "a 'b' \"$c\" \\ `d`\n";
        let script = format!("printf %s {}", quoted(word));
        let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(output.stdout, word.as_bytes());
    }
}

//! A program that is run to its end, and no longer than it may take.

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::chroot::clean_command;
use crate::error::{During, Error};

/// `SIGKILL`, with which a program that is over its deadline ends.
const KILLED: i32 = 9;

/// What a program is given on its standard input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Input {
    /// The bytes it can read.
    pub bytes: Vec<u8>,
    /// Whether it waits after them until it ends by itself, instead of reading the end of the file.
    pub stays_open: bool,
}

impl From<Vec<u8>> for Input {
    /// These bytes, and then the end of the file.
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, stays_open: false }
    }
}

/// What a program left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Its exit status, or `None` when a signal ended it.
    pub status: Option<i32>,
    /// What it wrote to its standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to its standard error; with OpenSSH's client, its debug log after that.
    pub stderr: String,
}

impl Finished {
    /// Checks the exit status and the standard output.
    ///
    /// # Errors
    ///
    /// [`Error::Wrong`] that says what came instead.
    pub fn must_be(&self, status: i32, stdout: &[u8]) -> Result<(), Error> {
        if self.status == Some(status) && self.stdout == stdout {
            return Ok(());
        }
        let same = self.stdout.iter().zip(stdout).take_while(|(a, b)| a == b).count();
        Err(Error::wrong(format!(
            "expected status {status} and {} bytes; got status {:?} and {} bytes, the first {same} as expected\n{}",
            stdout.len(),
            self.status,
            self.stdout.len(),
            self.stderr
        )))
    }
}

/// The start of a command line that is killed, with all processes of its group, when the deadline is over. The killing is
/// left to `timeout`, so that it happens even when this program is gone.
pub(crate) fn with_deadline(deadline: Duration) -> Command {
    let mut command = clean_command("timeout");
    command.arg("--signal=KILL").arg(format!("{}", deadline.as_secs_f64()));
    command
}

/// Runs a command made by [`with_deadline`] to its end.
pub(crate) fn finish(mut command: Command, input: Input, deadline: Duration) -> Result<Finished, Error> {
    let started = Instant::now();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().during("starting a program")?;
    let pipe = child.stdin.take();
    let output = thread::scope(|scope| {
        let writer = scope.spawn(move || {
            let mut pipe = pipe?;
            // A program may end without reading all its input; what it then did is judged by its output.
            let _ = pipe.write_all(&input.bytes);
            input.stays_open.then_some(pipe)
        });
        let output = child.wait_with_output();
        // Only now is a pipe that stays open closed.
        drop(writer.join());
        output
    })
    .during("waiting for a program")?;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    if was_killed(output.status) && started.elapsed() >= deadline {
        return Err(Error::Deadline { command: words(&command), after: deadline, log: stderr });
    }
    Ok(Finished { status: output.status.code(), stdout: output.stdout, stderr })
}

fn was_killed(status: ExitStatus) -> bool {
    // `timeout` kills its own process group, itself included; were it outside of it, it would say 128 + the signal.
    status.signal() == Some(KILLED) || status.code() == Some(128 + KILLED)
}

fn words(command: &Command) -> String {
    command.get_args().map(|arg| arg.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{Input, finish, with_deadline};
    use crate::error::Error;
    use std::time::Duration;

    #[test]
    fn a_program_is_fed_and_heard_to_its_end() {
        let mut command = with_deadline(Duration::from_secs(20));
        command.args(["sh", "-c", "cat; echo aside >&2; exit 7"]);
        let input = vec![b'x'; 300_000];
        let finished = finish(command, input.clone().into(), Duration::from_secs(20)).unwrap();
        finished.must_be(7, &input).unwrap();
        assert_eq!(finished.stderr, "aside\n");
        assert!(finished.must_be(0, &input).is_err());
        assert!(finished.must_be(7, b"x").is_err());
    }

    #[test]
    fn an_input_that_stays_open_has_no_end() {
        let deadline = Duration::from_secs(20);
        let mut command = with_deadline(deadline);
        command.args(["sh", "-c", "read -r line; echo got $line; timeout 0.1 cat; exit $?"]);
        let input = Input { bytes: b"one\n".to_vec(), stays_open: true };
        // `timeout` says 124 when it had to end a `cat` that still waited.
        finish(command, input, deadline).unwrap().must_be(124, b"got one\n").unwrap();
    }

    #[test]
    fn a_program_over_its_deadline_is_killed_with_its_children() {
        let deadline = Duration::from_millis(200);
        let mut command = with_deadline(deadline);
        // The grandchild holds the output open: were it not killed too, this would wait for it.
        command.args(["sh", "-c", "sleep 600 & wait"]);
        let error = finish(command, Input::default(), deadline).unwrap_err();
        assert!(matches!(error, Error::Deadline { .. }), "{error}");
    }
}

//! Threads for what would have to wait.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use sftp::{Done, FileSystem, Job};

use crate::limits::WORKERS;

/// A few threads, started when there is work for them and ended with the last of it.
pub(crate) struct Workers<F: FileSystem> {
    jobs: Option<Sender<Job<F>>>,
    shared: Arc<Shared<F>>,
    threads: Vec<JoinHandle<()>>,
    /// Jobs that were given and not taken back.
    busy: usize,
    woken: PipeReader,
}

/// What the threads share.
struct Shared<F: FileSystem> {
    jobs: Mutex<Receiver<Job<F>>>,
    done: Mutex<Finished>,
}

/// What is done, and how the one who waits for it is told.
struct Finished {
    done: Vec<Done>,
    /// A byte is in the pipe as long as something is in `done`.
    wake: PipeWriter,
}

impl<F: FileSystem> Workers<F> {
    /// None yet.
    pub(crate) fn new() -> io::Result<Self> {
        let (woken, wake) = io::pipe()?;
        let (sender, receiver) = channel();
        let done = Mutex::new(Finished { done: Vec::new(), wake });
        Ok(Self {
            jobs: Some(sender),
            shared: Arc::new(Shared { jobs: Mutex::new(receiver), done }),
            threads: Vec::new(),
            busy: 0,
            woken,
        })
    }

    /// Has a job done. Where no thread can be had it is done here and now.
    pub(crate) fn give(&mut self, job: Job<F>) -> Option<Done> {
        if self.busy >= self.threads.len() && self.threads.len() < WORKERS {
            let shared = Arc::clone(&self.shared);
            // Without another thread the others do it, each in its turn.
            self.threads.extend(Builder::new().name("files".into()).spawn(move || work(&shared)));
        }
        if self.threads.is_empty() {
            return Some(job.run());
        }
        match self.jobs.as_ref().map(|jobs| jobs.send(job)) {
            Some(Ok(())) => {
                self.busy = self.busy.saturating_add(1);
                None
            }
            Some(Err(unsent)) => Some(unsent.0.run()),
            None => None,
        }
    }

    /// How many jobs are not taken back yet.
    pub(crate) fn busy(&self) -> usize {
        self.busy
    }

    /// Can be read when something is done.
    pub(crate) fn woken(&self) -> BorrowedFd<'_> {
        self.woken.as_fd()
    }

    /// What is done, after [`woken`](Self::woken) could be read.
    pub(crate) fn take(&mut self) -> Vec<Done> {
        let mut finished = self.shared.done.lock().unwrap_or_else(PoisonError::into_inner);
        let done = std::mem::take(&mut finished.done);
        if !done.is_empty() {
            // The byte that was written with the first of them. Under the lock, so that a later one has its own.
            let _ = self.woken.read(&mut [0]);
        }
        drop(finished);
        self.busy = self.busy.saturating_sub(done.len());
        done
    }
}

impl<F: FileSystem> Drop for Workers<F> {
    /// What was given is done before.
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn work<F: FileSystem>(shared: &Shared<F>) {
    loop {
        let next = shared.jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        let done = job.run();
        let mut finished = shared.done.lock().unwrap_or_else(PoisonError::into_inner);
        if finished.done.is_empty() {
            // One byte fits: there is none in the pipe.
            let _ = finished.wake.write(&[1]);
        }
        finished.done.push(done);
    }
}

//! A server made of the russh crate, in a thread of this process.

use std::borrow::Cow;
use std::collections::HashSet;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use russh::keys::{PrivateKey, PublicKey};
use russh::server::{Auth, ChannelOpenHandle, Config, Handler, Msg, Session, VerifiedPublicKey, run_stream};
use russh::{Channel, ChannelId, Limits, MethodKind, MethodSet, Preferred};
use tokio::sync::oneshot;

use super::USER;
use super::keys::KeyPair;
use super::server::Settings;
use crate::error::{During, Error};

/// The version is that of `Cargo.toml`; the crate has no public constant for its own.
pub(crate) const NAME: &str = "russh 0.65";

/// The longest time between two key exchanges.
const REKEY_TIME: Duration = Duration::from_secs(3600);

/// How much is sent or received between two key exchanges when nothing else is asked for: russh's own default.
const REKEY_BYTES: usize = 1 << 30;

/// A listening server. Dropping it ends its thread and all its connections.
#[derive(Debug)]
pub(crate) struct Running {
    port: u16,
    errors: Arc<Mutex<Vec<String>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

pub(crate) fn serve(
    host_keys: &[KeyPair],
    authorized_keys: &str,
    settings: &Settings,
) -> Result<Running, Error> {
    if settings.password.is_some() || settings.shell.is_some() || !settings.extra.is_empty() {
        return Err(Error::NotConfigurable("a password, a shell or further options of russh"));
    }
    let config = Arc::new(config(host_keys, settings)?);
    let mut allowed = Vec::new();
    for line in authorized_keys.lines() {
        allowed.push(PublicKey::from_openssh(line).map_err(|error| Error::wrong(error.to_string()))?);
    }
    let allowed = Arc::new(allowed);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).during("listening")?;
    let port = listener.local_addr().during("listening")?.port();
    listener.set_nonblocking(true).during("listening")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .during("starting russh's runtime")?;
    let errors = Arc::new(Mutex::new(Vec::new()));
    let (stop, stopped) = oneshot::channel();
    let shared = Arc::clone(&errors);
    let thread = thread::spawn(move || {
        // Returning drops the runtime, and with it every connection.
        runtime.block_on(async {
            tokio::select! {
                biased;
                _ = stopped => {}
                () = accept(listener, config, allowed, &shared) => {}
            }
        });
    });
    Ok(Running { port, errors, stop: Some(stop), thread: Some(thread) })
}

fn config(host_keys: &[KeyPair], settings: &Settings) -> Result<Config, Error> {
    let mut keys = Vec::new();
    for key in host_keys {
        keys.push(PrivateKey::from_openssh(key.private()).map_err(|error| Error::wrong(error.to_string()))?);
    }
    let rekey = match &settings.rekey_limit {
        None => REKEY_BYTES,
        Some(limit) => limit
            .parse()
            .map_err(|_| Error::NotConfigurable("a rekey limit of russh that is no number of bytes"))?,
    };
    let mut preferred = Preferred::default();
    if let Some(names) = &settings.algorithms.kex {
        preferred.kex = Cow::Owned(chosen(names, |name| russh::kex::Name::try_from(name).ok())?);
    }
    if let Some(names) = &settings.algorithms.ciphers {
        preferred.cipher = Cow::Owned(chosen(names, |name| russh::cipher::Name::try_from(name).ok())?);
    }
    if let Some(names) = &settings.algorithms.macs {
        preferred.mac = Cow::Owned(chosen(names, |name| russh::mac::Name::try_from(name).ok())?);
    }
    Ok(Config {
        keys,
        methods: MethodSet::from(&[MethodKind::PublicKey][..]),
        limits: Limits::new(rekey, rekey, REKEY_TIME),
        preferred,
        nodelay: true,
        // Clients first ask for `none`; nothing is won by making them wait.
        auth_rejection_time: Duration::ZERO,
        ..Config::default()
    })
}

fn chosen<T>(names: &str, find: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, Error> {
    names
        .split(',')
        .map(|name| find(name).ok_or(Error::NotConfigurable("an algorithm that russh does not know")))
        .collect()
}

async fn accept(
    listener: TcpListener,
    config: Arc<Config>,
    allowed: Arc<Vec<PublicKey>>,
    errors: &Arc<Mutex<Vec<String>>>,
) {
    let note = |errors: &Mutex<Vec<String>>, error: String| {
        errors.lock().unwrap_or_else(PoisonError::into_inner).push(error);
    };
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return note(errors, error.to_string()),
    };
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => return note(errors, error.to_string()),
        };
        // russh sets it only on sockets that it accepts by itself; without it each rekey waits for a delayed ACK.
        if let Err(error) = stream.set_nodelay(true) {
            note(errors, error.to_string());
        }
        let config = Arc::clone(&config);
        let commands = Commands { allowed: Arc::clone(&allowed), running: HashSet::new() };
        let errors = Arc::clone(errors);
        tokio::spawn(async move {
            let ended = match run_stream(config, stream, commands).await {
                Ok(session) => session.await,
                Err(error) => Err(error),
            };
            if let Err(error) = ended {
                note(&errors, error.to_string());
            }
        });
    }
}

impl Running {
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The errors that ended connections, one per line.
    pub(crate) fn log(&self) -> String {
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        errors.iter().map(|error| format!("russh: {error}\n")).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // It can only have ended already.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One connection: who may log in, and on which channels a `cat` runs.
struct Commands {
    allowed: Arc<Vec<PublicKey>>,
    running: HashSet<ChannelId>,
}

impl Commands {
    fn end(session: &mut Session, channel: ChannelId, status: u32) -> Result<(), russh::Error> {
        session.exit_status_request(channel, status)?;
        session.eof(channel)?;
        session.close(channel)
    }
}

impl Handler for Commands {
    type Error = russh::Error;

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        // The comment is part of neither side's proof.
        let known = self.allowed.iter().any(|allowed| allowed.key_data() == key.public_key.key_data());
        Ok(if user == USER && known { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_session(
        &mut self,
        _channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        data: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let command = String::from_utf8_lossy(data);
        match command.split_once(' ').unwrap_or((command.as_ref(), "")) {
            ("cat", "") => {
                session.channel_success(channel)?;
                self.running.insert(channel);
                Ok(())
            }
            ("echo", words) => {
                session.channel_success(channel)?;
                session.data(channel, format!("{words}\n").into_bytes())?;
                Self::end(session, channel, 0)
            }
            ("exit", status) => match status.parse() {
                Ok(status) => {
                    session.channel_success(channel)?;
                    Self::end(session, channel, status)
                }
                Err(_) => session.channel_failure(channel),
            },
            _ => session.channel_failure(channel),
        }
    }

    async fn data(
        &mut self,
        channel: ChannelId,
        data: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        if self.running.contains(&channel) {
            session.data(channel, data.to_vec())?;
        }
        Ok(())
    }

    async fn channel_eof(&mut self, channel: ChannelId, session: &mut Session) -> Result<(), Self::Error> {
        if self.running.remove(&channel) { Self::end(session, channel, 0) } else { Ok(()) }
    }
}

//! From the options to a server.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::ExitCode;

use config::{Config, ConnInfo};
use crypto::OsRng;
use keys::PublicKey;
use sys::ids::{Credentials, Gid, Uid};
use sys::process;
use sys::signal::{Disposition, Signal, set_disposition};
use sys::title::Title;
use sys::users::Accounts;

use super::serve::Listener;
use super::{FATAL_STATUS, bind, detach, inetd, say};
use crate::host_keys::HostKeys;
use crate::log::{Level, Logger};
use crate::options::{Mode, Options};
use crate::quick::Quick;
use crate::server::Server;
use crate::settings::{self, Origin, Unusable};

/// What is read again on SIGHUP.
pub(super) struct Prepared {
    pub(super) config: Config,
    pub(super) host_keys: HostKeys,
    pub(super) quick: Option<(Quick, PublicKey)>,
}

/// The program ends, with this status; why was said.
pub(super) struct Refused(u8);

/// Does what the options ask for.
pub(super) fn run(options: Options, arguments: &[OsString]) -> ExitCode {
    let origin = Origin::here();
    match run_or_refuse(options, &origin, arguments) {
        Ok(code) => code,
        Err(Refused(status)) => status.into(),
    }
}

fn run_or_refuse(options: Options, origin: &Origin, arguments: &[OsString]) -> Result<ExitCode, Refused> {
    let early = early_log(&options, origin)?;
    for letter in &options.ignored {
        let level = if *letter == 'r' { Level::Info } else { Level::Debug1 };
        early.log(level, format_args!("-{letter} option is deprecated"));
    }
    if options.connection.is_some() && options.mode != Mode::Dump {
        early.fatal("Config test connection parameter (-C) provided without test mode (-T)");
        return Err(Refused(FATAL_STATUS));
    }
    early.debug(format_args!("sshd version {}", settings::SOFTWARE));
    let config = read_config(settings::read(&options, origin), &options, &early)?;
    if options.mode == Mode::Print {
        return Ok(show(&config, &options));
    }
    let prepared = read_keys(config, &options, &early)?;
    match options.mode {
        Mode::Test => return Ok(ExitCode::SUCCESS),
        Mode::Dump => return Ok(show(&prepared.config, &options)),
        Mode::Print | Mode::Serve => {}
    }
    let log = late_log(&options, early, prepared.config.global().log_level);
    serve(options, origin, prepared, log, arguments)
}

/// Configuration and keys, as they are now that a server runs.
pub(super) fn prepare(options: &Options, origin: &Origin, log: &Logger) -> Result<Prepared, Refused> {
    let config = read_config(settings::read_again(options, origin), options, log)?;
    read_keys(config, options, log)
}

/// What was read, when it can be used; what is wrong with it is said.
fn read_config(read: Result<Config, Unusable>, options: &Options, log: &Logger) -> Result<Config, Refused> {
    let config = read.map_err(|unusable| {
        for line in unusable.lines() {
            if unusable.is_unreadable() && !options.inetd {
                say(&format!("{line}\n"));
            } else {
                log.error(line);
            }
        }
        Refused(unusable.status())
    })?;
    for warning in config.warnings() {
        log.info(warning);
    }
    let checked = settings::check_algorithms(&config, |line| log.debug(line));
    checked.map_err(|nothing_left| {
        log.fatal(nothing_left);
        Refused(FATAL_STATUS)
    })?;
    if let Some(keyword) = settings::without_user(&config) {
        log.fatal(format_args!("{keyword} set without {keyword}User"));
        return Err(Refused(FATAL_STATUS));
    }
    Ok(config)
}

fn read_keys(config: Config, options: &Options, log: &Logger) -> Result<Prepared, Refused> {
    if options.quick {
        let (quick, key) = Quick::prepare(&mut OsRng, log).map_err(|error| {
            log.fatal(error);
            Refused(FATAL_STATUS)
        })?;
        let own = key.public();
        let host_keys = HostKeys::one(key);
        return Ok(Prepared { config, host_keys, quick: Some((quick, own)) });
    }
    let host_keys = HostKeys::load(config.global(), log);
    if host_keys.is_empty() {
        log.info("sshd: no hostkeys available -- exiting.");
        return Err(Refused(1));
    }
    Ok(Prepared { config, host_keys, quick: None })
}

/// Where lines go while it is not known what is configured.
pub(super) fn early_log(options: &Options, origin: &Origin) -> Result<Logger, Refused> {
    let level = match (options.debug, options.quiet) {
        (0, false) => Level::Info,
        (0, true) => Level::Quiet,
        (1, _) => Level::Debug1,
        (2, _) => Level::Debug2,
        (3.., _) => Level::Debug3,
    };
    if let Some(path) = &options.log_file {
        return Logger::to_file(Path::new(&origin.absolute(path)), level).map_err(|error| {
            let error = settings::without_number(&error);
            say(&format!("Couldn't open logfile {path}: {error}\n"));
            Refused(1)
        });
    }
    // The peer would read what goes to standard error.
    if options.inetd && !options.to_stderr && options.debug == 0 {
        return Ok(Logger::to_syslog(level).unwrap_or_else(|| Logger::to_nowhere(level)));
    }
    Ok(Logger::to_stderr(level))
}

/// Where lines go from now on.
fn late_log(options: &Options, early: Logger, level: Level) -> Logger {
    let stays = !early.is_stderr() || options.to_stderr || options.debug > 0 || options.quick;
    let mut log = if stays { early } else { Logger::to_syslog(level).unwrap_or(early) };
    log.set_level(level);
    log
}

/// Prints what holds for the connection of `-C`, or for one of which nothing is known.
fn show(config: &Config, options: &Options) -> ExitCode {
    let connection = options.connection.clone().map(with_groups).unwrap_or_default();
    let dump = config.effective(&connection).dump();
    match io::stdout().write_all(dump.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => FATAL_STATUS.into(),
    }
}

/// With the groups of its user.
fn with_groups(mut connection: ConnInfo) -> ConnInfo {
    let accounts = Accounts::default();
    let user = connection.user.as_ref().and_then(|name| accounts.user(name.as_bytes()).ok().flatten());
    connection.groups = user.and_then(|user| {
        let names = accounts.group_names(&accounts.groups_of(&user).ok()?).ok()?;
        Some(names.into_iter().map(|name| name.to_string_lossy().into_owned()).collect())
    });
    connection
}

fn serve(
    options: Options,
    origin: &Origin,
    prepared: Prepared,
    log: Logger,
    arguments: &[OsString],
) -> Result<ExitCode, Refused> {
    let fatal = |log: &Logger, what: &str, error: &io::Error| {
        log.fatal(format_args!("{what}: {error}"));
        Refused(FATAL_STATUS)
    };
    let program = process::own_program().map_err(|error| fatal(&log, "own program", &error))?;
    let null = sys::fd::null().map_err(|error| fatal(&log, "/dev/null", &error))?;
    process::set_umask(process::set_umask(0o077) | 0o022);
    let oom_score = process::oom_score();
    let is_root = Uid::effective() == Uid::ROOT;
    let Prepared { config, host_keys, quick } = prepared;
    let (quick, quick_key) = quick.unzip();
    let server = Server {
        config,
        host_keys,
        title: Title::claim(),
        program,
        null,
        net_user: is_root.then(net_user),
        net_root: if is_root { net_root(&log) } else { None },
        oom_score,
        debugging: options.debug > 0,
        quick,
        log,
    };
    // Whoever started us may have had some of them ignored.
    for signal in [Signal::CHLD, Signal::HUP, Signal::TERM, Signal::QUIT, Signal::INT, Signal::ALRM] {
        let _ = set_disposition(signal, Disposition::Default);
    }
    // So that no process of ours keeps a file system busy. Every path that is used from now on is absolute.
    if let Err(error) = std::env::set_current_dir("/") {
        server.log.error(format_args!("chdir(\"/\"): {}", settings::without_number(&error)));
    }
    if options.inetd {
        return Ok(inetd::serve(server, options.to_stderr));
    }

    let sockets = bind::bind(server.config.global(), &mut Vec::new(), &server.log);
    let sockets = sockets.map_err(|bind::CannotListen| Refused(FATAL_STATUS))?;
    let detaches = !(options.foreground || options.debug > 0 || options.quick);
    let ready = if detaches {
        match detach::detach().map_err(|error| fatal(&server.log, "daemon() failed", &error))? {
            detach::Detached::Foreground(code) => return Ok(code),
            detach::Detached::Background(ready) => Some(ready),
        }
    } else {
        None
    };
    if is_root {
        // Best effort, as where `/proc` is missing or the machine is a container that may not.
        let _ = process::set_oom_score(NEVER_KILLED);
    }
    let announcement = announcement(&server, quick_key.as_ref(), &sockets);
    let shown = arguments.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
    let listener = Listener::new(server, options, origin.clone(), sockets, shown);
    let listener = listener.map_err(|(log, error)| fatal(&log, "signalfd", &error))?;
    if let Some(ready) = ready {
        ready.tell(listener.null());
    }
    if let Some(announcement) = announcement {
        let _ = io::stdout().write_all(announcement.as_bytes());
    }
    Ok(listener.run())
}

/// The out-of-memory score of a process that the kernel ends last of all.
const NEVER_KILLED: i16 = -1000;

fn announcement(server: &Server, key: Option<&PublicKey>, sockets: &[bind::Socket]) -> Option<String> {
    let quick = server.quick.as_ref()?;
    quick.introduce(&server.log);
    Some(quick.announcement(key?, sockets.first()?.address()))
}

/// Accounts that net can run as, the best one first.
const NET_USERS: [&[u8]; 2] = [b"sshd", b"nobody"];

/// The ids of nobody, where no account is.
const NOBODY: u32 = 65534;

/// As whom net runs when we are root: an account that owns nothing.
fn net_user() -> Credentials {
    let accounts = Accounts::default();
    let account = |name: &[u8]| accounts.user(name).ok().flatten().filter(|user| user.uid != Uid::ROOT);
    let (uid, gid) = match NET_USERS.into_iter().find_map(account) {
        Some(user) => (user.uid, user.gid),
        None => (Uid(NOBODY), Gid(NOBODY)),
    };
    Credentials { uid, gid, groups: vec![gid] }
}

/// Where a directory that no name leads to can be made.
const WRITABLE: [&str; 6] = ["/run", "/dev/shm", "/tmp", "/var/tmp", "/var/run", "/"];

/// Directories that distributions keep empty.
const EMPTY: [&str; 4] = ["/run/sshd", "/var/empty", "/var/empty/sshd", "/usr/share/empty.sshd"];

/// The whole tree of net when we are root.
fn net_root(log: &Logger) -> Option<OwnedFd> {
    let unlinked = WRITABLE.iter().find_map(|parent| sys::jail::unlinked_directory(Path::new(parent)).ok());
    let root = unlinked.or_else(|| EMPTY.iter().find_map(|path| empty(Path::new(path))));
    if root.is_none() {
        log.error("No empty directory to shut the network process up in: its root is not changed.");
    }
    root
}

/// The directory, when nothing is in it and only root could put something there.
fn empty(path: &Path) -> Option<OwnedFd> {
    use std::os::unix::fs::MetadataExt;
    let metadata = path.symlink_metadata().ok()?;
    let is_roots = metadata.is_dir() && metadata.uid() == 0 && metadata.mode() & 0o022 == 0;
    let is_empty = std::fs::read_dir(path).ok()?.next().is_none();
    if is_roots && is_empty { sys::jail::directory(path).ok() } else { None }
}

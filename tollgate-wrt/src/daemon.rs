//! One run of the daemon, from start to stop.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use log::{LevelFilter, error, info, warn};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

use crate::config::{self, Loaded, Settings};
use crate::http::{App, Server, serve};
use crate::identity;
use crate::logging::{self, Target};
use crate::net::Resolver;
use crate::net::listen::{Listeners, bind_addresses};
use crate::nostr::tollgate::{Level, advertisement, notice};
use crate::paths::Paths;

/// How often it is looked whether a LAN interface has come or gone.
const RESCAN: Duration = Duration::from_secs(2);

/// What the command line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Where the system's files are; `/` on a router.
    pub root: PathBuf,
    /// Addresses to listen on, instead of LAN interfaces.
    pub listen: Vec<SocketAddr>,
    /// LAN interfaces, instead of those of the settings.
    pub interfaces: Vec<String>,
    /// Whether messages go to the system's log.
    pub syslog: bool,
    /// The least important messages that are written, instead of that of the settings.
    pub log_level: Option<LevelFilter>,
}

/// A run that failed; the reason was logged.
#[derive(Debug, Clone, Copy)]
pub struct Failed;

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// When the daemon cannot start. Everything there is to say about it was logged.
pub fn run(options: &Options) -> Result<(), Failed> {
    let paths = Paths::new(&options.root);
    let target = match options.syslog {
        true => Target::Syslog(paths.syslog()),
        false => Target::Stderr,
    };
    logging::init(target, options.log_level.unwrap_or(LevelFilter::Info));

    let settings = load_settings(&paths, options)?;
    if !settings.enabled {
        info!(file:% = paths.uci().display(); "disabled by `option enabled '0'`, nothing to do");
        return Ok(());
    }
    let front = front_event(&paths, &settings)?;
    let app = App::new(front, Resolver::new(paths));

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(|error| failed("cannot start the runtime", &error))?;
    runtime.block_on(run_server(app, &settings, &options.listen))
}

fn failed(what: &str, error: &dyn std::fmt::Display) -> Failed {
    error!(error:%; "{what}");
    Failed
}

/// Reads the settings, says what is odd, and lets the command line override.
fn load_settings(paths: &Paths, options: &Options) -> Result<Settings, Failed> {
    let Loaded {
        mut settings,
        warnings,
        has_file,
    } = config::load(paths).map_err(|errors| {
        for finding in &errors.0 {
            error!(error:% = finding; "cannot start with this configuration");
        }
        Failed
    })?;
    if options.log_level.is_none() {
        log::set_max_level(settings.file.log_level.into());
    }
    for finding in warnings {
        warn!(warning:% = finding; "configuration");
    }
    if !has_file {
        warn!(file:% = paths.config().display(); "no configuration file, using defaults");
    }
    if !options.interfaces.is_empty() {
        settings.interfaces.clone_from(&options.interfaces);
    }
    Ok(settings)
}

/// The signed event that the daemon shows everybody.
fn front_event(paths: &Paths, settings: &Settings) -> Result<String, Failed> {
    let identity = identity::load_or_create(&paths.identities())
        .map_err(|error| failed("cannot start without the router's key", &error))?;
    if identity.is_new {
        info!(file:% = paths.identities().display(); "made a new identity");
    }
    for warning in &identity.warnings {
        warn!(warning = warning.as_str(); "identity");
    }
    let mints = settings.file.accepted_mints.len();
    let draft = match mints {
        0 => {
            warn!(
                file:% = paths.config().display(),
                uci:% = paths.uci().display();
                "not configured: nothing is sold until a mint is named in accepted_mints, or as `list mint` in UCI"
            );
            notice(
                Level::Error,
                "service-unavailable",
                "This TollGate is not configured yet: its owner has not chosen a mint.",
            )
        }
        _ => advertisement(&settings.file),
    };
    // A router's clock may be wrong at start; the event is not checked for age.
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs());
    let event = draft
        .sign(&identity.key, now)
        .map_err(|error| failed("cannot sign", &error))?;
    info!(version = env!("CARGO_PKG_VERSION"), pubkey = event.pubkey.as_str(), mints; "starting");
    Ok(event.to_json())
}

async fn run_server(app: App, settings: &Settings, listen: &[SocketAddr]) -> Result<(), Failed> {
    let server = Server::new(app);
    // Before the first socket: a stop must not come between.
    let stop = stop_signal().map_err(|error| failed("cannot wait for signals", &error))?;
    match listen {
        [] => {
            let listeners = Listeners::new(&settings.interfaces, settings.port)
                .map_err(|error| failed("cannot look for interfaces", &error))?;
            serve_interfaces(&server, listeners, stop).await?;
        }
        addresses => serve_addresses(&server, addresses, stop).await?,
    }
    info!("stopping");
    server.stop().await;
    Ok(())
}

async fn serve_addresses(
    server: &Server,
    addresses: &[SocketAddr],
    stop: impl Future<Output = ()>,
) -> Result<(), Failed> {
    let listeners = bind_addresses(addresses)
        .map_err(|(address, error)| failed(&format!("cannot listen on {address}"), &error))?;
    let mut serving = Vec::new();
    for listener in listeners {
        let address = listener.local_addr();
        serving
            .push(serve(server, listener, None).map_err(|error| failed("cannot listen", &error))?);
        if let Ok(address) = address {
            info!(addr:% = address; "listening");
        }
    }
    stop.await;
    Ok(())
}

async fn serve_interfaces(
    server: &Server,
    mut listeners: Listeners<crate::http::Serving>,
    stop: impl Future<Output = ()>,
) -> Result<(), Failed> {
    let mut rescan = interval(RESCAN);
    rescan.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            () = stop.as_mut() => return Ok(()),
            _ = rescan.tick() => {
                listeners.update(|listener, interface| serve(server, listener, Some(interface)));
                if listeners.is_empty() {
                    return Err(failed("cannot listen", &"no interface can be used, not even the loopback"));
                }
            }
        }
    }
}

/// Resolves at the first SIGTERM (procd's stop) or SIGINT (Ctrl-C).
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

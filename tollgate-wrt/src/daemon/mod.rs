//! One run of the daemon, from start to stop.

mod shop;
mod sockets;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use log::{LevelFilter, error, info, warn};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::captive::api::Places;
use crate::clock::{Clock, Reading};
use crate::config::{self, Loaded, Settings};
use crate::control::{self, About, Commands};
use crate::front::{Front, offer};
use crate::http::{App, Server, Shop};
use crate::identity::{self, Identity};
use crate::logging::{self, Target};
use crate::net::Resolver;
use crate::net::listen::Listeners;
use crate::paths::Paths;
use crate::portal::Portal;
use crate::sessions::Keeper;
use sockets::{Sockets, serve_addresses, stop_signal};

/// How often it is looked whether a LAN interface has come or gone, and whether
/// the clock was set.
const LOOK: Duration = Duration::from_secs(1);

/// How often sessions are looked after.
const TICK: Duration = Duration::from_secs(2);

/// How long the gate's work at hand may take once the daemon is to stop; with
/// the requests' time it is less than what procd waits.
const KEEPER_TIMEOUT: Duration = Duration::from_millis(1_500);

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

impl Options {
    /// Settings that the options override, by their names there.
    fn by_setting(&self) -> BTreeMap<&'static str, Vec<String>> {
        let texts = |list: &[SocketAddr]| list.iter().map(ToString::to_string).collect();
        let level = self.log_level.map(|level| level.as_str().to_lowercase());
        let all = [
            ("interface", self.interfaces.clone()),
            ("listen", texts(&self.listen)),
            ("log_level", level.into_iter().collect()),
        ];
        let given = all.into_iter().filter(|(_, values)| !values.is_empty());
        given.collect()
    }
}

/// A run that failed; the reason was logged.
#[derive(Debug, Clone, Copy)]
pub struct Failed;

/// Runs until SIGTERM, SIGINT or SIGHUP.
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

    let started = Instant::now();
    let files = config::fingerprint(&paths);
    let (settings, mut warnings) = load_settings(&paths, options)?;
    if !settings.enabled {
        info!(file:% = paths.uci().display(); "disabled by `option enabled '0'`, nothing to do");
        return Ok(());
    }
    let (mut front, identity) = front(&paths, &settings, &mut warnings)?;
    let key = identity.key;
    let clock = Clock::new();
    let event = front
        .sign(clock.read())
        .map_err(|error| failed("cannot sign", &error))?;
    let opened = shop::open(&paths, &settings, key.clone(), identity.addresses)?;
    warnings.extend(opened.warnings);
    let (till, keeper) = (
        Arc::clone(&opened.shop.till),
        Arc::clone(&opened.shop.keeper),
    );
    let (portal, odd) = Portal::new(&paths, &settings, till, keeper);
    warnings.extend(odd);
    let about = Arc::new(About {
        started,
        settings: settings.clone(),
        files,
        key,
        warnings,
        damage: opened.damage,
        command_line: options.by_setting(),
        listening: Mutex::default(),
    });
    let shop = opened.shop;
    let commands = Commands {
        bank: opened.bank,
        paymaster: Arc::clone(&opened.paymaster),
        keeper: Arc::clone(&shop.keeper),
        store: opened.store,
        till: Arc::clone(&shop.till),
        about: Arc::clone(&about),
        paths: paths.clone(),
    };
    let socket = control::place(&paths);
    let places = Places {
        origin: settings
            .captive_api
            .map(|address| address.origin().to_owned()),
        afterwards: settings.file.redirect_url,
        is_open: opened.is_open,
    };
    let resolver = Resolver::new(paths);
    let app = App::new(event.to_json(), resolver, shop.clone(), portal, places);

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        // Names of mints are looked up there. The journal has its own thread.
        .max_blocking_threads(8)
        .thread_stack_size(256 * 1024)
        .build()
        .map_err(|error| failed("cannot start the runtime", &error))?;
    let result = runtime.block_on(async {
        let _control = control::listen(&socket, commands)
            .inspect_err(|error| {
                warn!(file:% = socket.display(), error:%; "cannot take commands");
            })
            .ok();
        opened.paymaster.start();
        run_server(app, front, clock, &shop, &about, options).await
    });
    // A name that is being looked up can take longer than procd waits.
    runtime.shutdown_background();
    result
}

fn failed(what: &str, error: &dyn std::fmt::Display) -> Failed {
    error!(error:%; "{what}");
    Failed
}

/// Reads the settings, says what is odd, and lets the command line override.
fn load_settings(paths: &Paths, options: &Options) -> Result<(Settings, Vec<String>), Failed> {
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
    for finding in &warnings {
        warn!(warning:% = finding; "configuration");
    }
    let warnings = warnings.iter().map(ToString::to_string).collect();
    if !has_file {
        warn!(file:% = paths.config().display(); "no configuration file, using defaults");
    }
    if !options.interfaces.is_empty() {
        settings.interfaces.clone_from(&options.interfaces);
    }
    // Where the gate leads customers to, who cannot get at the loopback.
    let mut listen = options.listen.iter();
    let reachable = listen.find(|address| !address.ip().is_loopback() && address.port() != 0);
    settings.port = reachable.map_or(settings.port, SocketAddr::port);
    Ok((settings, warnings))
}

/// What the daemon shows everybody.
fn front(
    paths: &Paths,
    settings: &Settings,
    warnings: &mut Vec<String>,
) -> Result<(Front, Identity), Failed> {
    let identity = identity::load_or_create(&paths.identities())
        .map_err(|error| failed("cannot start without the router's key", &error))?;
    if identity.is_new {
        info!(file:% = paths.identities().display(); "made a new identity");
    }
    for warning in &identity.warnings {
        warn!(warning = warning.as_str(); "identity");
    }
    warnings.extend(identity.warnings.iter().cloned());
    let mints = settings.file.accepted_mints.len();
    if mints == 0 {
        warn!(
            file:% = paths.config().display(),
            uci:% = paths.uci().display();
            "not configured: nothing is sold until a mint is named in accepted_mints, or as `list mint` in UCI"
        );
    }
    let draft = offer(&settings.file, false, true);
    info!(version = env!("CARGO_PKG_VERSION"), pubkey = identity.key.public_hex().as_str(), mints; "starting");
    Ok((Front::new(draft, identity.key.clone()), identity))
}

async fn run_server(
    app: App,
    mut front: Front,
    clock: Clock,
    shop: &Shop,
    about: &About,
    options: &Options,
) -> Result<(), Failed> {
    let settings = &about.settings;
    let server = Server::new(app);
    // Before the first socket: a stop must not come between.
    let stop = stop_signal().map_err(|error| failed("cannot wait for signals", &error))?;
    let mut stop = std::pin::pin!(stop);
    let mut sockets = match options.listen.as_slice() {
        [] => Sockets::Interfaces(
            Listeners::new(
                &settings.interfaces,
                settings.port,
                Paths::new(&options.root),
            )
            .map_err(|error| failed("cannot look for interfaces", &error))?,
        ),
        addresses => Sockets::Addresses(serve_addresses(&server, addresses)?),
    };
    about.listens(sockets.places());
    let pending = shop.till.resume();
    if pending > 0 {
        info!(pending; "going on with payments of the last run");
    }
    let mints = shop.till.check_restored();
    if mints > 0 {
        info!(mints; "ecash from a backup is checked with its mints before it counts");
    }
    shop.till.look_after_mints();
    shop.till.look_after_wallet();
    let (leave, stay) = watch::channel(());
    let keeper = tokio::spawn(keep(Arc::clone(&shop.keeper), stay));
    let mut tick = interval(LOOK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut last = clock.read();
    loop {
        tokio::select! {
            () = stop.as_mut() => break,
            _ = tick.tick() => {
                let now = clock.read();
                if now.has_jumped_since(&last) {
                    info!("the clock was set");
                    shop.till.clock_was_set();
                }
                last = now;
                let is_cut_off = shop.till.is_cut_off();
                front.say(offer(&settings.file, is_cut_off, shop.till.is_clock_right()));
                renew(&server, &mut front, now);
                sockets.update(&server)?;
                about.listens(sockets.places());
            }
        }
    }
    drop(sockets);
    info!("stopping");
    server.stop().await;
    drop(leave);
    if timeout(KEEPER_TIMEOUT, keeper).await.is_err() {
        warn!(
            "stopping although the gate is at work; usage since the last checkpoint is not written down"
        );
    }
    Ok(())
}

/// Looks after the sessions until the other end of `stay` is dropped.
async fn keep(keeper: Arc<Keeper>, mut stay: watch::Receiver<()>) {
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let gate = Arc::clone(&keeper);
    let gate = tokio::spawn(async move { gate.tend().await });
    loop {
        tokio::select! {
            _ = stay.changed() => break,
            _ = tick.tick() => keeper.tick().await,
        }
    }
    gate.abort();
    keeper.checkpoint().await;
}

/// Signs the front event again if it has changed, or the clock was set: a
/// router's is wrong until the network has told it the time.
fn renew(server: &Server, front: &mut Front, now: Reading) {
    match front.sign_if_due(now) {
        Ok(None) => {}
        Ok(Some(event)) => {
            info!(created_at = event.created_at, kind = event.kind; "what is shown is signed again: the offer has changed, or the clock was set");
            server.app().set_front(event.to_json());
        }
        // The old one is as good as it was; the next tick tries again.
        Err(error) => warn!(error:%; "cannot sign the advertisement again"),
    }
}

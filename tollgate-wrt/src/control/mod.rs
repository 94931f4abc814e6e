//! The daemon's Unix socket, for whoever may act as the router's owner.

mod about;
mod commands;
mod payouts;
mod status;
pub mod wire;

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use log::{debug, warn};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

pub use about::{About, Listening};
pub use commands::Commands;
use wire::{Answer, MAX_LINE, Request};

use crate::paths::Paths;

/// Root only: whoever can ask here can take the money.
const MODE: u32 = 0o600;

/// How long a request may take to come. Its answer takes as long as it takes.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Most requests at once.
const MAX_REQUESTS: usize = 4;

/// The socket; dropped, it is gone.
#[derive(Debug)]
pub struct Control {
    path: PathBuf,
    task: JoinHandle<()>,
}

impl Drop for Control {
    fn drop(&mut self) {
        self.task.abort();
        let _ = fs::remove_file(&self.path);
    }
}

/// Where the daemon listens: in a directory for that if there is one, else where
/// clients look, who find a link there then.
pub fn place(paths: &Paths) -> PathBuf {
    let directory = paths.control_directory();
    match directory.is_dir() {
        true => directory.join("tollgate.sock"),
        false => paths.control(),
    }
}

/// Listens at `path`. What an earlier run has left there is replaced: the
/// journal's lock tells that it is gone.
///
/// # Errors
/// What the system says.
pub fn listen(path: &Path, commands: Commands) -> io::Result<Control> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // Nobody else can connect before the mode is set: the umask is the
    // process's, and this is its only thread that makes files.
    let mask = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o177));
    let listener = UnixListener::bind(path);
    rustix::process::umask(mask);
    let listener = listener?;
    fs::set_permissions(path, Permissions::from_mode(MODE))?;
    Ok(Control {
        path: path.to_owned(),
        task: tokio::spawn(accept(listener, Arc::new(commands))),
    })
}

async fn accept(listener: UnixListener, commands: Arc<Commands>) {
    let places = Arc::new(Semaphore::new(MAX_REQUESTS));
    loop {
        // Never closed.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let commands = Arc::clone(&commands);
                tokio::spawn(async move {
                    if let Err(error) = converse(stream, &commands).await {
                        debug!(error:%; "a command was cut off");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                warn!(error:%; "cannot take commands");
                sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn converse(mut stream: UnixStream, commands: &Commands) -> io::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut line = Vec::new();
    let mut reader = BufReader::new(reader.take(MAX_LINE as u64));
    timeout(TIMEOUT, reader.read_until(b'\n', &mut line)).await??;
    let answer = match serde_json::from_slice::<Request>(&line) {
        Ok(request) => commands.run(&request).await,
        Err(error) => Answer::failed(format!("no command: {error}")),
    };
    let mut text = serde_json::to_vec(&answer)?;
    text.push(b'\n');
    writer.write_all(&text).await?;
    writer.shutdown().await
}

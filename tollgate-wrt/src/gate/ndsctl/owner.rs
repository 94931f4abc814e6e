//! What the owner's commands do with this gate, without the daemon.

use std::fs;
use std::path::Path;

use super::meter::Meters;
use super::nds::TIMEOUT_OF_ALL;
use super::program::{self, Reply, Silence, TIMEOUT};
use super::report::{self, Client};
use super::{Error, ipv6};
use crate::gate::{Open, nft};
use crate::net::Mac;
use crate::paths::Paths;

/// Whom NoDogSplash or openNDS lets through, with the bytes since it did.
///
/// # Errors
/// Why it does not say.
pub fn customers() -> Result<Vec<Open>, Error> {
    let open = |client: Client| {
        client.is_open().then(|| Open {
            mac: client.mac,
            bytes: Some(client.bytes()),
        })
    };
    let clients = wait(async { read(ask().await?) })?;
    Ok(clients.into_iter().filter_map(open).collect())
}

/// How customers get past it, and the ways out.
pub fn leaks(paths: &Paths, interfaces: &[String]) -> [Option<String>; 2] {
    [super::offload(paths), ipv6::leak(paths, interfaces)]
}

/// Whether a daemon has worked this gate since the router was started.
pub fn was_used(paths: &Paths) -> bool {
    paths.ndsctl_counters().exists()
}

/// Shuts out whom the last daemon let through; how many it were. Where
/// NoDogSplash or openNDS is gone, there is nobody.
///
/// # Errors
/// That a daemon runs, or what `ndsctl` says.
pub fn release(paths: &Paths) -> Result<usize, Error> {
    let stop = |error| {
        Error(format!(
            "{error}; stop it first: /etc/init.d/tollgate-wrt stop"
        ))
    };
    let _claim = nft::claim().map_err(stop)?;
    let file = paths.ndsctl_counters();
    let customers = Meters::open(file.clone()).customers();
    let shut = wait(async {
        let clients = match ask().await {
            Err(silence) if silence.is_gone => return Ok(0),
            reply => read(reply?)?,
        };
        let is_ours = |client: &&Client| client.is_open() && customers.contains(&client.mac);
        let mut shut = 0;
        for client in clients.iter().filter(is_ours) {
            deauth(client.mac, &client.token).await?;
            shut += 1;
        }
        Ok(shut)
    })?;
    remove(&file)?;
    Ok(shut)
}

async fn ask() -> Result<Reply, Silence> {
    program::ask(&["json"], TIMEOUT_OF_ALL).await
}

fn read(reply: Reply) -> Result<Vec<Client>, Error> {
    match reply {
        Reply::Yes(text) => report::clients(&text),
        Reply::No(said) => Err(Error(said)),
    }
}

async fn deauth(mac: Mac, token: &str) -> Result<(), Error> {
    match program::ask(&["deauth", token], TIMEOUT).await? {
        Reply::Yes(_) => Ok(()),
        Reply::No(said) => Err(Error(format!("{mac} is still let through: {said}"))),
    }
}

fn remove(file: &Path) -> Result<(), Error> {
    let told = |error| Error(format!("cannot remove {}: {error}", file.display()));
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(told(error)),
        _ => Ok(()),
    }
}

fn wait<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build();
    let runtime = runtime.map_err(|error| Error(error.to_string()))?;
    runtime.block_on(work)
}

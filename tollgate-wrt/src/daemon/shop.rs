//! What takes money, put together.

use std::sync::Arc;

use log::{debug, error, info, warn};

use super::{Failed, failed};
use crate::bank::Bank;
use crate::clock::Uptime;
use crate::config::schema::Metric;
use crate::config::{GateChoice, Settings};
use crate::files;
use crate::gate::nft::Place;
use crate::gate::{self, Gate};
use crate::http::Shop;
use crate::identity::Addresses;
use crate::journal::disk::Directory;
use crate::ledger::{Damage, Store};
use crate::nostr::SigningKey;
use crate::paths::Paths;
use crate::payment::Till;
use crate::payout::Paymaster;
use crate::sessions::Keeper;
use crate::wallet::Client;

/// What was put together.
pub(super) struct Open {
    pub shop: Shop,
    pub bank: Bank,
    pub paymaster: Arc<Paymaster>,
    pub store: Arc<Store>,
    pub damage: Damage,
    pub warnings: Vec<String>,
    /// Whether nobody is kept out: there is no gate, and nothing to buy.
    pub is_open: bool,
}

/// What takes money: the journal, the gate, and what stands between them.
pub(super) fn open(
    paths: &Paths,
    settings: &Settings,
    key: SigningKey,
    addresses: Addresses,
) -> Result<Open, Failed> {
    let directory = paths.money();
    let (store, damage) = Directory::open(&directory)
        .and_then(Store::open)
        .map_err(|error| {
            error!(directory:% = directory.display(), error:%; "cannot open the journal of payments");
            Failed
        })?;
    if damage.torn > 0 {
        info!(bytes = damage.torn; "the journal had an unfinished record, from when the power failed");
    }
    if damage.places > 0 {
        error!(
            places = damage.places,
            copy:% = directory.join("journal.damaged").display();
            "the journal is damaged; what can be read is used, and a copy is kept"
        );
    }
    let mut warnings = Vec::new();
    let mut warn = |text: &str| {
        warn!("{text}");
        warnings.push(text.to_owned());
    };
    let release = files::read_text(&paths.kernel_release()).unwrap_or_default();
    let unfit = gate::nft::unfit(&release);
    let is_open = match &settings.gate {
        GateChoice::Nftables(_) => nothing_to_gate(settings, &store),
        choice => *choice == GateChoice::Missing,
    };
    let gate: Arc<dyn Gate> = match &settings.gate {
        GateChoice::Nftables(_) if is_open => {
            warn("nothing is sold, so that the gate lets everybody through until a mint is named");
            // One that was left by an earlier run, and is nobody else's.
            let removed = gate::nft::claim().and_then(|_claim| gate::nft::remove());
            if let Err(error) = removed {
                debug!(error:%; "no gate is removed");
            }
            Arc::new(gate::Missing::default())
        }
        GateChoice::Nftables(_) if unfit.is_some() => {
            let why = unfit.unwrap_or_default();
            error!(error = why.as_str(); "payments are refused");
            Arc::new(gate::Missing::because(why))
        }
        GateChoice::Nftables(open_ports) => {
            let place = Place {
                interfaces: settings.interfaces.clone(),
                port: settings.port,
                open_ports: open_ports.clone(),
            };
            Arc::new(gate::Nftables::new(place, paths.firewall()))
        }
        GateChoice::Ndsctl => {
            let gate = gate::Ndsctl::new(paths.clone(), settings.interfaces.clone());
            Arc::new(gate)
        }
        GateChoice::Command(program) => Arc::new(gate::Command::new(program.clone())),
        GateChoice::None => {
            warn("no gate: everybody has access, paid or not, as `option gate 'none'` says");
            if settings.file.metric == Metric::Bytes {
                warn("nothing counts bytes without a gate: sessions never end");
            }
            Arc::new(gate::NoGate::default())
        }
        GateChoice::Missing => {
            let uci = paths.uci();
            warn(&format!(
                "no gate is configured in {}: payments are refused",
                uci.display()
            ));
            Arc::new(gate::Missing::default())
        }
    };
    let uptime = Uptime::new(paths).map_err(|error| failed("no random numbers", &error))?;
    let store = Arc::new(store);
    let keeper = Arc::new(
        Keeper::new(Arc::clone(&store), gate, uptime).with_delay(settings.file.auth_delay()),
    );
    let client = Arc::new(Client::new(paths.certificates()));
    let till = Till::new(
        settings,
        Arc::clone(&store),
        Arc::clone(&keeper),
        Arc::clone(&client),
    );
    let till = Arc::new(till);
    let paymaster = Paymaster::new(
        &settings.file,
        addresses,
        Arc::clone(&till),
        Arc::clone(&store),
        client,
    );
    let bank = Bank::new(Arc::clone(&store), Arc::clone(&till));
    Ok(Open {
        shop: Shop { till, keeper, key },
        bank,
        paymaster: Arc::new(paymaster),
        store,
        damage,
        warnings,
        is_open,
    })
}

/// Whether there is nothing to buy and nothing that was bought: to keep people
/// out would only cut off the owner of a router that is not set up yet.
fn nothing_to_gate(settings: &Settings, store: &Store) -> bool {
    let has_sessions = store.read(|state| state.sessions().next().is_some());
    settings.file.accepted_mints.is_empty() && !has_sessions
}

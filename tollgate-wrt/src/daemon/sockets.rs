//! What the daemon listens with, and what tells it to stop.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use log::info;
use tokio::signal::unix::{SignalKind, signal};

use super::{Failed, failed};
use crate::control::Listening;
use crate::http::{Server, Serving, serve};
use crate::net::listen::{Listeners, bind_addresses};

/// What the daemon listens with; dropped, it no longer does.
pub(super) enum Sockets {
    Interfaces(Listeners<Serving>),
    Addresses(Vec<(SocketAddr, Serving)>),
}

impl Sockets {
    /// Where they are.
    pub(super) fn places(&self) -> Vec<Listening> {
        match self {
            Self::Interfaces(listeners) => {
                let served = listeners.served();
                let place = |(name, port): (&str, u16)| Listening {
                    interface: Some(name.to_owned()),
                    address: format!("[::]:{port}"),
                };
                served.map(place).collect()
            }
            Self::Addresses(serving) => {
                let place = |(address, _): &(SocketAddr, Serving)| Listening {
                    interface: None,
                    address: address.to_string(),
                };
                serving.iter().map(place).collect()
            }
        }
    }

    /// Brings the sockets in line with the interfaces that exist now.
    pub(super) fn update(&mut self, server: &Server) -> Result<(), Failed> {
        let Self::Interfaces(listeners) = self else {
            return Ok(());
        };
        listeners.update(|listener, interface| serve(server, listener, Some(interface)));
        match listeners.is_empty() {
            true => Err(failed(
                "cannot listen",
                &"no interface can be used, not even the loopback",
            )),
            false => Ok(()),
        }
    }
}

pub(super) fn serve_addresses(
    server: &Server,
    addresses: &[SocketAddr],
) -> Result<Vec<(SocketAddr, Serving)>, Failed> {
    let listeners = bind_addresses(addresses)
        .map_err(|(address, error)| failed(&format!("cannot listen on {address}"), &error))?;
    let mut serving = Vec::new();
    for listener in listeners {
        let cannot = |error: io::Error| failed("cannot listen", &error);
        let address = listener.local_addr().map_err(cannot)?;
        serving.push((address, serve(server, listener, None).map_err(cannot)?));
        info!(addr:% = address; "listening");
    }
    Ok(serving)
}

/// Resolves at the first SIGTERM (procd's stop), SIGINT (Ctrl-C) or SIGHUP (the
/// terminal is gone; settings are read again by a restart only).
pub(super) fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}

//! The gate: what it costs, and how fast it opens, shuts and is made again.
//!
//! Customers, a router and the internet are network namespaces of this machine,
//! with a real mint on the router. With and without the gate take turns in the
//! same network: for `without`, the daemon is stopped and its table dormant.

mod idle;
mod iperf;
mod opening;
mod place;
mod router;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::daemon::process::Server;
use super::daemon::{self, figure, median, nutshell};
use super::{Figure, Target};
use crate::context::Context;
use crate::toolchain::select::Choice;
use iperf::{Servers, Traffic};
use place::{ALL, Place, REAL, within};
use router::Router;

/// Turns of with and without, for each of the asked runs.
const RUNS: usize = 4;

/// Payments without a gate, to compare with.
const UNGATED: usize = 60;

/// Small packets make the gate's work as large as it can be beside the rest.
const LEAST_SMALL: f64 = 0.85;

/// All figures of the gate.
///
/// # Errors
/// No root, no iperf3, no mint, or a program that fails.
pub fn figures(ctx: &Context, choice: Choice, runs: usize) -> Result<Vec<Figure>> {
    let programs = nutshell::programs(ctx)?;
    let binary = daemon::compile(ctx, choice, None)?;
    let place = Place::new()?;
    let bench = Bench {
        ctx,
        binary,
        place: &place,
        runs,
    };
    within(place.router(), || bench.all(&programs))?
}

struct Bench<'a> {
    ctx: &'a Context,
    binary: PathBuf,
    place: &'a Place,
    runs: usize,
}

impl Bench<'_> {
    /// On the router.
    fn all(&self, programs: &Path) -> Result<Vec<Figure>> {
        let target = self.ctx.root.join("target");
        let dir = tempfile::tempdir_in(&target).context("make a directory for the bench")?;
        let ui = &self.ctx.ui;
        ui.status("Starting", "nutshell, a mint");
        let mint = nutshell::start(programs, dir.path())?;
        let money = nutshell::money(programs, &mint, ALL + UNGATED)?;
        let (paid, ungated) = money.tokens.split_at(ALL);
        let router = Router::new(&target, &self.binary, mint.address, "nftables", 2121)?;
        let daemon = router.start()?;
        router.wait_for("the gate is in place")?;
        ui.status("Measuring", "a gate without customers");
        let mut figures = idle("CPU while idle, nobody", &daemon, 1.0)?;
        ui.status("Measuring", "payments");
        let mut waits = opening::measure(self.place, &router, 0..1, paid)?;
        ui.status("Measuring", "throughput of one customer");
        let servers = Servers::start(self.place)?;
        figures.extend(self.throughput(&servers, &daemon, 1, "1 customer", 0.95)?);
        ui.status("Measuring", "payments of the others");
        waits.extend(opening::measure(self.place, &router, 1..REAL, paid)?);
        figures.push(opening::medians(&waits));
        let mut gated = Vec::new();
        for (customer, token) in paid.iter().enumerate().skip(REAL) {
            gated.push(router.pay(customer, token)?);
        }
        let open = self.place.open();
        ensure!(open == ALL, "{open} of {ALL} are let through");
        figures.push(self.share(&gated, &mint, ungated)?);
        ui.status("Measuring", "throughput of four of 500 customers");
        figures.extend(self.throughput(&servers, &daemon, REAL, "500 customers", 0.9)?);
        drop(servers);
        ui.status("Measuring", "a gate with 500 customers");
        figures.extend(idle("CPU while idle, 500 customers", &daemon, 5.0)?);
        ui.status("Measuring", "restarts");
        figures.extend(self.restarts(&router, daemon)?);
        Ok(figures)
    }

    /// With the gate over without it.
    fn throughput(
        &self,
        servers: &Servers,
        daemon: &Server,
        customers: usize,
        who: &str,
        least: f64,
    ) -> Result<Vec<Figure>> {
        let pid = Pid::from_raw(i32::try_from(daemon.id())?).context("no process")?;
        let mut figures = Vec::new();
        for traffic in Traffic::ALL {
            let (mut with, mut without) = (0.0_f64, 0.0_f64);
            // The best of each: other work makes it slower, never faster.
            for _ in 0..RUNS * self.runs {
                with = with.max(servers.run(self.place, traffic, customers)?);
                kill_process(pid, Signal::STOP).context("stop the daemon")?;
                self.place
                    .nft("add table inet tollgate { flags dormant; }")?;
                let free = servers.run(self.place, traffic, customers);
                self.place.nft("add table inet tollgate")?;
                kill_process(pid, Signal::CONT).context("go on")?;
                without = without.max(free?);
            }
            let (name, unit) = (traffic.name(), traffic.unit());
            figures.push(figure(
                &format!("{name}, {who}, with gate/without"),
                with / without,
                "×",
                Some(Target::AtLeast(match traffic {
                    Traffic::Up | Traffic::Down => least,
                    Traffic::Small => LEAST_SMALL,
                })),
                &format!("{with:.2} against {without:.2} {unit}"),
            ));
        }
        Ok(figures)
    }

    /// What the gate adds to a payment.
    fn share(&self, gated: &[Duration], mint: &Server, tokens: &[String]) -> Result<Figure> {
        let target = self.ctx.root.join("target");
        let router = Router::new(&target, &self.binary, mint.address, "none", 2122)?;
        let _daemon = router.start()?;
        let paid = tokens.iter().enumerate();
        let ungated = paid.map(|(customer, token)| router.pay(customer, token));
        let ungated = median(ungated.collect::<Result<Vec<_>>>()?);
        let gated = median(gated.to_vec());
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        Ok(figure(
            "gate's share of a payment",
            milliseconds(gated) - milliseconds(ungated),
            "ms",
            Some(Target::AtMost(25.0)),
            &format!(
                "{:.1} ms against {:.1} ms without a gate",
                milliseconds(gated),
                milliseconds(ungated)
            ),
        ))
    }

    /// All customers are let through again, and shut out, by a daemon that starts.
    fn restarts(&self, router: &Router, daemon: Server) -> Result<Vec<Figure>> {
        drop(daemon);
        let seconds = |name: &str, wanted: usize| -> Result<Figure> {
            let start = Instant::now();
            let _daemon = router.start()?;
            let mut open = self.place.open();
            while open != wanted {
                ensure!(
                    start.elapsed() < Duration::from_secs(30),
                    "{open} are let through"
                );
                open = self.place.open();
            }
            let took = start.elapsed().as_secs_f64();
            let target = Some(Target::AtMost(1.0));
            Ok(figure(name, took, "s", target, "from the daemon's start"))
        };
        self.place.nft("delete table inet tollgate")?;
        let opened = seconds("500 let through after a restart", ALL)?;
        router.forget()?;
        Ok(vec![opened, seconds("500 shut out at once", 0)?])
    }
}

fn idle(name: &str, daemon: &Server, most: f64) -> Result<Vec<Figure>> {
    // What the start and payments have left to do.
    std::thread::sleep(Duration::from_secs(3));
    let idle::Idle { permille, wakeups } = idle::watch(daemon.id())?;
    let memory = daemon.memory()? / 1e6;
    Ok(vec![figure(
        name,
        permille,
        "‰",
        Some(Target::AtMost(most)),
        &format!("of one processor; {wakeups:.1} wakeups a second, {memory:.1} MB"),
    )])
}

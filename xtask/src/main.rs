use std::process::ExitCode;

use clap::Parser;
use xtask::cmd;
use xtask::context::Context;
use xtask::flags::{Command, Xtask};
use xtask::toolchain::starter;
use xtask::util::ui::Ui;

fn main() -> ExitCode {
    if let Some(code) = starter::run_if_started_as_rustc() {
        return code;
    }
    let flags = Xtask::parse();
    let trouble = flags.command.trouble();
    let run = Context::load().and_then(|ctx| match flags.command {
        Command::Ipk(flags) => cmd::ipk::run(&flags, &ctx),
        Command::Setup(flags) => cmd::setup::run(&flags, &ctx),
        Command::Doctor(flags) => cmd::doctor::run(&flags, &ctx),
        Command::Pack(flags) => cmd::pack::run(&flags, &ctx),
        Command::Inspect(flags) => cmd::inspect::run(&flags, &ctx),
        Command::Fingerprint(flags) => cmd::fingerprint::run(&flags, &ctx),
        Command::Image(flags) => cmd::image::run(&flags, &ctx),
        Command::Log(flags) => cmd::log::run(&flags),
        Command::VerifyCache(flags) => cmd::verify_cache::run(&flags, &ctx),
        Command::Smoke(flags) => cmd::smoke::run(&flags, &ctx),
        Command::Recipe(flags) => cmd::recipe::run(&flags, &ctx),
        Command::Bench(flags) => cmd::bench::run(&flags, &ctx),
        Command::Test(flags) => cmd::test::run(&flags, &ctx),
        Command::Ci(flags) => cmd::ci::run(&flags, &ctx),
        Command::Apk(flags) => cmd::apk::run(flags, &ctx),
        Command::Keygen(flags) => cmd::keygen::run(&flags, &ctx),
        Command::Feed(flags) => cmd::feed::run(&flags, &ctx),
        Command::Completions(flags) => cmd::completions::run(&flags),
        Command::Reproduce(flags) => cmd::reproduce::run(&flags, &ctx),
        Command::Policy(flags) => cmd::policy::run(&flags, &ctx),
        Command::Man(flags) => cmd::man::run(&flags, &ctx),
        Command::Deploy(flags) => cmd::deploy::run(&flags, &ctx),
        Command::Try(flags) => cmd::trial::run(&flags, &ctx),
    });
    run.unwrap_or_else(|error| {
        Ui::default().error(&error);
        trouble
    })
}

//! Native builds: the compiler and zig, the standard library in the cache, and
//! the record of the last build. cargo is not run, so the target directory is
//! as it was.

use std::collections::BTreeMap;

use anyhow::Result;

use super::check::{Check, Evidence};
use super::last;
use super::subject::Place;
use crate::config::sdk::Arch;
use crate::context::Context;
use crate::fingerprint::{Inputs, Reason, join_short};
use crate::record::{Built, list};
use crate::toolchain::cache::{self, Cache, verify_whole};
use crate::toolchain::provider::{Compiler, State as Found};
use crate::toolchain::select::{self, Choice};
use crate::toolchain::{stdlib, wheels};

/// Differences that a sentence names.
const NAMED: usize = 3;

/// What is compared once, though several architectures need it.
#[derive(Debug)]
pub struct Native<'a> {
    ctx: &'a Context,
    cache: Cache,
    compilers: BTreeMap<&'static str, Looked>,
    zig: Option<Whole>,
    stds: BTreeMap<String, Whole>,
}

/// Files against their record: how many, or what differs.
type Whole = Result<usize, Vec<Reason>>;

/// A compiler and its files, or what is missing and what mends it.
type Looked = Result<(Compiler, Result<Option<usize>, Vec<Reason>>), (String, String)>;

impl<'a> Native<'a> {
    /// Looks at the user's cache.
    ///
    /// # Errors
    /// When its place is unknown.
    pub fn new(ctx: &'a Context) -> Result<Self> {
        Ok(Self {
            ctx,
            cache: Cache::open()?,
            compilers: BTreeMap::new(),
            zig: None,
            stds: BTreeMap::new(),
        })
    }

    /// The four checks that build nothing.
    ///
    /// # Errors
    /// When sdk.toml's pin is no version.
    pub fn examine(
        &mut self,
        arch: &Arch,
        choice: Choice,
        place: &Place,
        last: &last::Last,
    ) -> Result<Vec<Evidence>> {
        let setup = format!(
            "cargo xtask setup {} --toolchain {}",
            arch.name,
            choice.name()
        );
        let (compiler, files) = match self.compiler(choice)? {
            Ok(found) => found,
            Err((why, mend)) => {
                let gone = |check| {
                    Evidence::recompiled(check, format!("the compiler would be installed: {why}"))
                        .because("not-ready")
                        .mend(mend.clone())
                };
                let mut answers = vec![gone(Check::Inputs), gone(Check::Files)];
                answers.push(gone(Check::NextBuild));
                answers.push(last.answer(place));
                return Ok(answers);
            }
        };
        let inputs = stdlib::inputs(&compiler, &arch.target, &self.ctx.sdk);
        let std = self.std(&arch.target, &inputs);
        let std_path = self.cache.entry_path("std", &arch.target, &inputs);
        let pins = &self.ctx.sdk.toolchain;
        let zig_inputs = wheels::inputs(pins);
        let zig_path = self.cache.entry_path("wheels", "zig", &zig_inputs);
        let files = compiler_files(&compiler, files)
            .with(entry_files(
                "zig and cargo-zigbuild",
                &self.zig(),
                &zig_path,
                &setup,
            ))
            .with(entry_files("the standard library", &std, &std_path, &setup));
        let zig = wheels::ready(&self.cache, pins);
        let before = last.built().map(|built| &built.inputs);
        let pairs = [
            ("std", "std", arch.target.as_str(), &inputs),
            ("zig", "wheels", "zig", &zig_inputs),
        ];
        let compared = pairs.map(|(part, kind, name, inputs)| {
            let before = before.and_then(|before| before.get(part));
            self.inputs(part, (kind, name), inputs, before, &setup)
        });
        let compared = compared.into_iter().reduce(Evidence::with);
        Ok(compared
            .into_iter()
            .chain([
                files,
                next(&inputs, &std, zig, &setup, last),
                last.answer(place),
            ])
            .collect())
    }

    fn compiler(&mut self, choice: Choice) -> Result<Looked> {
        if let Some(looked) = self.compilers.get(choice.name()) {
            return Ok(looked.clone());
        }
        let (sdk, ui) = (&self.ctx.sdk, &self.ctx.ui);
        let looked = match select::look(choice, sdk, &self.cache, ui)? {
            Found::Ready(compiler) => {
                let files = select::verify(&compiler, sdk, &self.cache, ui);
                Ok((compiler, files))
            }
            Found::Missing { why, mend } => Err((why, mend)),
        };
        self.compilers.insert(choice.name(), looked.clone());
        Ok(looked)
    }

    fn zig(&mut self) -> Whole {
        let inputs = wheels::inputs(&self.ctx.sdk.toolchain);
        let path = self.cache.entry_path("wheels", "zig", &inputs);
        self.zig.get_or_insert_with(|| verify_whole(&path)).clone()
    }

    fn std(&mut self, target: &str, inputs: &Inputs) -> Whole {
        let path = self.cache.entry_path("std", target, inputs);
        let whole = self.stds.entry(format!("{target} {}", inputs.digest()));
        whole.or_insert_with(|| verify_whole(&path)).clone()
    }

    /// What a part would be made from now, against what it was made from.
    fn inputs(
        &self,
        part: &str,
        (kind, name): (&str, &str),
        inputs: &Inputs,
        before: Option<&Inputs>,
        setup: &str,
    ) -> Evidence {
        let path = self.cache.entry_path(kind, name, inputs);
        let reasons = match cache::made_from(&path) {
            Ok(made_from) => inputs.differences(&made_from),
            Err(_) if !path.exists() => {
                // The last build's own inputs explain more than those of
                // whatever was made last.
                match before.map(|before| inputs.differences(before)) {
                    Some(none) if none.is_empty() => vec![Reason::FileMissing {
                        path: format!("{kind}/{name}-{}", inputs.short()),
                    }],
                    Some(changed) => changed,
                    None => self.cache.why_absent(kind, name, inputs),
                }
            }
            Err(error) => vec![Reason::RecordBroken {
                why: format!("{error:#}"),
            }],
        };
        if let Some(first) = reasons.first() {
            return Evidence::recompiled(
                Check::Inputs,
                format!("{part} would be made again: {}", join_short(&reasons)),
            )
            .because(first.kind())
            .mend(setup);
        }
        let evidence = Evidence::ok(
            Check::Inputs,
            format!(
                "{part} was made from what it would be made from now ({} inputs, {})",
                inputs.iter().count(),
                inputs.short()
            ),
        );
        match before.map(|before| inputs.differences(before)) {
            Some(since) if !since.is_empty() => evidence.and(format!(
                "{part} is another than the last build's: {}",
                join_short(&since)
            )),
            _ => evidence,
        }
    }
}

fn compiler_files(compiler: &Compiler, files: Result<Option<usize>, Vec<Reason>>) -> Evidence {
    let name = format!("Rust {} from {}", compiler.version, compiler.provider);
    match files {
        Ok(Some(count)) => Evidence::ok(Check::Files, format!("{name} is whole ({count} files)")),
        Ok(None) => Evidence::ok(
            Check::Files,
            format!(
                "{name} is taken at its word (commit {}): {} keeps no hashes",
                compiler.commit, compiler.provider
            ),
        ),
        Err(reasons) => damaged(&name, &reasons, compiler.renew()),
    }
}

fn entry_files(name: &str, files: &Whole, path: &std::path::Path, setup: &str) -> Evidence {
    match files {
        Ok(count) => Evidence::ok(Check::Files, format!("{name}: {count} files are whole")),
        Err(reasons) if reasons == &[Reason::FirstBuild] => {
            Evidence::recompiled(Check::Files, format!("{name}: not in the cache"))
                .because("file-missing")
                .mend(setup)
        }
        Err(reasons) => damaged(name, reasons, format!("rm -r {}; {setup}", path.display())),
    }
}

fn damaged(name: &str, reasons: &[Reason], mend: String) -> Evidence {
    let evidence = Evidence::recompiled(
        Check::Files,
        format!("{name} is not what was made: {}", list(reasons, NAMED)),
    );
    let cause = reasons.first().map_or("file-changed", Reason::kind);
    evidence.because(cause).mend(mend)
}

/// What the next build takes from the cache, and what it would make. It compares
/// every byte of the library, and of zig only that it is there.
fn next(
    inputs: &Inputs,
    std: &Whole,
    zig: Result<(), Vec<Reason>>,
    setup: &str,
    last: &last::Last,
) -> Evidence {
    let check = Check::NextBuild;
    let std = std.as_ref().err().cloned().unwrap_or_default();
    let noticed = |reason: &Reason| !matches!(reason, Reason::FileAdded { .. });
    let std: Vec<Reason> = std.into_iter().filter(noticed).collect();
    let zig = zig.err().unwrap_or_default();
    let parts = [("the standard library", std), ("zig", zig)];
    let made = parts.into_iter().find_map(|(name, reasons)| {
        let cause = reasons.first()?.kind();
        let text = format!(
            "the next build would make {name} again: {}",
            list(&reasons, NAMED)
        );
        let evidence = Evidence::recompiled(check, text).because(cause);
        Some(evidence.mend(setup))
    });
    let evidence = made.unwrap_or_else(|| {
        Evidence::ok(
            check,
            format!(
                "the next build takes the standard library {} from the cache",
                inputs.short()
            ),
        )
    });
    match last.built() {
        Some(built) => evidence.and(compiled(built)),
        None => evidence.with(Evidence::unknown(
            check,
            "what cargo would compile is not known: no build has finished",
        )),
    }
}

/// What the last build's cargo compiled, in one sentence.
fn compiled(built: &Built) -> String {
    let work = &built.compiled;
    match (work.own.is_empty(), work.dependencies.len()) {
        (true, 0) => "the last build compiled no crate".to_owned(),
        (true, count) => format!("the last build compiled {count} third-party crates"),
        (false, 0) => format!("the last build compiled {}", list(&work.own, NAMED)),
        (false, count) => format!(
            "the last build compiled {} and {count} third-party crates",
            list(&work.own, NAMED)
        ),
    }
}

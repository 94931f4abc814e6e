//! What the record of a native build says.

use super::{Built, Request};
use crate::compile::Compiled;
use crate::context::Context;
use crate::record::{self, Part};
use crate::toolchain::stdlib::Std;
use crate::toolchain::{Toolchain, wheels};

/// What the record of a build says.
pub fn told(
    ctx: &Context,
    request: &Request<'_>,
    toolchain: &Toolchain,
    std: &Std,
    compiled: &Compiled,
    built: &Built,
) -> record::Built {
    let mut made = toolchain.made.clone();
    if !std.built.is_empty() {
        made.push(Part {
            name: "std".to_owned(),
            reasons: std.built.clone(),
        });
    }
    let inputs = [
        ("std", std.inputs.clone()),
        ("zig", wheels::inputs(&ctx.sdk.toolchain)),
    ];
    record::Built {
        verdict: record::Built::judge(&made, &compiled.work),
        choice: request.toolchain.name().to_owned(),
        profile: request.profile.name().to_owned(),
        inputs: inputs
            .map(|(name, inputs)| (name.to_owned(), inputs))
            .into(),
        made,
        compiled: compiled.work.clone(),
        package: built.package(&request.member.cargo_name),
        log: None,
    }
}

impl Built {
    /// What records say of the package.
    pub fn package(&self, crate_name: &str) -> record::Package {
        let file = self.path.file_name().unwrap_or_default();
        record::Package {
            crate_name: crate_name.to_owned(),
            name: self.name.clone(),
            version: self.version.clone(),
            file: file.to_string_lossy().into_owned(),
            size: self.size,
            sha256: self.sha256.clone(),
            epoch: self.epoch,
        }
    }
}

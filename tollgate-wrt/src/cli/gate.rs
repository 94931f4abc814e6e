//! `gate`: the gate in the kernel, with or without a daemon.

use std::fmt::Write as _;
use std::io::ErrorKind;
use std::process::ExitCode;

use serde_json::json;

use super::output::{complain, exit_code, print};
use super::table::Parsed;
use super::table::options::DRY_RUN;
use crate::config::{self, GateChoice};
use crate::files;
use crate::gate::Open;
use crate::gate::ndsctl::owner as ndsctl;
use crate::gate::nft::{self, Quota};
use crate::paths::Paths;

/// Shows the gate; success is a gate that is in place and does not leak.
///
/// # Errors
/// What is wrong with the options.
pub fn status(parsed: &Parsed) -> Result<ExitCode, lexopt::Error> {
    let paths = Paths::new(parsed.root()?);
    // With settings that cannot be read, this is what there may be.
    let settings = config::load(&paths).ok().map(|loaded| loaded.settings);
    let is_well = match settings {
        Some(settings) if settings.gate == GateChoice::Ndsctl => {
            show_ndsctl(&paths, &settings.interfaces, parsed.json())
        }
        _ => show(&paths, parsed.json()),
    };
    Ok(exit_code(is_well))
}

/// Takes the gate away.
///
/// # Errors
/// What is wrong with the options.
pub fn remove(parsed: &Parsed) -> Result<ExitCode, lexopt::Error> {
    let is_dry = parsed.has(&DRY_RUN);
    let paths = Paths::new(parsed.root()?);
    if ndsctl::was_used(&paths) && !is_dry {
        match ndsctl::release(&paths) {
            Ok(shut) => complain(&format!(
                "NoDogSplash or openNDS stays as it is; {shut} who had paid are shut out"
            )),
            Err(error) => {
                complain(&format!(
                    "cannot end the gate of NoDogSplash or openNDS: {error}"
                ));
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    let was_there = match is_dry {
        true => nft::quotas().map(|quotas| quotas.is_some()),
        // Until the daemon has ended, it would make it again.
        false => nft::claim().and_then(|_claim| nft::remove()),
    };
    let was_there = match was_there {
        Ok(was_there) => was_there,
        Err(error) => {
            let way_out = match error.kind() {
                ErrorKind::PermissionDenied => "are you root?",
                _ => "stop the daemon first: /etc/init.d/tollgate-wrt stop",
            };
            complain(&format!("cannot remove the gate: {error}; {way_out}"));
            return Ok(ExitCode::FAILURE);
        }
    };
    let text = match (parsed.json(), was_there, is_dry) {
        (true, _, _) => format!("{}\n", json!({"removed": was_there, "dry_run": is_dry})),
        (false, true, false) => "the gate is gone: everybody has access\n".to_owned(),
        (false, true, true) => "the gate would be removed\n".to_owned(),
        (false, false, _) => "there is no gate\n".to_owned(),
    };
    Ok(exit_code(print(&text)))
}

fn show(paths: &Paths, as_json: bool) -> bool {
    let quotas = match nft::quotas() {
        Ok(quotas) => quotas,
        Err(error) => {
            complain(&format!("cannot look at nftables: {error}; are you root?"));
            return false;
        }
    };
    let release = files::read_text(&paths.kernel_release()).unwrap_or_default();
    let trouble = nft::unfit(&release).or_else(|| nft::offload(&paths.firewall()));
    let is_well = quotas.is_some() && trouble.is_none();
    let text = match as_json {
        true => report(quotas.as_deref(), trouble.as_deref()),
        false => text(quotas.as_deref(), trouble.as_deref()),
    };
    print(&text) && is_well
}

/// The same where NoDogSplash or openNDS is the gate.
fn show_ndsctl(paths: &Paths, interfaces: &[String], as_json: bool) -> bool {
    let customers = ndsctl::customers();
    let failure = customers.as_ref().err().map(ToString::to_string);
    let mut trouble: Vec<String> = failure.into_iter().collect();
    trouble.extend(ndsctl::leaks(paths, interfaces).into_iter().flatten());
    let is_in_place = customers.is_ok();
    let customers = customers.unwrap_or_default();
    let text = if as_json {
        let clients = customers
            .iter()
            .map(|open| json!({"mac": open.mac, "bytes": open.bytes, "limit": null}));
        let clients: Vec<_> = clients.collect();
        let report = json!({"in_place": is_in_place, "clients": clients, "trouble": trouble});
        format!("{report}\n")
    } else {
        let mut text = match (is_in_place, customers.is_empty()) {
            (false, _) => String::new(),
            (true, true) => {
                "NoDogSplash or openNDS is in place, and lets nobody through\n".to_owned()
            }
            (true, false) => {
                "NoDogSplash or openNDS is in place, and lets through (with bytes):\n".to_owned()
            }
        };
        for Open { mac, bytes } in &customers {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{mac} {}", bytes.unwrap_or(0));
        }
        trouble.iter().for_each(|trouble| {
            let _ = writeln!(text, "{trouble}");
        });
        text
    };
    print(&text) && trouble.is_empty()
}

fn report(quotas: Option<&[Quota]>, trouble: Option<&str>) -> String {
    let clients = quotas.unwrap_or_default().iter().map(
        |quota| json!({"mac": quota.mac, "bytes": quota.consumed, "limit": quota.bytes_limit()}),
    );
    let report = json!({
        "in_place": quotas.is_some(),
        "clients": clients.collect::<Vec<_>>(),
        "trouble": trouble.into_iter().collect::<Vec<_>>(),
    });
    format!("{report}\n")
}

fn text(quotas: Option<&[Quota]>, trouble: Option<&str>) -> String {
    let mut text = match quotas {
        Some([]) => "the gate is in place, and lets nobody through\n".to_owned(),
        Some(_) => {
            "the gate is in place, and lets through (bytes counted/until it shuts):\n".to_owned()
        }
        None => "the gate is not in place: everybody has access\n".to_owned(),
    };
    for quota in quotas.unwrap_or_default() {
        let limit = quota
            .bytes_limit()
            .map_or("-".to_owned(), |limit| limit.to_string());
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{} {}/{limit}", quota.mac, quota.consumed);
    }
    if let Some(trouble) = trouble {
        let _ = writeln!(text, "{trouble}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown() {
        let mac = "02:00:00:00:00:01".parse().unwrap();
        let quota = |limit| Quota {
            mac,
            limit,
            consumed: 7,
        };
        let quotas = [quota(10), quota(1 << 62)];
        let shown = text(Some(&quotas), Some("it leaks"));
        assert!(
            shown.ends_with("02:00:00:00:00:01 7/10\n02:00:00:00:00:01 7/-\nit leaks\n"),
            "{shown}"
        );
        assert!(text(Some(&[]), None).contains("nobody"));
        assert!(text(None, None).contains("not in place"));
        let value: serde_json::Value = serde_json::from_str(&report(Some(&quotas), None)).unwrap();
        assert_eq!(value["clients"][0]["limit"], 10);
        assert!(value["clients"][1]["limit"].is_null());
        assert_eq!(
            (&value["in_place"], &value["trouble"]),
            (&true.into(), &json!([]))
        );
    }
}

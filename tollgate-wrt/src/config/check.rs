//! What the types of [`super::schema`] cannot say about the values.

use std::num::NonZeroU64;

use super::captive::MAX_AUTH_DELAY;
use super::schema::{File, Mint, ProfitShare, VERSION};
use crate::json::Path;

/// How far the shares may be from 1 together, for the sake of rounding.
const SHARE_TOLERANCE: f64 = 1e-6;

/// A value that is wrong, or odd, and why.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    /// The field.
    pub path: Path,
    /// What is wrong with it.
    pub message: String,
}

/// Finds every value that the daemon must not start with.
pub fn errors(file: &File) -> Vec<Finding> {
    let mut found = Vec::new();
    let top = Path::default();
    check_mints(file, &top.key("accepted_mints"), &mut found);
    check_shares(&file.profit_share, &top.key("profit_share"), &mut found);

    let upstream = &file.upstream_session_manager;
    let upstream_path = top.key("upstream_session_manager");
    let not_negative = [
        (file.margin, top.key("margin")),
        (
            upstream.max_price_per_millisecond,
            upstream_path.key("max_price_per_millisecond"),
        ),
        (
            upstream.max_price_per_byte,
            upstream_path.key("max_price_per_byte"),
        ),
    ];
    for (value, path) in not_negative {
        if value < 0.0 {
            add(&mut found, path, format!("{value} is negative"));
        }
    }
    if !is_redirect(&file.redirect_url) {
        let message = format!("{:?} is no address of a web page", file.redirect_url);
        add(&mut found, top.key("redirect_url"), message);
    }
    found
}

/// Finds what the daemon starts with, but the owner should know.
pub fn warnings(file: &File) -> Vec<Finding> {
    let mut found = Vec::new();
    if file.config_version != VERSION {
        let message = format!(
            "{:?} is another version than {VERSION}, which this daemon knows; its keys are read as {VERSION}",
            file.config_version
        );
        add(&mut found, Path::default().key("config_version"), message);
    }
    if file.auth_delay_seconds > MAX_AUTH_DELAY {
        let message = format!(
            "{} is longer than anybody waits; {MAX_AUTH_DELAY} is used",
            file.auth_delay_seconds
        );
        add(
            &mut found,
            Path::default().key("auth_delay_seconds"),
            message,
        );
    }
    found
}

fn add(found: &mut Vec<Finding>, path: Path, message: String) {
    found.push(Finding { path, message });
}

fn check_mints(file: &File, path: &Path, found: &mut Vec<Finding>) {
    let mints = &file.accepted_mints;
    for (index, mint) in mints.iter().enumerate() {
        let path = path.index(index);
        let earlier = &mints[..index];

        if let Some(same) = earlier.iter().position(|other| other.url == mint.url) {
            let message = format!(
                "accepted_mints[{same}] is the same mint, {}; leave one of them out",
                mint.url
            );
            add(found, path.key("url"), message);
        }
        if !is_unit(&mint.price_unit) {
            let message = format!("{:?} is no unit of ecash", mint.price_unit);
            add(found, path.key("price_unit"), message);
        }
        // TollGate's protocol has one price per unit, whichever mint is used.
        let same_unit = |other: &Mint| other.price_unit == mint.price_unit;
        if let Some(first) = earlier.iter().position(same_unit) {
            let (price, first_price) = (mint.price_per_step, mints[first].price_per_step);
            if price != first_price {
                let message = format!(
                    "{price} {unit}, but accepted_mints[{first}] asks {first_price} {unit}; all mints of a unit have the same price",
                    unit = mint.price_unit,
                );
                add(found, path.key("price_per_step"), message);
            }
        }
        check_smallest_purchase(mint, file.step(), &path, found);
    }
}

/// A customer could never buy, if the smallest purchase did not fit a number.
fn check_smallest_purchase(mint: &Mint, step: NonZeroU64, path: &Path, found: &mut Vec<Finding>) {
    let steps = mint.purchase_min_steps;
    let product = |what: &str, factor: NonZeroU64| match steps.checked_mul(factor) {
        Some(_) => None,
        None => Some(format!("{steps} steps of {factor} {what} are too much")),
    };
    let message = product(&mint.price_unit, mint.price_per_step)
        .or_else(|| product("bytes or milliseconds", step));
    if let Some(message) = message {
        add(found, path.key("purchase_min_steps"), message);
    }
}

fn check_shares(shares: &[ProfitShare], path: &Path, found: &mut Vec<Finding>) {
    let mut all_valid = true;
    for (index, share) in shares.iter().enumerate() {
        if !(0.0..=1.0).contains(&share.factor) {
            all_valid = false;
            let message = format!("{} is no part of 1", share.factor);
            add(found, path.index(index).key("factor"), message);
        }
        if share.identity.is_empty() {
            let message = "the name is empty".to_owned();
            add(found, path.index(index).key("identity"), message);
        }
    }
    if shares.is_empty() {
        return add(found, path.clone(), "nobody gets the profit".to_owned());
    }
    let sum: f64 = shares.iter().map(|share| share.factor).sum();
    if all_valid && (sum - 1.0).abs() > SHARE_TOLERANCE {
        let message = format!("the factors sum to {sum:.6}, not to 1");
        add(found, path.clone(), message);
    }
}

fn is_unit(unit: &str) -> bool {
    !unit.is_empty() && unit.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn is_redirect(url: &str) -> bool {
    let after_scheme = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    let is_clean = url.bytes().all(|byte| byte.is_ascii_graphic());
    url.is_empty() || is_clean && after_scheme.is_some_and(|rest| !rest.is_empty())
}

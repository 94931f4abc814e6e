//! `config.json` as a type: schema v0.0.8, which the TollGate daemons share.
//!
//! The whole schema is read from the first version on, so that an existing
//! router's file works and its mistakes are found at start. What a key means
//! stands in [`super::fields`].

use std::num::NonZeroU64;

use serde::{Deserialize, Deserializer, Serialize};

use super::mint_url::MintUrl;
use super::upstream::{UpstreamDetector, UpstreamSessionManager, UpstreamWifi};
use crate::json::shape;

/// The version of the schema below.
pub const VERSION: &str = "v0.0.8";

/// Cashu's own word for the unit that a mint has if nothing else is said.
pub const SAT: &str = "sat";

/// 21 MiB, in bytes.
const STEP_SIZE: NonZeroU64 = NonZeroU64::new(22_020_096).unwrap();

/// What is sold and counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// Time online.
    Milliseconds,
    /// Traffic, both directions together.
    Bytes,
}

impl Metric {
    /// The word in files and in events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Milliseconds => "milliseconds",
            Self::Bytes => "bytes",
        }
    }

    /// The metric with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        let all = [Self::Milliseconds, Self::Bytes];
        all.into_iter().find(|metric| metric.as_str() == word)
    }
}

impl<'de> Deserialize<'de> for Metric {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        shape::word(deserializer, Self::from_word)
    }
}

/// The least important messages that are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    /// The level with this name, in any case and of any TollGate daemon.
    pub fn from_word(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "error" | "fatal" | "panic" => Some(Self::Error),
            "warn" | "warning" => Some(Self::Warn),
            "info" => Some(Self::Info),
            "debug" => Some(Self::Debug),
            "trace" => Some(Self::Trace),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for LogLevel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        shape::word(deserializer, Self::from_word)
    }
}

impl From<LogLevel> for log::LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::Error,
            LogLevel::Warn => Self::Warn,
            LogLevel::Info => Self::Info,
            LogLevel::Debug => Self::Debug,
            LogLevel::Trace => Self::Trace,
        }
    }
}

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs)]
pub struct File {
    pub config_version: String,
    pub log_level: LogLevel,
    #[serde(deserialize_with = "shape::objects")]
    pub accepted_mints: Vec<Mint>,
    #[serde(deserialize_with = "shape::objects")]
    pub profit_share: Vec<ProfitShare>,
    pub step_size: Option<NonZeroU64>,
    pub margin: f64,
    pub metric: Metric,
    pub show_setup: bool,
    pub reseller_mode: bool,
    pub redirect_url: String,
    pub auth_delay_seconds: u32,
    #[serde(deserialize_with = "shape::object")]
    pub upstream_detector: UpstreamDetector,
    #[serde(deserialize_with = "shape::object")]
    pub upstream_session_manager: UpstreamSessionManager,
    #[serde(deserialize_with = "shape::object")]
    pub upstream_wifi: UpstreamWifi,
}

impl File {
    /// The size of one step, by default that of the other TollGate daemons. The
    /// default is a number of bytes: a file without `step_size` that sells time
    /// never comes to be [`super::Settings`].
    pub fn step(&self) -> NonZeroU64 {
        self.step_size.unwrap_or(STEP_SIZE)
    }
}

/// A mint whose ecash is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs)]
pub struct Mint {
    pub url: MintUrl,
    #[serde(default = "Mint::min_balance")]
    pub min_balance: u64,
    #[serde(default = "Mint::balance_tolerance_percent")]
    pub balance_tolerance_percent: u64,
    #[serde(default = "Mint::payout_interval_seconds")]
    pub payout_interval_seconds: u64,
    #[serde(default = "Mint::min_payout_amount")]
    pub min_payout_amount: u64,
    pub price_per_step: NonZeroU64,
    #[serde(default = "Mint::price_unit", deserialize_with = "unit")]
    pub price_unit: String,
    // The second name stands in files that early packages shipped.
    #[serde(
        default = "one",
        deserialize_with = "at_least_one",
        alias = "min_purchase_steps"
    )]
    pub purchase_min_steps: NonZeroU64,
}

impl Mint {
    /// A mint with the defaults of the other TollGate daemons.
    pub fn new(url: MintUrl, price_per_step: NonZeroU64, price_unit: String) -> Self {
        Self {
            url,
            min_balance: Self::min_balance(),
            balance_tolerance_percent: Self::balance_tolerance_percent(),
            payout_interval_seconds: Self::payout_interval_seconds(),
            min_payout_amount: Self::min_payout_amount(),
            price_per_step,
            price_unit,
            purchase_min_steps: one(),
        }
    }

    fn min_balance() -> u64 {
        64
    }

    fn balance_tolerance_percent() -> u64 {
        10
    }

    fn payout_interval_seconds() -> u64 {
        60
    }

    fn min_payout_amount() -> u64 {
        128
    }

    fn price_unit() -> String {
        SAT.to_owned()
    }
}

/// A part of the profit and who gets it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs)]
pub struct ProfitShare {
    pub factor: f64,
    pub identity: String,
}

/// Cashu's own word is `sat`; other TollGate daemons once wrote `sats`.
fn unit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let unit = String::deserialize(deserializer)?.to_ascii_lowercase();
    Ok(match unit.as_str() {
        "sats" => SAT.to_owned(),
        _ => unit,
    })
}

fn one() -> NonZeroU64 {
    NonZeroU64::MIN
}

/// 0 steps are a purchase of nothing: the other TollGate daemons read 1.
fn at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NonZeroU64, D::Error> {
    let steps = u64::deserialize(deserializer)?;
    Ok(NonZeroU64::new(steps).unwrap_or(one()))
}

impl Default for File {
    /// No mint, so that nothing is sold by accident, and all profit to the
    /// owner; else what the other TollGate daemons start with.
    fn default() -> Self {
        Self {
            config_version: VERSION.to_owned(),
            log_level: LogLevel::Info,
            accepted_mints: Vec::new(),
            profit_share: vec![ProfitShare {
                factor: 1.0,
                identity: "owner".to_owned(),
            }],
            step_size: None,
            margin: 0.1,
            metric: Metric::Bytes,
            show_setup: true,
            reseller_mode: false,
            redirect_url: String::new(),
            auth_delay_seconds: 0,
            upstream_detector: UpstreamDetector::default(),
            upstream_session_manager: UpstreamSessionManager::default(),
            upstream_wifi: UpstreamWifi::default(),
        }
    }
}

//! The part of `config.json` that is about buying from another TollGate.

use serde::{Deserialize, Deserializer, Serialize};

use super::duration::Duration;
use crate::json::shape;

/// How a TollGate to buy from is looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs)]
pub struct UpstreamDetector {
    pub probe_timeout: Duration,
    pub probe_retry_count: u32,
    pub probe_retry_delay: Duration,
    pub require_valid_signature: bool,
    #[serde(deserialize_with = "shape::list")]
    pub ignore_interfaces: Vec<String>,
    #[serde(deserialize_with = "shape::list")]
    pub only_interfaces: Vec<String>,
    pub discovery_timeout: Duration,
}

/// What is paid to a TollGate that this one buys from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs)]
pub struct UpstreamSessionManager {
    pub max_price_per_millisecond: f64,
    pub max_price_per_byte: f64,
    #[serde(deserialize_with = "shape::object")]
    pub trust: Trust,
    #[serde(deserialize_with = "shape::object")]
    pub sessions: Sessions,
    #[serde(deserialize_with = "shape::object")]
    pub usage_tracking: UsageTracking,
}

/// Whom to buy from when no list names the seller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs)]
pub enum TrustPolicy {
    TrustAll,
    TrustNone,
}

impl<'de> Deserialize<'de> for TrustPolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        shape::word(deserializer, |word| match word {
            "trust_all" => Some(Self::TrustAll),
            "trust_none" => Some(Self::TrustNone),
            _ => None,
        })
    }
}

/// Whom to buy from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs)]
pub struct Trust {
    pub default_policy: TrustPolicy,
    #[serde(deserialize_with = "shape::list")]
    pub allowlist: Vec<String>,
    #[serde(deserialize_with = "shape::list")]
    pub blocklist: Vec<String>,
}

/// How much is bought at once, and when more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs)]
pub struct Sessions {
    pub preferred_session_increments_milliseconds: u64,
    pub preferred_session_increments_bytes: u64,
    pub millisecond_renewal_offset: u64,
    pub bytes_renewal_offset: u64,
}

/// How bought traffic is watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs)]
pub struct UsageTracking {
    pub data_monitoring_interval: Duration,
}

/// Which Wi-Fi network of another TollGate is joined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs)]
pub struct UpstreamWifi {
    pub scan_interval_seconds: u32,
    pub fast_check_seconds: u32,
    pub lost_threshold: u32,
    pub hysteresis_db: i32,
    pub signal_floor: i32,
    pub blacklist_ttl_minutes: u32,
    pub emergency_penalty: i32,
    pub max_consecutive_failures: u32,
    pub switch_cooldown_minutes: u32,
    pub startup_grace_seconds: u32,
    pub post_switch_wait_seconds: u32,
    pub dhcp_timeout_seconds: u32,
    pub manual_pause_seconds: u32,
    pub vendor_ie_discovery: bool,
}

impl Default for UpstreamDetector {
    fn default() -> Self {
        Self {
            probe_timeout: Duration::from_millis(10_000),
            probe_retry_count: 3,
            probe_retry_delay: Duration::from_millis(2_000),
            require_valid_signature: true,
            ignore_interfaces: ["lo", "docker0", "br-lan", "hostap0"]
                .map(str::to_owned)
                .to_vec(),
            only_interfaces: Vec::new(),
            discovery_timeout: Duration::from_millis(300_000),
        }
    }
}

impl Default for UpstreamSessionManager {
    fn default() -> Self {
        Self {
            max_price_per_millisecond: 0.002_777_777_778, // 10,000 sat an hour
            max_price_per_byte: 0.000_037_257_824_14,     // 5,000 sat a Gbit
            trust: Trust::default(),
            sessions: Sessions::default(),
            usage_tracking: UsageTracking::default(),
        }
    }
}

impl Default for Trust {
    fn default() -> Self {
        Self {
            default_policy: TrustPolicy::TrustAll,
            allowlist: Vec::new(),
            blocklist: Vec::new(),
        }
    }
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            preferred_session_increments_milliseconds: 60_000,
            preferred_session_increments_bytes: 2_500_000_000,
            millisecond_renewal_offset: 10_000,
            bytes_renewal_offset: 1_225_000_000,
        }
    }
}

impl Default for UsageTracking {
    fn default() -> Self {
        Self {
            data_monitoring_interval: Duration::from_millis(500),
        }
    }
}

impl Default for UpstreamWifi {
    fn default() -> Self {
        Self {
            scan_interval_seconds: 300,
            fast_check_seconds: 30,
            lost_threshold: 2,
            hysteresis_db: 12,
            signal_floor: -85,
            blacklist_ttl_minutes: 60,
            emergency_penalty: 20,
            max_consecutive_failures: 3,
            switch_cooldown_minutes: 10,
            startup_grace_seconds: 90,
            post_switch_wait_seconds: 5,
            dhcp_timeout_seconds: 180,
            manual_pause_seconds: 120,
            vendor_ie_discovery: false,
        }
    }
}

//! How OpenWrt names the stamp of the `prepare` step, and what the name tells.
//!
//! `.prepared<hash>_<confvar>` (packages: `.prepared_<hash>_<confvar>`):
//!
//! | part | is the MD5 of |
//! |---|---|
//! | confvar | `CONFIG_AUTOREMOVE=<value>` (and what HOST_PREPARED_DEPENDS lists) |
//! | hash, CONFIG_AUTOREMOVE empty | path and time of every file of the recipe |
//! | hash, CONFIG_AUTOREMOVE not empty | the contents of these files |
//!
//! A literal `n` is not empty: it hashes contents, under another confvar.

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use crate::fingerprint::hex;

/// What the first hash of a stamp's name covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The recipe's contents: neither its path nor its times matter.
    Content,
    /// Path and time of each file, with all digits of the time.
    Mtime,
}

impl Mode {
    /// The mode that a value of CONFIG_AUTOREMOVE selects.
    pub fn of(autoremove: &str) -> Self {
        if autoremove.is_empty() {
            Self::Mtime
        } else {
            Self::Content
        }
    }
}

/// Values of CONFIG_AUTOREMOVE that a command line may hold: kconfig knows
/// only `y` and none.
const VALUES: [&str; 10] = ["", "y", "n", "m", "1", "0", "yes", "no", "true", "false"];

/// The two hashes of a stamp's name; older releases have only the first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hashes {
    /// Of the recipe.
    pub recipe: String,
    /// Of the configuration.
    pub confvar: String,
}

impl Hashes {
    /// Reads a file name that begins with `.prepared`.
    pub fn read(file: &str) -> Option<Self> {
        let hashes = file.strip_prefix(".prepared")?;
        let hashes = hashes.strip_prefix('_').unwrap_or(hashes);
        let (recipe, confvar) = hashes.split_once('_').unwrap_or((hashes, ""));
        Some(Self {
            recipe: recipe.to_owned(),
            confvar: confvar.to_owned(),
        })
    }

    /// The value of CONFIG_AUTOREMOVE, when the configuration's hash covers
    /// nothing else.
    pub fn autoremove(&self) -> Option<&'static str> {
        autoremove(&self.confvar)
    }
}

/// The value of CONFIG_AUTOREMOVE whose hash this is.
pub fn autoremove(confvar: &str) -> Option<&'static str> {
    VALUES
        .into_iter()
        .find(|value| self::confvar(value) == confvar)
}

/// `confvar` of rules.mk for CONFIG_AUTOREMOVE alone.
pub fn confvar(autoremove: &str) -> String {
    md5(format!("CONFIG_AUTOREMOVE={autoremove}\n").as_bytes())
}

/// A file of a recipe as `find -printf "%p%T@\n"` prints it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileTime {
    /// Its absolute path.
    pub path: String,
    /// Its modification time.
    pub time: Time,
}

/// The first hash of a stamp in [`Mode::Mtime`]: `find_md5` of depends.mk.
pub fn find_md5(files: impl Iterator<Item = FileTime>) -> String {
    let mut lines: Vec<String> = files
        .map(|file| {
            format!(
                "{}{}.{:09}0\n",
                file.path, file.time.seconds, file.time.nanos
            )
        })
        .collect();
    lines.sort();
    md5(lines.concat().as_bytes())
}

/// A file's time, written `1795372970.982796644`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time {
    /// Since 1970.
    pub seconds: i64,
    /// Below a second.
    pub nanos: u32,
}

impl Time {
    /// The same second without its digits below: what an image layer keeps.
    #[must_use]
    pub fn whole(self) -> Self {
        Self { nanos: 0, ..self }
    }
}

impl std::str::FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no time like 1795372970.982796644");
        let (seconds, digits) = text.split_once('.').unwrap_or((text, "0"));
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let digits = format!("{digits:0<9}");
        Ok(Self {
            seconds: seconds.parse().map_err(|_| wrong())?,
            nanos: is_number
                .then(|| digits[..9].parse().ok())
                .flatten()
                .ok_or_else(wrong)?,
        })
    }
}

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:09}", self.seconds, self.nanos)
    }
}

impl Serialize for Time {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

fn md5(bytes: &[u8]) -> String {
    hex(&Md5::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mode_is_in_the_name() {
        // echo CONFIG_AUTOREMOVE=y | md5sum
        for (hash, value, mode) in [
            ("18f1e190c5d53547fed41a3eaa76e9e9", "y", Mode::Content),
            ("6664517399ebbbc92a37c5bb081b5c53", "", Mode::Mtime),
            ("be45f2727ac2fb6af057aef183f8797c", "n", Mode::Content),
        ] {
            assert_eq!(confvar(value), hash);
            let name = format!(".prepared4eec1652101606f47f45629ec4e05dca_{hash}");
            let hashes = Hashes::read(&name).unwrap();
            assert_eq!(hashes.autoremove(), Some(value));
            assert_eq!(Mode::of(value), mode);
            let package = name.replace(".prepared", ".prepared_");
            assert_eq!(Hashes::read(&package), Some(hashes));
        }
        assert_eq!(autoremove("00000000000000000000000000000000"), None);
        assert_eq!(autoremove(""), None);
        assert_eq!(Hashes::read(".prepared"), Some(Hashes::default()));
    }

    #[test]
    fn the_hash_of_times_is_what_find_and_md5sum_give() {
        // printf '/b/x1700000000.1234567890\n/b/y1700000001.0000000000\n' | md5sum
        let file = |path: &str, time: &str| FileTime {
            path: path.into(),
            time: time.parse().unwrap(),
        };
        let files = [
            file("/b/y", "1700000001"),
            file("/b/x", "1700000000.123456789"),
        ];
        assert_eq!(
            find_md5(files.into_iter()),
            "719bd1a03fd34df5541fd14943befa6c"
        );
    }

    #[test]
    fn times() {
        let time: Time = "1795372970.98".parse().unwrap();
        assert_eq!((time.seconds, time.nanos), (1_795_372_970, 980_000_000));
        assert_eq!(time.to_string(), "1795372970.980000000");
        assert_eq!(time.whole().to_string(), "1795372970.000000000");
        assert_eq!(time.to_string().parse(), Ok(time));
        for wrong in ["", "x", "1.", "1.x", "1.2.3"] {
            assert!(wrong.parse::<Time>().is_err(), "{wrong}");
        }
    }
}

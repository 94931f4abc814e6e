//! The causes, and what mends each.

use serde::{Deserialize, Serialize};

/// Why a stage was made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// It was never made here.
    FirstBuild,
    /// CONFIG_AUTOREMOVE differs from the time it was made.
    StampRenamed,
    /// File times lost their digits below the second.
    MtimePrecisionLost,
    /// The recipe changed, or its times did.
    FeedUpdated,
    /// The archive in `dl/` is newer than the stamp.
    DownloadNewer,
    /// Another setting that the stamp's name covers changed.
    ConfigChanged,
    /// The tree is at another path.
    PathChanged,
    /// It failed.
    StageFailed,
    /// The log does not say.
    NotDetermined,
}

impl Cause {
    /// As JSON has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::FirstBuild => "first-build",
            Self::StampRenamed => "stamp-renamed",
            Self::MtimePrecisionLost => "mtime-precision-lost",
            Self::FeedUpdated => "feed-updated",
            Self::DownloadNewer => "download-newer",
            Self::ConfigChanged => "config-changed",
            Self::PathChanged => "path-changed",
            Self::StageFailed => "stage-failed",
            Self::NotDetermined => "not-determined",
        }
    }

    /// What to do, in one sentence.
    pub fn mend(self) -> &'static str {
        match self {
            Self::FirstBuild => {
                "Bake the stage into the image, or keep build_dir, staging_dir and dl between runs: nothing had built it here."
            }
            Self::StampRenamed => {
                "Run with the CONFIG_AUTOREMOVE that was set when the stage was baked: its value is a part of the stamp's name."
            }
            Self::MtimePrecisionLost => {
                "Set the times of feeds/ to whole seconds in the same RUN, before the bake (find feeds -exec touch -h -d @EPOCH {} +), or bake and run with CONFIG_AUTOREMOVE=y: image layers keep whole seconds only."
            }
            Self::FeedUpdated => {
                "Do not run `feeds update`, a checkout or a mount over feeds/ after the bake; when the recipe did change, bake anew."
            }
            Self::DownloadNewer => {
                "Keep the archives in dl/ as they were when the stage was baked: a volume or a new download makes them newer than the stamp."
            }
            Self::ConfigChanged => {
                "Run with the .config that the stage was baked with: the setting is a part of the stamp's name."
            }
            Self::PathChanged => {
                "Build at the path that the stage was baked at, or bake and run with CONFIG_AUTOREMOVE=y: with it unset the path is a part of the stamp's name."
            }
            Self::StageFailed => {
                "Mend what failed in the stage (see the deciding lines); the next build goes on from there."
            }
            Self::NotDetermined => {
                "Build with V=s DEBUG=r, or give --baseline with what was baked: the log alone does not decide between the candidates."
            }
        }
    }
}

/// A cause, and what remains where it is not determined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Because {
    /// The cause.
    pub cause: Cause,
    /// Empty unless the cause is not determined.
    pub candidates: Vec<Cause>,
}

impl From<Cause> for Because {
    fn from(cause: Cause) -> Self {
        Self {
            cause,
            candidates: Vec::new(),
        }
    }
}

impl Because {
    /// Not determined; these remain.
    pub fn one_of(candidates: impl Into<Vec<Cause>>) -> Self {
        let mut candidates = candidates.into();
        candidates.sort_unstable();
        candidates.dedup();
        Self {
            cause: Cause::NotDetermined,
            candidates,
        }
    }

    /// What is possible.
    pub fn list(self) -> Vec<Cause> {
        match self.cause {
            Cause::NotDetermined => self.candidates,
            cause => vec![cause],
        }
    }
}

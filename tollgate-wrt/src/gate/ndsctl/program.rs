//! `ndsctl`, which asks NoDogSplash or openNDS over its socket.
//!
//! | exit status (src/ndsctl.c of either) | |
//! |---|---|
//! | 0 | yes, or what was asked for |
//! | 1 | no |
//! | 2 | an odd reply |
//! | 3 | nobody at the socket |
//! | 4 | openNDS: another `ndsctl` is at work |

use std::path::Path;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::gate::{Error, process};

const NAME: &str = "ndsctl";

/// How long one question may take.
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);

/// How long somebody else's question is waited for before the next try.
const PAUSE: Duration = Duration::from_millis(100);

/// What it has said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    Yes(String),
    No(String),
}

/// Why there is no answer, and the way out.
#[derive(Debug)]
pub(super) struct Silence {
    error: Error,
    /// Whether that is because neither NoDogSplash nor openNDS is there.
    pub is_gone: bool,
}

impl From<Silence> for Error {
    fn from(silence: Silence) -> Self {
        silence.error
    }
}

/// Asks. One that is busy is asked again, one that hangs is killed.
///
/// # Errors
/// Why there is no answer, and the way out.
pub(super) async fn ask(arguments: &[&str], limit: Duration) -> Result<Reply, Silence> {
    let start = Instant::now();
    loop {
        let told = |why: &str, is_gone, advice: &str| {
            let what = arguments.first().copied().unwrap_or_default();
            let error = Error(format!("{NAME} {what}: {why}; {advice}"));
            Silence { error, is_gone }
        };
        let output = match process::run(Path::new(NAME), arguments, limit).await {
            Ok(output) => output,
            Err(why) => {
                let advice = "is nodogsplash or opennds installed, and does it answer? Try: ndsctl status; /etc/init.d/nodogsplash restart, or opennds";
                return Err(told(&why, why.starts_with(process::NOT_RUN), advice));
            }
        };
        let said = || match process::said(&output.stderr) {
            nothing if nothing.is_empty() => process::said(&output.stdout),
            said => said,
        };
        match output.status.code() {
            Some(0) => return Ok(Reply::Yes(String::from_utf8_lossy(&output.stdout).into())),
            Some(1) => return Ok(Reply::No(said())),
            Some(4) if start.elapsed() < limit => sleep(PAUSE).await,
            Some(3) => {
                let advice = "without it nobody is kept out. Start it: /etc/init.d/nodogsplash start, or opennds";
                return Err(told(&said(), true, advice));
            }
            _ => {
                let why = format!("{}, {}", output.status, said());
                return Err(told(&why, false, "try again, or look at: ndsctl status"));
            }
        }
    }
}

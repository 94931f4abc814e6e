//! The options that commands have.

use super::{Hint, Opt};

/// `--root`, which every command has.
pub const ROOT: Opt = Opt {
    long: "root",
    value: Some("DIR"),
    help: "Find the system's files (etc, var, tmp, proc, dev) below DIR. Default: /",
    hint: Hint::Directory,
};

/// `--json`, which every command has that tells something.
pub const JSON: Opt = Opt {
    long: "json",
    value: None,
    help: "Print JSON (docs/json.md)",
    hint: Hint::None,
};

/// `run --interface`.
pub const INTERFACE: Opt = Opt {
    long: "interface",
    value: Some("NAME"),
    help: "Listen on this LAN interface only, and on the loopback. Can be repeated. Default: `list interface` in /etc/config/tollgate, else br-lan",
    hint: Hint::None,
};

/// `wallet payout --to`.
pub const TO: Opt = Opt {
    long: "to",
    value: Some("WHO"),
    help: "Pay AMOUNT to this Lightning address (name@domain), LNURL or invoice, and not the shares",
    hint: Hint::None,
};

/// `wallet payout --mint`.
pub const MINT: Opt = Opt {
    long: "mint",
    value: Some("URL"),
    help: "Pay with the ecash of this mint only. Default: of all mints",
    hint: Hint::None,
};

/// `run --listen`.
pub const LISTEN: Opt = Opt {
    long: "listen",
    value: Some("ADDR:PORT"),
    help: "Listen on this address instead, on whatever interface: other networks than the LAN can then reach the daemon. Can be repeated. Port 0 is any free port; it is logged",
    hint: Hint::None,
};

/// `run --log`.
pub const LOG: Opt = Opt {
    long: "log",
    value: Some("stderr|syslog"),
    help: "Where messages go. Default: stderr. What the system's log does not take goes to stderr too",
    hint: Hint::Words(&["stderr", "syslog"]),
};

/// `run --log-level`.
pub const LOG_LEVEL: Opt = Opt {
    long: "log-level",
    value: Some("LEVEL"),
    help: "error, warn, info, debug or trace. Default: log_level in the configuration, else info",
    hint: Hint::Words(&["error", "warn", "info", "debug", "trace"]),
};

/// `restore --merge`.
pub const MERGE: Opt = Opt {
    long: "merge",
    value: None,
    help: "Add the backup's ecash to the wallet that is here. The router's key and settings stay as they are",
    hint: Hint::None,
};

/// `restore --replace`.
pub const REPLACE: Opt = Opt {
    long: "replace",
    value: None,
    help: "Put the backup in place of what is here, of which a copy is kept",
    hint: Hint::None,
};

/// `restore --sessions`.
pub const SESSIONS: Opt = Opt {
    long: "sessions",
    value: None,
    help: "Bring the customers' sessions back too. What they used since the backup was made they get again, but for time that passed while they were online",
    hint: Hint::None,
};

/// `restore --money-only`.
pub const MONEY_ONLY: Opt = Opt {
    long: "money-only",
    value: None,
    help: "Leave the router's key and settings as they are",
    hint: Hint::None,
};

/// `--dry-run`, which commands have that change something.
pub const DRY_RUN: Opt = Opt {
    long: "dry-run",
    value: None,
    help: "Say what would be done, and do nothing",
    hint: Hint::None,
};

/// `config get --origin`.
pub const ORIGIN: Opt = Opt {
    long: "origin",
    value: None,
    help: "Say where each value came from: default, config.json, UCI, or the running daemon's command line",
    hint: Hint::None,
};

/// `identity --secret`.
pub const SECRET: Opt = Opt {
    long: "secret",
    value: None,
    help: "Show the private key too: whoever has it is this router to its customers",
    hint: Hint::None,
};

/// `logs --follow`.
pub const FOLLOW: Opt = Opt {
    long: "follow",
    value: None,
    help: "Go on with what comes, until Ctrl-C",
    hint: Hint::None,
};

/// `logs --lines`.
pub const LINES: Opt = Opt {
    long: "lines",
    value: Some("COUNT"),
    help: "Show the last COUNT messages only",
    hint: Hint::None,
};

/// Options that have a letter, too.
pub const LETTERS: [(&str, char); 2] = [("follow", 'f'), ("lines", 'n')];

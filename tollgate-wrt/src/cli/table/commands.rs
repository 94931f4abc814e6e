//! The table.

use super::{Command, Hint, Opt, Runs};
use crate::cli::{backup, check, config, identity, logs, run};

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

/// `restore --dry-run`.
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

const COMMON: &[Opt] = &[JSON, ROOT];

/// Every command; a group stands before its own.
pub const COMMANDS: &[Command] = &[
    Command {
        name: "",
        args: "",
        summary: "Sell internet access for ecash",
        about: "Sells internet access for Cashu ecash on OpenWrt routers (TollGate).",
        options: &[],
        examples: &[],
        runs: Runs::Group,
    },
    Command {
        name: "run",
        args: "",
        summary: "Serve customers on port 2121",
        about: "Serve customers on port 2121, until SIGTERM, SIGINT or SIGHUP. Settings are read at the start only: restart to change them.",
        options: &[INTERFACE, LISTEN, LOG, LOG_LEVEL, ROOT],
        examples: &[(
            "a second daemon beside the router's own, to look at",
            "tollgate-wrt run --root /tmp/try --listen 127.0.0.1:8121\ncurl http://127.0.0.1:8121/",
        )],
        runs: Runs::Here(run::run),
    },
    Command {
        name: "status",
        args: "",
        summary: "Show how the running daemon is",
        about: "Show how the running daemon is: what it sells and where, whether the gate works and the mints answer, what the wallet holds, who waits, and what is odd. Exit code 1 if it does not run.",
        options: COMMON,
        examples: &[
            ("", "tollgate-wrt status"),
            (
                "is there a mint that answers?",
                "tollgate-wrt status --json | jq .data.network_ok",
            ),
        ],
        runs: Runs::Daemon,
    },
    Command {
        name: "sessions",
        args: "",
        summary: "Show who has bought what",
        about: "Show every session: device, used/bought, and what is counted. The daemon has to be running.",
        options: COMMON,
        examples: &[("", "tollgate-wrt sessions")],
        runs: Runs::Daemon,
    },
    Command {
        name: "wallet",
        args: "",
        summary: "Show the ecash that was earned, take it out, or put some in",
        about: "Show the ecash that was earned, take it out, or put some in. The daemon has to be running.",
        options: COMMON,
        examples: &[("", "tollgate-wrt wallet drain > /tmp/tokens")],
        runs: Runs::Group,
    },
    Command {
        name: "wallet balance",
        args: "",
        summary: "Show what there is, by mint",
        about: "Show what the wallet holds, by mint, and how many payments are not settled yet.",
        options: COMMON,
        examples: &[("", "tollgate-wrt wallet balance")],
        runs: Runs::Daemon,
    },
    Command {
        name: "wallet drain",
        args: "[MINT]",
        summary: "Take everything out, or everything of one mint",
        about: "Take everything out, or everything of one mint: a token a mint, which any Cashu wallet can receive. What was taken out is shown again by `wallet sent` until somebody has it.",
        options: COMMON,
        examples: &[("", "tollgate-wrt wallet drain > /tmp/tokens")],
        runs: Runs::Daemon,
    },
    Command {
        name: "wallet send",
        args: "AMOUNT [MINT]",
        summary: "Take an exact amount out, as a token; the mint takes its fee",
        about: "Take an exact amount out, as a token. It is a swap of the wallet's own ecash, for which the mint takes its fee. MINT is needed where several mints have so much.",
        options: COMMON,
        examples: &[("", "tollgate-wrt wallet send 21")],
        runs: Runs::Daemon,
    },
    Command {
        name: "wallet sent",
        args: "",
        summary: "Show the tokens that were taken out and are not spent yet",
        about: "Show the tokens that were taken out and that nobody has spent yet, as far as their mints tell. To put one back, receive it.",
        options: COMMON,
        examples: &[("", "tollgate-wrt wallet sent")],
        runs: Runs::Daemon,
    },
    Command {
        name: "wallet receive",
        args: "TOKEN",
        summary: "Put a token in; `-` reads it from standard input",
        about: "Put a token into the wallet: it is swapped, so that nobody else can spend it. `-` reads it from standard input.",
        options: COMMON,
        examples: &[("", "tollgate-wrt wallet receive - < /tmp/token")],
        runs: Runs::Daemon,
    },
    Command {
        name: "wallet payout",
        args: "[AMOUNT]",
        summary: "Pay the shares of the profit out over Lightning, or pay somebody",
        about: "Pay out what is due: what the wallet holds above min_balance, shared out as profit_share says, to the Lightning addresses of identities.json. The daemon does the same by itself every payout_interval_seconds.\nWith --to, AMOUNT sat are paid to somebody else; an invoice has its own amount. What a payment costs beside that, the wallet bears.",
        options: &[TO, MINT, DRY_RUN, JSON, ROOT],
        examples: &[
            (
                "what would be paid, and what it would cost",
                "tollgate-wrt wallet payout --dry-run",
            ),
            ("", "tollgate-wrt wallet payout --to me@wallet.example 2100"),
        ],
        runs: Runs::Daemon,
    },
    Command {
        name: "wallet payouts",
        args: "",
        summary: "Show the last payouts, and those that are under way",
        about: "Show the last 100 payouts: what arrived where, and what it cost; and those that are under way. What is pending is settled as soon as the mint says how, over restarts, however long it takes.",
        options: COMMON,
        examples: &[("", "tollgate-wrt wallet payouts")],
        runs: Runs::Daemon,
    },
    Command {
        name: "config",
        args: "",
        summary: "Show, change and check the settings",
        about: "Show, change and check the settings: /etc/tollgate/config.json, and /etc/config/tollgate, which overrides it.",
        options: COMMON,
        examples: &[(
            "",
            "tollgate-wrt config check && /etc/init.d/tollgate-wrt reload",
        )],
        runs: Runs::Group,
    },
    Command {
        name: "config get",
        args: "[KEY]",
        summary: "Show a setting in force, or all of them",
        about: "Show a setting in force, those below a key, or all of them.",
        options: &[ORIGIN, JSON, ROOT],
        examples: &[
            ("", "tollgate-wrt config get step_size"),
            ("who says so?", "tollgate-wrt config get --origin"),
        ],
        runs: Runs::Here(config::get),
    },
    Command {
        name: "config set",
        args: "KEY VALUE [KEY VALUE]...",
        summary: "Change settings in /etc/tollgate/config.json",
        about: "Change settings in /etc/tollgate/config.json, all of them or none. A value is JSON, or a text without quotes. What does not fit is refused; unknown keys of the file, their order and its layout stay. Nothing else ever writes that file.\nWhat /etc/config/tollgate says overrides it: that file is changed with `uci`, and the command says how.\nThe daemon reads its settings at the start: /etc/init.d/tollgate-wrt reload restarts it if they have changed.",
        options: &[DRY_RUN, JSON, ROOT],
        examples: &[
            (
                "an hour for 10 sat",
                "tollgate-wrt config set metric milliseconds step_size 360000",
            ),
            (
                "another mint",
                "tollgate-wrt config set 'accepted_mints[0].url' https://mint.example",
            ),
        ],
        runs: Runs::Here(config::set),
    },
    Command {
        name: "config schema",
        args: "",
        summary: "List every key of config.json, and what belongs there",
        about: "List every key of config.json (v0.0.8), what belongs there, and which of them this daemon has no use for. `[]` stands for an element of a list.",
        options: COMMON,
        examples: &[("", "tollgate-wrt config schema")],
        runs: Runs::Here(config::schema),
    },
    Command {
        name: "config check",
        args: "",
        summary: "Read the configuration, and say what is wrong with it",
        about: "Read /etc/tollgate/config.json and /etc/config/tollgate as `run` would, and say what is wrong or odd in them, and what this daemon has no use for. Changes nothing.\nExit codes: 0 the daemon would start, 1 it would not, 2 wrong usage.",
        options: COMMON,
        examples: &[(
            "",
            "tollgate-wrt config check && /etc/init.d/tollgate-wrt reload",
        )],
        runs: Runs::Here(check::run),
    },
    Command {
        name: "backup",
        args: "FILE",
        summary: "Save wallet, sessions, key and settings in one file",
        about: "Save the wallet, the sessions, the router's key and its settings in one file; `-` is standard output. Whether the daemon runs or not, the file holds one moment.\nWhoever has the file has the money and the key. It holds the money until that is spent, so an old one is worth less than it says: `restore` finds that out.",
        options: COMMON,
        examples: &[(
            "to another machine, where nobody else reads it",
            "umask 077; ssh root@192.168.1.1 tollgate-wrt backup - > router.backup",
        )],
        runs: Runs::Here(backup::backup),
    },
    Command {
        name: "restore",
        args: "FILE",
        summary: "Put a backup onto this router",
        about: "Put a backup onto this router; `-` is standard input. The daemon must not run. If there is money here already, say what is to become of it: --merge or --replace.\nAt its next start the daemon asks the mints which ecash of the backup is unspent. The rest is dropped, and nothing counts before. Ecash that somebody else has, too, is whoever's spends it first. Sessions stay away unless --sessions is given.\nWithout --merge and --money-only the key and the settings are the backup's afterwards. What was there is kept as FILE.before-restore.",
        options: &[MERGE, REPLACE, SESSIONS, MONEY_ONLY, DRY_RUN, JSON, ROOT],
        examples: &[(
            "a new router in place of a broken one",
            "/etc/init.d/tollgate-wrt stop\ntollgate-wrt restore router.backup\n/etc/init.d/tollgate-wrt start",
        )],
        runs: Runs::Here(backup::restore),
    },
    Command {
        name: "identity",
        args: "",
        summary: "Show the router's public key",
        about: "Show the public key that this router signs with, as npub and in hexadecimal digits, and where it stands: /etc/tollgate/identities.json. The private key is not shown unless --secret is given. Makes no key: the first start of the daemon does.",
        options: &[SECRET, JSON, ROOT],
        examples: &[("", "tollgate-wrt identity")],
        runs: Runs::Here(identity::run),
    },
    Command {
        name: "logs",
        args: "",
        summary: "Show the daemon's messages in the system's log",
        about: "Show the daemon's messages in the system's log, as `logread -e tollgate-wrt` does. Where there is no logread, as on systems other than OpenWrt, it says so.",
        options: &[FOLLOW, LINES, JSON],
        examples: &[
            ("", "tollgate-wrt logs -n 20"),
            ("", "tollgate-wrt logs -f"),
        ],
        runs: Runs::Here(logs::run),
    },
];

//! Messages as `key=value` lines, on standard error or to the system's log.
//!
//! ```text
//! level=info msg=listening addr=[::]:2121 interface=br-lan
//! ```
//!
//! A value with a space, a quote, `=` or a control character stands in double
//! quotes with backslash escapes, so that no value can end a line or pass for
//! another key. There is no time: procd and syslog add it, and a router's clock
//! is wrong until it has asked the network.

use std::fmt::{self, Write as _};
use std::io::{self, Write as _};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use log::kv::{Key, Value, VisitSource};
use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::calendar::{Civil, civil};

/// Longest syslog message in bytes (RFC 3164, section 4.1).
const MAX_SYSLOG: usize = 1024;

/// Where messages go.
#[derive(Debug, Clone)]
pub enum Target {
    /// Standard error; procd forwards it to the system's log, all as errors.
    Stderr,
    /// The log daemon's socket at this path; standard error while nobody listens
    /// there.
    Syslog(PathBuf),
}

/// Starts logging; called once, at the start of the process.
pub fn init(target: Target, level: LevelFilter) {
    let logger = match target {
        Target::Stderr => Logger::Stderr,
        Target::Syslog(path) => Logger::Syslog(Mutex::new(Syslog { path, socket: None })),
    };
    // Leaked on purpose: a logger lives as long as the process.
    if log::set_logger(Box::leak(Box::new(logger))).is_ok() {
        log::set_max_level(level);
    }
}

enum Logger {
    Stderr,
    Syslog(Mutex<Syslog>),
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let line = render(record);
        // A message that cannot be delivered is lost: there is nobody to tell.
        match self {
            Self::Stderr => {
                // One write, so that lines of several processes do not mix.
                let _ = io::stderr().write_all(line.as_bytes());
            }
            Self::Syslog(syslog) => {
                let mut syslog = syslog.lock().unwrap_or_else(PoisonError::into_inner);
                if syslog.send(record.level(), line.trim_end()).is_err() {
                    let _ = io::stderr().write_all(line.as_bytes());
                }
            }
        }
    }

    fn flush(&self) {}
}

/// The message as a line, with its newline.
fn render(record: &Record<'_>) -> String {
    struct Pairs<'a>(&'a mut String);

    impl<'kvs> VisitSource<'kvs> for Pairs<'_> {
        fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), log::kv::Error> {
            push_pair(self.0, key.as_str(), format_args!("{value}"));
            Ok(())
        }
    }

    let level = match record.level() {
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    };
    let mut line = format!("level={level}");
    push_pair(&mut line, "msg", *record.args());
    let _ = record.key_values().visit(&mut Pairs(&mut line));
    line.push('\n');
    line
}

fn push_pair(line: &mut String, key: &str, value: fmt::Arguments<'_>) {
    let value = value.to_string();
    let _ = write!(line, " {key}=");
    let is_plain = |character: char| {
        !(character.is_whitespace() || character.is_control() || matches!(character, '"' | '='))
    };
    if !value.is_empty() && value.chars().all(is_plain) {
        line.push_str(&value);
        return;
    }
    line.push('"');
    for character in value.chars() {
        match character {
            '"' => line.push_str("\\\""),
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            control if control.is_control() => {
                let _ = write!(line, "\\u{{{:x}}}", u32::from(control));
            }
            other => line.push(other),
        }
    }
    line.push('"');
}

/// The log daemon: datagrams as RFC 3164 has them.
struct Syslog {
    path: PathBuf,
    socket: Option<UnixDatagram>,
}

impl Syslog {
    fn send(&mut self, level: Level, message: &str) -> io::Result<()> {
        let seconds = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |elapsed| elapsed.as_secs());
        let datagram = datagram(level, seconds, std::process::id(), message);
        // A restarted log daemon has a new socket: connect again, once.
        if let Some(socket) = &self.socket {
            match socket.send(datagram.as_bytes()) {
                // Its queue is full. Waiting would stop the daemon's service.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
                Err(_) => self.socket = None,
                Ok(_) => return Ok(()),
            }
        }
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        socket.connect(&self.path)?;
        socket.send(datagram.as_bytes())?;
        self.socket = Some(socket);
        Ok(())
    }
}

/// `<PRI>Mmm dd hh:mm:ss TAG[PID]: message`, cut to the length that is allowed.
/// The time is UTC, as in musl's `syslog`; OpenWrt's logd replaces it.
fn datagram(level: Level, seconds: u64, pid: u32, message: &str) -> String {
    const DAEMON: u8 = 3 << 3; // the facility
    let severity = match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    };
    let priority = DAEMON | severity;
    let mut text = format!(
        "<{priority}>{} tollgate-wrt[{pid}]: {message}",
        timestamp(seconds)
    );
    let mut end = text.len().min(MAX_SYSLOG);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

/// `Mmm dd hh:mm:ss` of a count of seconds since 1970.
fn timestamp(seconds: u64) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let Civil {
        month,
        day,
        hour,
        minute,
        second,
        ..
    } = civil(seconds);
    let name = MONTHS[usize::try_from(month - 1).unwrap_or(0) % 12];
    format!("{name} {day:2} {hour:02}:{minute:02}:{second:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(message: &str, pairs: &[(&str, &str)]) -> String {
        let mut record = Record::builder();
        record.level(Level::Info).key_values(&pairs);
        render(&record.args(format_args!("{message}")).build())
    }

    #[test]
    fn lines_are_key_value() {
        assert_eq!(
            line(
                "listening",
                &[("addr", "[::]:2121"), ("interface", "br-lan")]
            ),
            "level=info msg=listening addr=[::]:2121 interface=br-lan\n"
        );
    }

    #[test]
    fn values_cannot_break_out() {
        assert_eq!(
            line(
                "a b",
                &[("x", ""), ("y", "1\nlevel=error \"\\\u{1b}"), ("z", "a=b")]
            ),
            "level=info msg=\"a b\" x=\"\" y=\"1\\nlevel=error \\\"\\\\\\u{1b}\" z=\"a=b\"\n"
        );
    }

    #[test]
    fn datagrams_are_rfc_3164() {
        assert_eq!(
            datagram(Level::Warn, 1_700_000_000, 42, "level=warn msg=x"),
            "<28>Nov 14 22:13:20 tollgate-wrt[42]: level=warn msg=x"
        );
        let long = datagram(Level::Info, 0, 1, &"é".repeat(1_000));
        assert!(long.len() <= 1_024 && long.len() > 1_020, "{}", long.len());
    }

    #[test]
    fn timestamps() {
        assert_eq!(timestamp(0), "Jan  1 00:00:00");
        assert_eq!(timestamp(951_782_399), "Feb 28 23:59:59"); // 2000
        assert_eq!(timestamp(951_782_400), "Feb 29 00:00:00");
        assert_eq!(timestamp(951_868_800), "Mar  1 00:00:00");
        assert_eq!(timestamp(4_107_542_399), "Feb 28 23:59:59"); // 2100
        assert_eq!(timestamp(4_107_542_400), "Mar  1 00:00:00");
        assert_eq!(timestamp(1_735_689_599), "Dec 31 23:59:59"); // 2024
    }

    #[test]
    fn syslog_survives_a_restart_of_its_daemon() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut syslog = Syslog {
            path: path.clone(),
            socket: None,
        };
        assert!(syslog.send(Level::Info, "nobody").is_err());

        for round in ["first", "second"] {
            let daemon = UnixDatagram::bind(&path).unwrap();
            syslog.send(Level::Info, round).unwrap();
            let mut buffer = [0; 200];
            let length = daemon.recv(&mut buffer).unwrap();
            let text = std::str::from_utf8(&buffer[..length]).unwrap();
            assert!(text.starts_with("<30>") && text.ends_with(round), "{text}");
            std::fs::remove_file(&path).unwrap();
        }
    }
}

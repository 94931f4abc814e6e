//! What the user sees: status lines on stderr, results on stdout. Progress
//! moves on a terminal and is plain lines elsewhere.

use std::borrow::Cow;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Width of the first column, as cargo's own.
const COLUMN: usize = 12;

/// Writes status lines.
#[derive(Clone, Copy, Debug)]
pub struct Ui {
    terminal: bool,
    color: bool,
}

impl Default for Ui {
    fn default() -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self {
            terminal,
            color: terminal && std::env::var_os("NO_COLOR").is_none(),
        }
    }
}

impl Ui {
    /// `   Compiling tollgate-wrt for mips_24kc`
    pub fn status(&self, verb: &str, text: &str) {
        self.line(&format!(
            "{} {text}",
            self.paint("1;32", &format!("{verb:>COLUMN$}")),
            text = plain(text)
        ));
    }

    /// Something worth knowing that changes nothing.
    pub fn note(&self, text: &str) {
        self.line(&format!(
            "{} {text}",
            self.paint("1;36", &format!("{:>COLUMN$}", "Note")),
            text = plain(text)
        ));
    }

    /// Something that may be wrong.
    pub fn warn(&self, text: &str) {
        let text = plain(text);
        self.line(&format!("{} {text}", self.paint("1;33", "warning:")));
    }

    /// An error and what led to it.
    pub fn error(&self, error: &anyhow::Error) {
        let text = error.to_string();
        self.line(&format!(
            "{} {}",
            self.paint("1;31", "error:"),
            plain(&text)
        ));
        for cause in error.chain().skip(1) {
            self.line(&format!("  because: {}", plain(&cause.to_string())));
        }
    }

    /// Work that takes a while: a moving line on a terminal.
    pub fn step(&self, verb: &str, text: &str) -> Step {
        let bar = self.terminal.then(|| {
            let style = ProgressStyle::with_template("{prefix} {msg} {spinner} {elapsed}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner());
            let bar = ProgressBar::new_spinner().with_style(style);
            bar.set_prefix(self.paint("1;36", &format!("{verb:>COLUMN$}")));
            bar.set_message(text.to_owned());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        if bar.is_none() {
            self.status(verb, &format!("{text} …"));
        }
        Step {
            ui: *self,
            bar,
            started: Instant::now(),
            text: text.to_owned(),
        }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.color {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    fn line(&self, text: &str) {
        // A closed stderr is no reason to stop a build.
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }
}

/// Text without characters that command a terminal: what is said may quote a
/// stranger's file, server or router.
fn plain(text: &str) -> Cow<'_, str> {
    let commands = |c: char| c.is_control() && c != '\n' && c != '\t';
    if !text.contains(commands) {
        return Cow::Borrowed(text);
    }
    let escaped = text.chars().map(|c| match commands(c) {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    });
    Cow::Owned(escaped.collect())
}

/// Work under way.
#[derive(Debug)]
pub struct Step {
    ui: Ui,
    bar: Option<ProgressBar>,
    started: Instant,
    text: String,
}

impl Step {
    /// Says what is being done now, where the line moves.
    pub fn show(&self, text: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(text.to_owned());
        }
    }

    /// A line of output above the moving one.
    pub fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => self.ui.line(text),
        }
    }

    /// A status line above the moving one.
    pub fn status(&self, verb: &str, text: &str) {
        let verb = self.ui.paint("1;32", &format!("{verb:>COLUMN$}"));
        self.line(&format!("{verb} {text}"));
    }

    /// Ends with `verb`, the step's text and the time it took.
    pub fn done(self, verb: &str) -> Duration {
        let took = self.started.elapsed();
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        self.ui
            .status(verb, &format!("{} in {}", self.text, seconds(took)));
        took
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// `0.12 s`, `34.5 s`, `2 min 05 s`.
pub fn seconds(time: Duration) -> String {
    let value = time.as_secs_f64();
    match value {
        _ if value < 10.0 => format!("{value:.2} s"),
        _ if value < 120.0 => format!("{value:.1} s"),
        _ => format!("{} min {:02} s", time.as_secs() / 60, time.as_secs() % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_commands_the_terminal() {
        assert_eq!(plain("a\tb\nü"), "a\tb\nü");
        assert_eq!(plain("a\u{1b}[2Jb\r\u{9b}"), "a\\u{1b}[2Jb\\r\\u{9b}");
    }

    #[test]
    fn times_read_well() {
        for (millis, text) in [(123, "0.12 s"), (34_500, "34.5 s"), (125_000, "2 min 05 s")] {
            assert_eq!(seconds(Duration::from_millis(millis)), text);
        }
    }
}

//! A verdict as a drawing: a bar for each stage, as long as it took.

use std::fmt::Write;

use super::show;
use super::verdict::{Row, Verdict};

/// Stages drawn.
const ROWS: usize = 60;
const WIDTH: u32 = 860;
const NAMES: u32 = 330;
const LINE: u32 = 24;
const TOP: u32 = 76;

/// Draws the stages; without a time a bar is a mark.
pub fn draw(verdict: &Verdict) -> String {
    let rows = &verdict.stages[..verdict.stages.len().min(ROWS)];
    let height = TOP + LINE * u32::try_from(rows.len().max(1)).unwrap_or(1) + 30;
    let longest = rows
        .iter()
        .filter_map(|row| row.seconds)
        .fold(0.0, f64::max);
    let title = show::headline(verdict).replace('\n', ", ");
    let mut out = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" font-family="ui-sans-serif, system-ui, sans-serif" font-size="13" role="img">
<title>{title}</title>
<style>
  .back {{ fill: #ffffff }} .text {{ fill: #1f2328 }} .dim {{ fill: #59636e }}
  .ran {{ fill: #bc4c00 }} .same {{ fill: #1a7f37 }} .failed {{ fill: #cf222e }} .package {{ fill: #8c959f }}
  @media (prefers-color-scheme: dark) {{
    .back {{ fill: #0d1117 }} .text {{ fill: #f0f6fc }} .dim {{ fill: #9198a1 }}
    .ran {{ fill: #f0883e }} .same {{ fill: #3fb950 }} .failed {{ fill: #f85149 }} .package {{ fill: #656c76 }}
  }}
</style>
<rect class="back" width="{WIDTH}" height="{height}" rx="6"/>
<text class="text" x="16" y="28" font-size="15" font-weight="600">{title}</text>
"##,
        title = escape(&limit(&title, 100)),
    );
    let legend = [
        ("ran", "toolchain, made again"),
        ("same", "toolchain, unchanged"),
        ("failed", "failed"),
        ("package", "package"),
    ];
    let mut x = 16;
    for (class, words) in legend {
        let _ = writeln!(
            out,
            r#"<rect class="{class}" x="{x}" y="43" width="11" height="11" rx="2"/><text class="dim" x="{}" y="53" font-size="12">{words}</text>"#,
            x + 17
        );
        x += 40 + 7 * u32::try_from(words.len()).unwrap_or(0);
    }
    for (at, row) in (0..).zip(rows) {
        bar(&mut out, TOP + at * LINE, row, longest);
    }
    if rows.is_empty() {
        let _ = writeln!(
            out,
            r#"<text class="dim" x="16" y="{}">no stage in this log</text>"#,
            TOP + 16
        );
    }
    out.push_str("</svg>\n");
    out
}

fn bar(out: &mut String, y: u32, row: &Row, longest: f64) {
    let class = match (row.failed, row.host, row.ran) {
        (true, _, _) => "failed",
        (_, false, _) => "package",
        (_, true, true) => "ran",
        (_, true, false) => "same",
    };
    let room = f64::from(WIDTH - NAMES - 210);
    let share = row.seconds.map_or(0.0, |seconds| {
        if longest > 0.0 {
            seconds / longest
        } else {
            0.0
        }
    });
    let length = (share * room).max(3.0);
    let time = row
        .seconds
        .map_or_else(|| "no time".to_owned(), |seconds| format!("{seconds:.1} s"));
    // The end of a name tells stages apart.
    let shown: String = if row.name.chars().count() > 44 {
        let skip = row.name.chars().count() - 43;
        std::iter::once('…')
            .chain(row.name.chars().skip(skip))
            .collect()
    } else {
        row.name.clone()
    };
    let _ = writeln!(
        out,
        r#"<text class="text" x="16" y="{}">{}<title>{}</title></text><rect class="{class}" x="{NAMES}" y="{}" width="{length:.1}" height="14" rx="2"/><text class="dim" x="{:.1}" y="{}" font-size="12">{time}, lines {}-{}</text>"#,
        y + 16,
        escape(&shown),
        escape(&row.name),
        y + 5,
        f64::from(NAMES) + length + 8.0,
        y + 16,
        row.first_line,
        row.last_line
    );
}

fn limit(text: &str, length: usize) -> String {
    if text.chars().count() <= length {
        return text.to_owned();
    }
    text.chars().take(length - 1).chain(['…']).collect()
}

/// XML's special characters, and what XML does not allow at all.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_a_log_cannot_break_the_drawing() {
        assert_eq!(
            escape("<a b=\"c\">&\u{1}"),
            "&lt;a b=&quot;c&quot;&gt;&amp;\u{fffd}"
        );
        let verdict = super::super::verdict::of_nothing("x");
        assert!(draw(&verdict).contains("no stage in this log"));
    }
}

//! Groups of tests that need something a machine may lack. The tests of both
//! crates use this file.

use std::io::Write;

/// Decides whether a test of `group` runs. A missing group is said aloud, and
/// fails where XTASK_REQUIRE (a list of names, or `all`) asks for it.
/// `cargo xtask test` counts what is written to $XTASK_TEST_REPORT.
pub fn group(name: &str, missing: Option<&str>) -> bool {
    let test = std::thread::current().name().unwrap_or("?").to_owned();
    if let Some(report) = std::env::var_os("XTASK_TEST_REPORT") {
        let line = match missing {
            None => format!("{name}\trun\t{test}\t\n"),
            Some(why) => format!("{name}\tskip\t{test}\t{why}\n"),
        };
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(report);
        file.and_then(|mut file| file.write_all(line.as_bytes()))
            .expect("write the test report");
    }
    let Some(why) = missing else { return true };
    let required = std::env::var("XTASK_REQUIRE").unwrap_or_default();
    assert!(
        !required
            .split(',')
            .any(|word| word == name || word == "all"),
        "XTASK_REQUIRE names {name}, which is missing: {why}"
    );
    // Past libtest's capture: a skip that nobody sees looks like a success.
    let _ = writeln!(std::io::stderr(), "SKIPPED {test} (group {name}): {why}");
    false
}

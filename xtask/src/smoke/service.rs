//! Runs a router's program on the building machine.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::util::{port, process};

/// Emulated programs start slowly, and the machine may be busy.
const START: Duration = Duration::from_secs(30);
const STOP: Duration = Duration::from_secs(10);

/// Runs the program to its end; it must succeed. Returns what it printed.
pub fn run_once(qemu: &Path, root: &Path, run: &[String]) -> Result<(String, f64)> {
    let started = Instant::now();
    let mut child = start(qemu, root, run, 0)?;
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
    let Some(status) = wait(&mut child, START)? else {
        end(&mut child);
        bail!("{} did not end within {} s", run.join(" "), START.as_secs());
    };
    let (stdout, stderr) = (text(stdout), text(stderr));
    ensure!(
        status.success(),
        "{} failed ({status}):\n{}",
        run.join(" "),
        process::tail(&stderr)
    );
    Ok((stdout, started.elapsed().as_secs_f64()))
}

/// Starts the program, asks it for `path`, and stops it with SIGTERM: it must
/// end by itself and with success. Returns the answer's body.
pub fn ask(qemu: &Path, root: &Path, run: &[String], path: &str) -> Result<(String, f64)> {
    let port = port::free()?.port();
    let started = Instant::now();
    let mut child = start(qemu, root, run, port)?;
    let stderr = drain(child.stderr.take());
    let url = format!("http://127.0.0.1:{port}{path}");
    let answer = poll(&mut child, &url, started);
    let seconds = started.elapsed().as_secs_f64();
    let stopped = stop(&mut child);
    let log = text(stderr);
    let said = || format!("{} said:\n{}", run.join(" "), process::tail(&log));
    let answer = answer.with_context(said)?;
    stopped.with_context(said)?;
    Ok((answer, seconds))
}

fn start(qemu: &Path, root: &Path, run: &[String], port: u16) -> Result<Child> {
    let fill = |text: &String| {
        text.replace("{root}", &root.to_string_lossy())
            .replace("{port}", &port.to_string())
    };
    let (program, arguments) = run.split_first().context("`smoke.run` is empty")?;
    let program = root.join(fill(program).trim_start_matches('/'));
    ensure!(program.is_file(), "the package has no {}", run[0]);
    Command::new(qemu)
        .arg(&program)
        .args(arguments.iter().map(fill))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("start {} under {}", run[0], qemu.display()))
}

fn poll(child: &mut Child, url: &str, started: Instant) -> Result<String> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(5)))
        .proxy(None)
        .build()
        .into();
    loop {
        match agent.get(url).call() {
            Ok(mut answer) => {
                return answer
                    .body_mut()
                    .read_to_string()
                    .context("read the answer");
            }
            Err(error) if started.elapsed() > START => {
                return Err(error)
                    .with_context(|| format!("no answer from {url} within {} s", START.as_secs()));
            }
            Err(_) => {}
        }
        if let Some(status) = child.try_wait().context("look at the program")? {
            bail!("the program ended before it answered ({status})");
        }
        std::thread::sleep(Duration::from_millis(30));
    }
}

/// Asks for a graceful end.
fn stop(child: &mut Child) -> Result<()> {
    let pid = child.id().to_string();
    duct::cmd!("kill", "-TERM", &pid)
        .run()
        .context("send SIGTERM")?;
    match wait(child, STOP)? {
        Some(status) => {
            ensure!(
                status.success(),
                "the program did not stop cleanly after SIGTERM ({status})"
            );
            Ok(())
        }
        None => {
            end(child);
            bail!(
                "the program did not stop within {} s after SIGTERM",
                STOP.as_secs()
            )
        }
    }
}

fn wait(child: &mut Child, limit: Duration) -> Result<Option<std::process::ExitStatus>> {
    let started = Instant::now();
    while started.elapsed() < limit {
        if let Some(status) = child.try_wait().context("wait for the program")? {
            return Ok(Some(status));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(None)
}

fn end(child: &mut Child) {
    // It may have ended meanwhile.
    let _ = child.kill();
    let _ = child.wait();
}

/// Reads a pipe in the background, so that the program never blocks on it.
fn drain(pipe: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What was read before an error is worth having.
            let _ = pipe.read_to_end(&mut bytes);
        }
        bytes
    })
}

fn text(reader: std::thread::JoinHandle<Vec<u8>>) -> String {
    String::from_utf8_lossy(&reader.join().unwrap_or_default()).into_owned()
}

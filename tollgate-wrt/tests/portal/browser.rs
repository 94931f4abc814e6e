//! Chromium, told what to do over the WebDriver protocol (W3C).

use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};

use crate::common::{PATIENCE, connect};
use crate::groups;
use crate::net::machine::{Machine, run};
use crate::net::namespace::within;
use crate::net::network::portal;
use crate::wire::{answer, base64};

/// The name that WebDriver gives to elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Keys of the keyboard.
pub const TAB: char = '\u{e004}';
pub const ENTER: char = '\u{e007}';
pub const SPACE: char = ' ';
pub const DOWN: char = '\u{e015}';

/// A browser window on a machine; closed when the test is over.
pub struct Browser {
    /// The name of the machine.
    machine: String,
    driver: Driver,
    address: SocketAddr,
    session: String,
    profile: tempfile::TempDir,
}

/// chromedriver, and with it all that it has started.
struct Driver(Child);

impl Drop for Driver {
    fn drop(&mut self) {
        // A group of its own: nothing else is in it.
        let group = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.0.wait();
    }
}

/// Whether there is a browser; says so if not.
pub fn is_there() -> bool {
    let programs = ["chromedriver", "chromium", "zbarimg"];
    let missing = programs
        .into_iter()
        .find_map(|program| run(program, &["--version"], "").err());
    groups::group("chromium", missing.as_deref())
}

impl Browser {
    /// Opens a window. `more` are further arguments of Chromium.
    pub fn open(machine: &Machine, more: &[&str]) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let port = machine.on(|| {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            listener.local_addr().unwrap().port()
        });
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let driver = machine.on(|| {
            Command::new("chromedriver")
                .arg(format!("--port={port}"))
                .env("HOME", profile.path())
                .env("XDG_CONFIG_HOME", profile.path().join("config"))
                .env("XDG_CACHE_HOME", profile.path().join("cache"))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .process_group(0)
                .spawn()
                .unwrap()
        });
        let mut browser = Self {
            machine: machine.name.clone(),
            driver: Driver(driver),
            address,
            session: String::new(),
            profile,
        };
        browser.wait("the driver", |browser| {
            within(&browser.machine, || TcpStream::connect(address).is_ok())
        });
        let data = format!(
            "--user-data-dir={}",
            browser.profile.path().join("data").display()
        );
        let mut arguments = vec![
            "--headless=new",
            // As root in a namespace, Chromium has no sandbox of its own.
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-default-apps",
            "--disable-features=OptimizationHints,MediaRouter",
            "--no-first-run",
            "--hide-scrollbars",
            "--lang=en-US",
            "--window-size=1280,900",
            &data,
        ];
        arguments.extend(more);
        let capabilities = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }}});
        let started = browser.ask("POST", "/session", &capabilities);
        browser.session = started["sessionId"].as_str().expect("a session").to_owned();
        browser
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.answer(method, path, body);
        answer.unwrap_or_else(|error| panic!("{method} {path} {body:.300}: {error:#.1000}"))
    }

    /// The driver's answer, or the error that it names.
    fn answer(&self, method: &str, path: &str, body: &Value) -> Result<Value, Value> {
        let body = if method == "GET" {
            String::new()
        } else {
            body.to_string()
        };
        let answer = within(&self.machine, || {
            let mut stream = connect(self.address);
            stream.set_read_timeout(Some(2 * PATIENCE)).unwrap();
            let length = body.len();
            write!(
                stream,
                "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
            )
            .unwrap();
            answer(&mut stream)
        });
        let (head, body_of_answer) = answer.split_once("\r\n\r\n").unwrap();
        let mut value: Value = serde_json::from_str(body_of_answer).unwrap();
        let value = value["value"].take();
        match head.starts_with("HTTP/1.1 200") {
            true => Ok(value),
            false => Err(value),
        }
    }

    /// A command of the session.
    fn tell(&self, command: &str, body: &Value) -> Value {
        self.ask(
            "POST",
            &format!("/session/{}/{command}", self.session),
            body,
        )
    }

    /// A command of Chromium's own protocol.
    pub fn cdp(&self, command: &str, parameters: &Value) -> Value {
        self.tell(
            "goog/cdp/execute",
            &json!({"cmd": command, "params": parameters}),
        )
    }

    /// Goes to an address below the router's, and waits until the page is there.
    pub fn go(&self, path: &str) {
        self.tell("url", &json!({"url": format!("http://{}{path}", portal())}));
    }

    /// What a function's body returns in the page.
    pub fn run(&self, script: &str, arguments: &[Value]) -> Value {
        self.tell(
            "execute/sync",
            &json!({"script": script, "args": arguments}),
        )
    }

    /// The same of something that takes time: it calls the last argument.
    pub fn run_later(&self, script: &str, arguments: &[Value]) -> Value {
        self.tell(
            "execute/async",
            &json!({"script": script, "args": arguments}),
        )
    }

    /// The address that the window shows, without the router's.
    pub fn place(&self) -> String {
        let url = self.run("return location.href", &[]);
        let url = url.as_str().unwrap();
        url.strip_prefix(&format!("http://{}", portal()))
            .unwrap_or(url)
            .to_owned()
    }

    /// The text that is seen in an element, or nothing if there is none.
    pub fn text(&self, selector: &str) -> String {
        let script = "const e = document.querySelector(arguments[0]); return e && e.checkVisibility() ? e.innerText : ''";
        let text = self.run(script, &[selector.into()]);
        text.as_str().unwrap_or_default().to_owned()
    }

    fn find(&self, selector: &str) -> String {
        let found = self.tell(
            "element",
            &json!({"using": "css selector", "value": selector}),
        );
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    /// Clicks on an element as a person does, and waits for what comes.
    pub fn click(&self, selector: &str) {
        self.wait(&format!("click on {selector}"), |browser| {
            let element = browser.find(selector);
            let path = format!("/session/{}/element/{element}/click", browser.session);
            match browser.answer("POST", &path, &json!({})) {
                Ok(_) => true,
                // The page has just renewed itself.
                Err(error) if error["error"] == "stale element reference" => false,
                Err(error) => panic!("click on {selector}: {error:#.1000}"),
            }
        });
    }

    /// Puts text into a field, as one who pastes it.
    pub fn paste(&self, selector: &str, text: &str) {
        self.run(
            "document.querySelector(arguments[0]).focus()",
            &[selector.into()],
        );
        self.cdp("Input.insertText", &json!({"text": text}));
    }

    /// Presses a key.
    pub fn press(&self, key: char) {
        let key = key.to_string();
        let actions = json!({"actions": [{"type": "key", "id": "keyboard", "actions": [
            {"type": "keyDown", "value": key}, {"type": "keyUp", "value": key},
        ]}]});
        self.tell("actions", &actions);
    }

    /// Forbids scripts in pages, or allows them.
    pub fn set_scripts(&self, are_allowed: bool) {
        self.cdp(
            "Emulation.setScriptExecutionDisabled",
            &json!({"value": !are_allowed}),
        );
    }

    /// What was logged since the last look: `browser` or `performance`.
    pub fn log(&self, kind: &str) -> Vec<Value> {
        let log = self.tell("se/log", &json!({"type": kind}));
        log.as_array().unwrap().clone()
    }

    /// Waits for something.
    pub fn wait(&self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        let start = Instant::now();
        while !is_so(self) {
            if start.elapsed() > PATIENCE {
                let page = match &*self.session {
                    "" => String::new(),
                    _ => format!("{} {}", self.place(), self.text("body")),
                };
                panic!("never: {what}\n{page}");
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until an element shows a text.
    pub fn wait_for(&self, selector: &str, text: &str) {
        self.wait(&format!("{text} in {selector}"), |browser| {
            browser.text(selector).contains(text)
        });
    }

    /// A picture of the whole page, or of a part of it.
    pub fn picture(&self, file: &Path, clip: Option<&Value>) {
        let mut parameters = json!({"format": "png", "captureBeyondViewport": true});
        if let Some(clip) = clip {
            parameters["clip"] = clip.clone();
        }
        let shot = self.cdp("Page.captureScreenshot", &parameters);
        fs::write(file, base64(shot["data"].as_str().unwrap())).unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() && !thread::panicking() {
            let path = format!("/session/{}", self.session);
            self.ask("DELETE", &path, &json!({}));
        }
        let _ = &self.driver;
    }
}

//! How systems find out whether there is internet, or a portal.
//!
//! Each prober decides as its system does; what it expects of its server is what
//! that server really answers.

use std::fmt;
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::common::{Response, connect};
use crate::net::machine::Machine;
use crate::net::network::ROUTER;

/// What a system makes of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Online,
    /// There is one, and this is where its window opens, if it was said.
    Portal(Option<String>),
    Nothing,
}

type Rule = fn(&Response, &Probe) -> Verdict;

/// A request of a system, and what its server answers.
pub struct Probe {
    pub system: &'static str,
    host: &'static str,
    path: &'static str,
    agent: &'static str,
    rule: Rule,
    status: u16,
    header: &'static str,
    body: &'static str,
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: http://{}{}", self.system, self.host, self.path)
    }
}

fn portal(answer: &Response) -> Verdict {
    Verdict::Portal(answer.header("location").map(str::to_owned))
}

/// AOSP, NetworkStack: CaptivePortalProbeResult, isSuccessCode and isPortalCode.
fn android(answer: &Response, _: &Probe) -> Verdict {
    match answer.status {
        204 => Verdict::Online,
        200..400 => portal(answer),
        _ => Verdict::Nothing,
    }
}

/// Chromium, components/captive_portal: GetCaptivePortalResultFromResponse.
fn chromium(answer: &Response, _: &Probe) -> Verdict {
    match answer.status {
        511 => portal(answer),
        204 => Verdict::Online,
        200 if answer.body.len() < 2 => Verdict::Online,
        200..400 => portal(answer),
        _ => Verdict::Nothing,
    }
}

/// Apple's Captive Network Assistant: any page without `Success` is shown.
fn apple(answer: &Response, probe: &Probe) -> Verdict {
    match answer.status == 200 && answer.body == probe.body {
        true => Verdict::Online,
        false => portal(answer),
    }
}

/// Windows, NCSI: another text, or a redirect, is a portal; then the browser
/// opens `/redirect`.
fn windows(answer: &Response, probe: &Probe) -> Verdict {
    match answer.status {
        200 if answer.body == probe.body => Verdict::Online,
        200 | 300..400 => portal(answer),
        _ => Verdict::Nothing,
    }
}

/// Where that page leads a browser to.
fn browser(answer: &Response, probe: &Probe) -> Verdict {
    match answer.header("location") == probe.header.strip_prefix("location: ") {
        true => Verdict::Online,
        false => portal(answer),
    }
}

/// Firefox, CaptiveDetect.sys.mjs: validateContent, onredirectorerror.
fn firefox(answer: &Response, probe: &Probe) -> Verdict {
    match answer.status {
        200 if answer.body == probe.body => Verdict::Online,
        200..400 => portal(answer),
        _ => Verdict::Nothing,
    }
}

/// NetworkManager, nm-connectivity.c: the header, or the text's beginning; any
/// other answer is a portal.
fn network_manager(answer: &Response, probe: &Probe) -> Verdict {
    let is_online = answer.header("x-networkmanager-status") == Some("online");
    let text = probe.body.trim_end();
    match is_online || !text.is_empty() && answer.body.starts_with(text) {
        true => Verdict::Online,
        false => portal(answer),
    }
}

/// ConnMan, src/wispr.c: 200 with the header is online, a redirect a portal.
fn connman(answer: &Response, _: &Probe) -> Verdict {
    match answer.status {
        200 if answer.header("x-connman-status") == Some("online") => Verdict::Online,
        200 | 300..400 => portal(answer),
        _ => Verdict::Nothing,
    }
}

const SUCCESS: &str = "<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>\n";
const CANONICAL: &str = "<meta http-equiv=\"refresh\" content=\"0;url=https://support.mozilla.org/kb/captive-portal\"/>";
const NM: &str = "NetworkManager is online\n";
const DALVIK: &str = "Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8)";
const CNS: &str = "CaptiveNetworkSupport-466.120.3 wispr";
const GECKO: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

const fn probe(
    (system, host, path, agent): (&'static str, &'static str, &'static str, &'static str),
    rule: Rule,
    (status, header, body): (u16, &'static str, &'static str),
) -> Probe {
    Probe {
        system,
        host,
        path,
        agent,
        rule,
        status,
        header,
        body,
    }
}

const EMPTY: (u16, &str, &str) = (204, "", "");

#[rustfmt::skip]
pub const PROBES: &[Probe] = &[
    probe(("Android", "connectivitycheck.gstatic.com", "/generate_204", DALVIK), android, EMPTY),
    probe(("Android", "www.google.com", "/gen_204", DALVIK), android, EMPTY),
    probe(("Android", "play.googleapis.com", "/generate_204", DALVIK), android, EMPTY),
    probe(("Android 4", "clients3.google.com", "/generate_204", DALVIK), android, EMPTY),
    probe(("GrapheneOS", "connectivitycheck.grapheneos.network", "/generate_204", DALVIK), android, EMPTY),
    probe(("Xiaomi", "connect.rom.miui.com", "/generate_204", DALVIK), android, EMPTY),
    probe(("Huawei", "connectivitycheck.platform.hicloud.com", "/generate_204", DALVIK), android, EMPTY),
    probe(("Vivo", "wifi.vivo.com.cn", "/generate_204", DALVIK), android, EMPTY),
    probe(("ChromeOS, Chromium", "www.gstatic.com", "/generate_204", "Mozilla/5.0"), chromium, EMPTY),
    probe(("iOS", "captive.apple.com", "/hotspot-detect.html", CNS), apple, (200, "", SUCCESS)),
    probe(("macOS", "www.apple.com", "/library/test/success.html", CNS), apple, (200, "", SUCCESS)),
    probe(("Windows 10", "www.msftconnecttest.com", "/connecttest.txt", "Microsoft NCSI"), windows, (200, "", "Microsoft Connect Test")),
    probe(("Windows 10", "ipv6.msftconnecttest.com", "/connecttest.txt", "Microsoft NCSI"), windows, (200, "", "Microsoft Connect Test")),
    probe(("Windows 10, its browser", "www.msftconnecttest.com", "/redirect", "Mozilla/5.0"), browser, (302, "location: http://go.microsoft.com/fwlink/?LinkID=219472&clcid=0x409", "")),
    probe(("Windows 8", "www.msftncsi.com", "/ncsi.txt", "Microsoft NCSI"), windows, (200, "", "Microsoft NCSI")),
    probe(("Firefox", "detectportal.firefox.com", "/canonical.html", GECKO), firefox, (200, "", CANONICAL)),
    probe(("Firefox", "detectportal.firefox.com", "/success.txt?ipv4", GECKO), firefox, (200, "", "success\n")),
    probe(("Firefox", "detectportal.firefox.com", "/success.txt?ipv6", GECKO), firefox, (200, "", "success\n")),
    probe(("GNOME", "nmcheck.gnome.org", "/check_network_status.txt", "NetworkManager/1.42"), network_manager, (200, "", NM)),
    probe(("Debian", "network-test.debian.org", "/nm", "NetworkManager/1.42"), network_manager, (200, "", NM)),
    probe(("Ubuntu", "connectivity-check.ubuntu.com", "/", "NetworkManager/1.42"), network_manager, (204, "X-NetworkManager-Status: online", "")),
    probe(("Fedora", "fedoraproject.org", "/static/hotspot.txt", "NetworkManager/1.42"), network_manager, (200, "", "OK")),
    probe(("KDE", "networkcheck.kde.org", "/", "NetworkManager/1.42"), network_manager, (200, "", "OK")),
    probe(("ConnMan", "ipv4.connman.net", "/online/status.html", "ConnMan/1.41 wispr"), connman, (200, "X-ConnMan-Status: online", "")),
    probe(("Kindle", "spectrum.s3.amazonaws.com", "/kindle-wifi/wifistub.html", "Mozilla/5.0"), firefox, (200, "", "<html>81ce4465-7167-4dcb-835b-dcc9e44c112a</html>")),
];

/// The address of a name, as the router's resolver has it.
pub fn resolve(host: &str, is_ipv6: bool) -> IpAddr {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    let mut question = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in host.split('.').chain([""]) {
        question.push(label.len() as u8);
        question.extend(label.bytes());
    }
    question.extend([0, if is_ipv6 { 28 } else { 1 }, 0, 1]);
    socket.send_to(&question, (ROUTER, 53)).unwrap();
    let mut answer = [0; 512];
    let length = socket.recv(&mut answer).unwrap();
    assert_eq!(answer[6..8], [0, 1], "no address of {host}");
    // The address ends it.
    let answer = &answer[..length];
    match is_ipv6 {
        true => <[u8; 16]>::try_from(&answer[length - 16..]).unwrap().into(),
        false => <[u8; 4]>::try_from(&answer[length - 4..]).unwrap().into(),
    }
}

impl Probe {
    /// Asks as the system does, on the machine where this is called.
    pub fn ask(&self, is_ipv6: bool) -> Verdict {
        let address = SocketAddr::new(resolve(self.host, is_ipv6), 80);
        let mut stream = connect(address);
        write!(
            stream,
            "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {}\r\nConnection: close\r\n\r\n",
            self.path, self.host, self.agent
        )
        .unwrap();
        let answer = Response::read(&mut stream, true).unwrap();
        (self.rule)(&answer, self)
    }
}

/// The servers of all systems, on one machine.
pub struct Servers(Arc<AtomicUsize>);

impl Servers {
    pub fn start(machine: &Machine, addresses: &[IpAddr]) -> Self {
        let asked = Arc::new(AtomicUsize::new(0));
        for &address in addresses {
            let listener = machine.on(|| TcpListener::bind((address, 80)).unwrap());
            let asked = Arc::clone(&asked);
            thread::spawn(move || {
                for mut stream in listener.incoming().map_while(Result::ok) {
                    asked.fetch_add(1, Ordering::Relaxed);
                    let _ = answer(&mut stream);
                }
            });
        }
        Self(asked)
    }

    /// How many connections there were.
    pub fn asked(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

fn answer(stream: &mut std::net::TcpStream) -> std::io::Result<()> {
    use std::io::{BufRead as _, BufReader};

    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let head: Vec<String> = BufReader::new(&mut *stream)
        .lines()
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
        .collect();
    let path = head.first().and_then(|line| line.split(' ').nth(1));
    let host = head.iter().find_map(|line| line.strip_prefix("Host: "));
    let asks = |probe: &&Probe| (Some(probe.host), Some(probe.path)) == (host, path);
    let Some(probe) = PROBES.iter().find(asks) else {
        return write!(
            stream,
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        );
    };
    let header = match probe.header {
        "" => String::new(),
        header => format!("{header}\r\n"),
    };
    write!(
        stream,
        "HTTP/1.1 {} x\r\n{header}Content-Length: {}\r\n\r\n{}",
        probe.status,
        probe.body.len(),
        probe.body
    )
}

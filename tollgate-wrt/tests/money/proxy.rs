//! Stands between the daemon and a mint, and does to swaps, to the minting of
//! paid invoices and to the paying of others what networks do.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What is done to a request for a swap.
pub enum Fault {
    /// Nothing.
    Pass,
    /// It is never answered, and never passed on.
    Hang,
    /// It is answered with these bytes, and never passed on.
    Answer(&'static [u8]),
    /// Something is done before it is answered with these bytes. It is never
    /// passed on.
    Refuse(Box<dyn FnOnce() + Send>, &'static [u8]),
    /// It is passed on, and its answer is dropped.
    Drop,
    /// Something is done before it is passed on.
    Before(Box<dyn FnOnce() + Send>),
    /// Something is done once it is answered, before the answer is passed on.
    After(Box<dyn FnOnce() + Send>),
}

/// What a mint's answer to a GET becomes: status and body, of its path and body.
pub type Garble = fn(&str, String) -> (u16, String);

/// The proxy; its threads end with the process.
pub struct Proxy {
    pub address: SocketAddr,
    faults: Arc<Mutex<Vec<Fault>>>,
    /// Words in the mint's answers, and others of the same length for them.
    edits: Arc<Mutex<Vec<(String, String)>>>,
    garble: Arc<Mutex<Option<Garble>>>,
}

impl Proxy {
    pub fn start(mint: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let faults: Arc<Mutex<Vec<Fault>>> = Arc::default();
        let edits: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
        let garble: Arc<Mutex<Option<Garble>>> = Arc::default();
        let theirs = (Arc::clone(&faults), Arc::clone(&edits), Arc::clone(&garble));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (faults, edits, garble) = theirs.clone();
                thread::spawn(move || serve(stream, mint, &faults, &edits, &garble));
            }
        });
        Self {
            address,
            faults,
            edits,
            garble,
        }
    }

    /// What becomes of all answers to GETs from now on.
    pub fn garble(&self, garble: Option<Garble>) {
        *self.garble.lock().unwrap() = garble;
    }

    /// From now on the mint says `new` where it says `old`.
    pub fn edit(&self, old: &str, new: &str) {
        assert_eq!(old.len(), new.len());
        self.edits.lock().unwrap().push((old.into(), new.into()));
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on the mint says what it says.
    pub fn edit_nothing(&self) {
        self.edits.lock().unwrap().clear();
    }

    /// What is done to the next swaps, one after the other.
    pub fn next(&self, faults: impl IntoIterator<Item = Fault>) {
        let mut waiting = self.faults.lock().unwrap();
        waiting.extend(faults);
    }
}

/// One connection has one request.
fn serve(
    mut client: TcpStream,
    mint: SocketAddr,
    faults: &Mutex<Vec<Fault>>,
    edits: &Mutex<Vec<(String, String)>>,
    garble: &Mutex<Option<Garble>>,
) -> Option<()> {
    let request = read_request(&mut client)?;
    let garble = *garble.lock().unwrap();
    if let (Some(garble), Some(path)) = (garble, path_of_get(&request)) {
        let answer = String::from_utf8(exchange(&request, mint)?).ok()?;
        let (_, body) = answer.split_once("\r\n\r\n")?;
        let (status, body) = garble(&path, body.to_owned());
        let length = body.len();
        let head = format!("HTTP/1.1 {status} Garbled\r\nContent-Length: {length}\r\n\r\n");
        return client.write_all((head + &body).as_bytes()).ok();
    }
    let moves_money = ["/v1/swap", "/v1/mint/bolt11", "/v1/melt/bolt11"];
    let is_swap = moves_money
        .iter()
        .any(|path| request.starts_with(format!("POST {path} ").as_bytes()));
    let fault = {
        let mut waiting = faults.lock().unwrap();
        match is_swap && !waiting.is_empty() {
            true => waiting.remove(0),
            false => Fault::Pass,
        }
    };
    match fault {
        Fault::Pass => {
            let mut answer = exchange(&request, mint)?;
            for (old, new) in edits.lock().unwrap().iter() {
                let text = String::from_utf8_lossy(&answer);
                answer = text.replace(old, new).into_bytes();
            }
            client.write_all(&answer).ok()
        }
        Fault::Hang => {
            thread::sleep(Duration::from_secs(600));
            None
        }
        Fault::Answer(bytes) => client.write_all(bytes).ok(),
        Fault::Refuse(act, bytes) => {
            act();
            client.write_all(bytes).ok()
        }
        Fault::Drop => {
            let _ = exchange(&request, mint);
            client.shutdown(Shutdown::Both).ok()
        }
        Fault::Before(act) => {
            act();
            forward(&request, mint, &mut client)
        }
        Fault::After(act) => {
            let answer = exchange(&request, mint);
            act();
            client.write_all(&answer?).ok()
        }
    }
}

fn path_of_get(request: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(request);
    let path = text.strip_prefix("GET ")?.split(' ').next()?;
    Some(path.to_owned())
}

fn forward(request: &[u8], mint: SocketAddr, client: &mut TcpStream) -> Option<()> {
    client.write_all(&exchange(request, mint)?).ok()
}

/// Asks the mint; reads to the end of what it says.
fn exchange(request: &[u8], mint: SocketAddr) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(mint).ok()?;
    let text = String::from_utf8_lossy(request);
    // So that the mint ends the connection, and the answer with it.
    let request = text.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    (!answer.is_empty()).then_some(answer)
}

fn read_request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut request = Vec::new();
    let mut buffer = [0; 4_096];
    loop {
        let head = request.windows(4).position(|end| end == b"\r\n\r\n");
        if let Some(head) = head.map(|at| at + 4) {
            let text = String::from_utf8_lossy(&request[..head]).to_ascii_lowercase();
            let length = text
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
            if request.len() >= head + length {
                return Some(request);
            }
        }
        match stream.read(&mut buffer).ok()? {
            0 => return None,
            read => request.extend(&buffer[..read]),
        }
    }
}

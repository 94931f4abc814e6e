//! Customers' wallets: nutshell's own, and a small one that is quick.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use cashu::dhke::{blind_message, construct_proofs};
use cashu::secret::Secret;
use cashu::{Amount, BlindSignature, BlindedMessage, CurrencyUnit, KeySet, Proof, Token};
use serde_json::{Value, json};

use crate::common::{self, Response};
use crate::mint::nutshell::{Mint, Version, programs};

/// nutshell's wallet, with some ecash.
pub struct Nutshell {
    directory: PathBuf,
    url: String,
}

impl Nutshell {
    /// A wallet with `amount` sat of `mint`, or some more.
    pub fn new(mint: &Mint, directory: &Path, amount: u64) -> Self {
        let directory = directory.join("wallet");
        let wallet = Self {
            directory,
            url: mint.url(),
        };
        // Its own `invoice` waits for ever for a notice that came too early.
        let pieces = self::mint(mint.address, 1, amount.next_power_of_two());
        wallet.run(&["receive", &token(&wallet.url, &pieces)]);
        wallet
    }

    /// A token; `options` are those of `cashu send`.
    pub fn send(&self, amount: u64, options: &[&str]) -> String {
        let mut arguments = vec!["send"];
        arguments.extend(options);
        let amount = amount.to_string();
        arguments.push(&amount);
        let output = self.run(&arguments);
        let mut words = output.split_whitespace();
        let token = words.find(|word| word.starts_with("cashuA") || word.starts_with("cashuB"));
        token.expect(&output).to_owned()
    }

    pub fn run(&self, arguments: &[&str]) -> String {
        let output = Command::new(programs(Version::New).unwrap().join("cashu"))
            .arg("-y")
            .args(arguments)
            .env("MINT_URL", &self.url)
            .env("CASHU_DIR", &self.directory)
            .env("TOR", "FALSE")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {text}{error}");
        text
    }
}

/// POSTs JSON, or GETs where there is none, and reads JSON.
pub fn ask(mint: SocketAddr, path: &str, body: Option<&Value>) -> Value {
    let mut stream: TcpStream = common::connect(mint);
    let method = if body.is_some() { "POST" } else { "GET" };
    let body = body.map(Value::to_string).unwrap_or_default();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {mint}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let answer = Response::read(&mut stream, true).unwrap();
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

/// Ecash fresh from the mint: `count` pieces of `amount` sat, a power of two.
pub fn mint(mint: SocketAddr, count: usize, amount: u64) -> Vec<Proof> {
    let total = count as u64 * amount;
    let wanted = json!({"amount": total, "unit": "sat"});
    let quote = ask(mint, "/v1/mint/quote/bolt11", Some(&wanted));
    let quote = quote["quote"].as_str().unwrap();
    common::wait_until("the mint has its sats", || {
        ask(mint, &format!("/v1/mint/quote/bolt11/{quote}"), None)["state"] == "PAID"
    });
    let keys = ask(mint, "/v1/keys", None);
    let keyset: KeySet = serde_json::from_value(keys["keysets"][0].clone()).unwrap();
    let amount = Amount::from(amount);
    let secrets: Vec<Secret> = (0..count).map(|_| Secret::generate()).collect();
    let (outputs, rs): (Vec<_>, Vec<_>) = secrets
        .iter()
        .map(|secret| {
            let (blinded, r) = blind_message(secret.as_bytes(), None).unwrap();
            (BlindedMessage::new(amount, keyset.id, blinded), r)
        })
        .unzip();
    let body = json!({"quote": quote, "outputs": outputs});
    let answer = ask(mint, "/v1/mint/bolt11", Some(&body));
    let signatures: Vec<BlindSignature> =
        serde_json::from_value(answer["signatures"].clone()).unwrap();
    construct_proofs(signatures, rs, secrets, &keyset.keys).unwrap()
}

/// A token of these pieces, for a mint at `url`.
pub fn token(url: &str, proofs: &[Proof]) -> String {
    let url = url.parse().unwrap();
    Token::new(url, proofs.to_vec(), None, CurrencyUnit::Sat).to_string()
}

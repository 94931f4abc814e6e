//! Test vectors of the Cashu protocol, through the functions that payments use:
//! <https://github.com/cashubtc/nuts/tree/main/tests>, of July 2026. Those of
//! tokens (NUT-00) stand beside the parser.

use std::collections::BTreeMap;

use bitcoin_hashes::hex::FromHex as _;
use cashu::dhke::{hash_to_curve, sign_message, unblind_message};
use cashu::secret::Secret;
use cashu::{
    Amount, BlindSignature, CurrencyUnit, Id, KeySetInfo, Keys, KeysetResponse, Proof, PublicKey,
    SecretKey,
};

use super::keysets::is_named;
use super::outputs::{blind, unblind};
use super::token::{Fault, parse};
use crate::ledger::record::Output;

fn key(hex: &str) -> PublicKey {
    hex.parse().unwrap()
}

fn secret_key(hex: &str) -> SecretKey {
    SecretKey::from_hex(hex).unwrap()
}

/// NUT-00, "Hash-to-curve function": Y of NUT-07 is this, too.
#[test]
fn points_of_secrets() {
    let points = [
        "024cce997d3b518f739663b757deaec95bcd9473c30a14ac2fd04023a739d1a725",
        "022e7158e11c9506f1aa4248bf531298daa7febd6194f003edcd9b93ade6253acf",
        "026cdbe15362df59cd1dd3c9c11de8aedac2106eca69236ecd9fbe117af897be4f",
    ];
    for (number, point) in (0u8..).zip(points) {
        let mut message = [0; 32];
        message[31] = number;
        assert_eq!(hash_to_curve(&message).unwrap(), key(point));
    }
}

/// NUT-00, "Blinded messages". Their secrets are bytes, ours are text: what
/// cannot be written as text is given to the function below ours.
#[test]
fn blinded_messages() {
    let vectors = [
        (
            "d341ee4871f1f889041e63cf0d3823c713eea6aff01e80f1719f08f9e5be98f6",
            "99fce58439fc37412ab3468b73db0569322588f62fb3a49182d67e23d877824a",
            "033b1a9737a40cc3fd9b6af4b723632b76a67a36782596304612a6c2bfb5197e6d",
        ),
        (
            "f1aaf16c2239746f369572c0784d9dd3d032d952c2d992175873fb58fae31a60",
            "f78476ea7cc9ade20f9e05e58a804cf19533f03ea805ece5fee88c8e2874ba50",
            "029bdf2d716ee366eddf599ba252786c1033f47e230248a4612a5670ab931f1763",
        ),
    ];
    for (secret, r, blinded) in vectors {
        let secret = Vec::from_hex(secret).unwrap();
        let (point, _) = cashu::dhke::blind_message(&secret, Some(secret_key(r))).unwrap();
        assert_eq!(point, key(blinded));
    }
}

/// NUT-00, "Blinded signatures", and back: what a mint with that key signs
/// becomes the point that the mint computes from the secret.
#[test]
fn signatures() {
    let blinded = key("02a9acc1e48c25eeeb9289b5031cc57da9fe72f3fe2861d264bdc074209b107ba2");
    let one = "0000000000000000000000000000000000000000000000000000000000000001";
    let many = "7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f";
    let signed = "0398bc70ce8184d27ba89834d19f5199c84443c31131e48d3c1214db24247d005d";
    assert_eq!(sign_message(&secret_key(one), &blinded).unwrap(), blinded);
    assert_eq!(
        sign_message(&secret_key(many), &blinded).unwrap(),
        key(signed)
    );
    let mint = secret_key(many);
    let r = secret_key("99fce58439fc37412ab3468b73db0569322588f62fb3a49182d67e23d877824a");
    let (point, r) = cashu::dhke::blind_message(b"a secret", Some(r)).unwrap();
    let c = sign_message(&mint, &point).unwrap();
    let c = unblind_message(&c, &r, &mint.public_key()).unwrap();
    cashu::dhke::verify_message(&mint, c, b"a secret").unwrap();
}

/// NUT-02: the keys of "Version 1", first, and "Version 2", vector 1.
fn four_keys() -> Keys {
    let keys = [
        "03a40f20667ed53513075dc51e715ff2046cad64eb68960632269ba7f0210e38bc",
        "03fd4ce5a16b65576145949e6f99f445f8249fee17c606b688b504a849cdc452de",
        "02648eccfa4c026960966276fa5a4cae46ce0fd432211a4f449bf84f13aa5f8303",
        "02fdfd6796bfeac490cbee12f778f867f0a2c68f6508d17c649759ea0dc3547528",
    ];
    let keys = (0..).zip(keys);
    let keys = keys.map(|(bit, hex)| (Amount::from(1u64 << bit), key(hex)));
    Keys::new(keys.collect::<BTreeMap<_, _>>())
}

#[test]
fn names_of_keysets() {
    let info = |json: &str| serde_json::from_str::<KeySetInfo>(json).unwrap();
    let v1 = info(r#"{"id":"00456a94ab4e1c46","unit":"sat","active":true}"#);
    assert!(is_named(v1.id, &four_keys(), &v1));
    let v2 = info(
        r#"{"id":"015ba18a8adcd02e715a58358eb618da4a4b3791151a4bee5e968bb88406ccf76a",
            "unit":"sat","active":true,"input_fee_ppk":100,"final_expiry":2059210353}"#,
    );
    assert!(is_named(v2.id, &four_keys(), &v2));
    // A mint that changes its fee or its end has another keyset.
    for (fee, end) in [(0, Some(2_059_210_353)), (100, None)] {
        let mut other = v2.clone();
        (other.input_fee_ppk, other.final_expiry) = (fee, end);
        assert!(!is_named(v2.id, &four_keys(), &other));
    }
    let mut keys: BTreeMap<_, _> = four_keys().iter().map(|(&a, &k)| (a, k)).collect();
    keys.remove(&Amount::from(8));
    assert!(!is_named(v1.id, &Keys::new(keys.clone()), &v1));
    assert!(!is_named(v2.id, &Keys::new(keys), &v2));
}

/// A mint may have keysets of a kind that this wallet does not know (the third
/// version of NUT-02): they are passed over, the others are used.
#[test]
fn keysets_of_the_future() {
    let json = r#"{"keysets":[
        {"id":"02b7e077d020fabed456a6be138a8e20e9ef40b44d873fa12c005b656eb0cf99f6","unit":"sat","active":true},
        {"id":"00456a94ab4e1c46","unit":"sat","active":true}]}"#;
    let response: KeysetResponse = serde_json::from_str(json).unwrap();
    let ids: Vec<Id> = response.keysets.iter().map(|info| info.id).collect();
    assert_eq!(ids, ["00456a94ab4e1c46".parse().unwrap()]);
}

/// NUT-12, "DLEQ verification on `BlindSignature`", and on a `Proof`.
#[test]
fn proofs_of_the_right_key() {
    let one = key("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798");
    let blinded = key("02a9acc1e48c25eeeb9289b5031cc57da9fe72f3fe2861d264bdc074209b107ba2");
    let json = r#"{"amount":8,"id":"00882760bfa2eb41",
        "C_":"02a9acc1e48c25eeeb9289b5031cc57da9fe72f3fe2861d264bdc074209b107ba2",
        "dleq":{"e":"9818e061ee51d5c8edc3342369a554998ff7b4381c8652d724cdf46429be73d9",
                "s":"9818e061ee51d5c8edc3342369a554998ff7b4381c8652d724cdf46429be73da"}}"#;
    let signature: BlindSignature = serde_json::from_str(json).unwrap();
    signature.verify_dleq(one, blinded).unwrap();
    let wrong: BlindSignature = serde_json::from_str(&json.replace("73da", "73db")).unwrap();
    assert!(wrong.verify_dleq(one, blinded).is_err());

    let proof: Proof = serde_json::from_str(
        r#"{"amount":1,"id":"00882760bfa2eb41",
        "secret":"daf4dd00a2b68a0858a80450f52c8a7d2ccf87d375e43e216e0c571f089f63e9",
        "C":"024369d2d22a80ecf78f3937da9d5f30c1b9f74f0c32684d583cca0fa6a61cdcfc",
        "dleq":{"e":"b31e58ac6527f34975ffab13e70a48b6d2b0d35abc4b03f0151f09ee1a9763d4",
                "s":"8fbae004c59e754d71df67e392b6ae4e29293113ddc2ec86592a0431d16306d8",
                "r":"a6d13fcd7a18442e6076f5e1e7c887ad5de40a019824bdfa9fe740d302e8d861"}}"#,
    )
    .unwrap();
    proof.verify_dleq(one).unwrap();

    // Our own way from that proof's secret and blinding factor to its ecash.
    let id: Id = "00882760bfa2eb41".parse().unwrap();
    let keys = Keys::new(BTreeMap::from([(Amount::from(1), one)]));
    let output = Output {
        amount: Amount::from(1),
        keyset: id,
        secret: Secret::new(proof.secret.to_string()),
        r: secret_key("a6d13fcd7a18442e6076f5e1e7c887ad5de40a019824bdfa9fe740d302e8d861"),
    };
    let outputs = [output];
    let point = blind(&outputs).unwrap()[0].blinded_secret;
    // Of the private key 1: C_ is B_.
    let dleq = proof.dleq.clone().unwrap();
    let json = serde_json::json!({"amount": 1, "id": id, "C_": point,
        "dleq": {"e": dleq.e, "s": dleq.s}});
    let signature: BlindSignature = serde_json::from_value(json).unwrap();
    let ecash = unblind(&outputs, &[signature], &keys, true).unwrap();
    assert_eq!((ecash[0].c, &ecash[0].secret), (proof.c, &proof.secret));
}

fn token_with(secret: &str) -> String {
    let token = serde_json::json!({"unit": "sat", "token": [{"mint": "https://mint.example", "proofs": [{
        "amount": 64, "id": "001b6c716bf42c7e", "secret": secret,
        "C": "02d7cd858d866fca404b5cb1ffd813946e6d19efa1af00d654080fd20266bdc0b1"}]}]});
    let token: cashu::nuts::nut00::TokenV3 = serde_json::from_value(token).unwrap();
    token.to_string()
}

/// NUT-11, "SIG_INPUTS" and "Multisig", and NUT-14: the same with a hash. Even
/// a lock whose time has passed is one: a plain swap has no signatures.
#[test]
fn locked_ecash() {
    let p2pk = r#"["P2PK",{"nonce":"859d4935c4907062a6297cf4e663e2835d90d97ecdd510745d32f6816323a41f","data":"0249098aa8b9d2fbec49ff8598feb17b592b986e62319a4fa488a3dc36387157a7","tags":[["sigflag","SIG_INPUTS"]]}]"#;
    let past = r#"["P2PK",{"nonce":"395162bf2d0add3c66aea9f22c45251dbee6e04bd9282addbb366a94cd4fb482","data":"03ab50a667926fac858bac540766254c14b2b0334d10e8ec766455310224bbecf4","tags":[["locktime","21"],["n_sigs","2"]]}]"#;
    for secret in [p2pk, past, &p2pk.replace("P2PK", "HTLC")] {
        assert_eq!(parse(&token_with(secret)).unwrap_err(), Fault::Locked);
    }
    let plain = "daf4dd00a2b68a0858a80450f52c8a7d2ccf87d375e43e216e0c571f089f63e9";
    let parsed = parse(&token_with(plain)).unwrap();
    assert_eq!(parsed.unit, CurrencyUnit::Sat);
}

/// NUT-10, "V4 tokens with spend info", the bearer's: its secret is a public
/// key, and nobody without the private one can spend it.
#[test]
fn nutroot_tokens_are_refused() {
    let token = "cashuBo2FtcWh0dHBzOi8vbWludC50ZXN0YXVjc2F0YXSBomFpSAK34HfQIPq-YXCBpGFhCGFzeEIwMmU2ZTdjZmE3YjgyZDRiM2I0NDlmYTY0NjZjODkzNDY5YTcyN2QwMjE0ZDQ4ZGI0OTU2YTYwNTRiODAyMmEyOWJhY1gwhNG3KRrlc388hRqjPK_g96_rXMtNoIbEgruFt1JeYVR_G1ptGgGx_tH5YNGp0DMnYnNpoWFrWCBHGW3AgRUM4T_Q5Hi4txgxuCW-OJIRycVqgGKmGvcDRw";
    assert_eq!(parse(token).unwrap_err(), Fault::NoToken);
}

use proptest::prelude::*;

use super::*;

/// Tokens of NUT-00's test vectors.
const V3: &str = "cashuAeyJ0b2tlbiI6W3sibWludCI6Imh0dHBzOi8vODMzMy5zcGFjZTozMzM4IiwicHJvb2ZzIjpbeyJhbW91bnQiOjIsImlkIjoiMDA5YTFmMjkzMjUzZTQxZSIsInNlY3JldCI6IjQwNzkxNWJjMjEyYmU2MWE3N2UzZTZkMmFlYjRjNzI3OTgwYmRhNTFjZDA2YTZhZmMyOWUyODYxNzY4YTc4MzciLCJDIjoiMDJiYzkwOTc5OTdkODFhZmIyY2M3MzQ2YjVlNDM0NWE5MzQ2YmQyYTUwNmViNzk1ODU5OGE3MmYwY2Y4NTE2M2VhIn0seyJhbW91bnQiOjgsImlkIjoiMDA5YTFmMjkzMjUzZTQxZSIsInNlY3JldCI6ImZlMTUxMDkzMTRlNjFkNzc1NmIwZjhlZTBmMjNhNjI0YWNhYTNmNGUwNDJmNjE0MzNjNzI4YzcwNTdiOTMxYmUiLCJDIjoiMDI5ZThlNTA1MGI4OTBhN2Q2YzA5NjhkYjE2YmMxZDVkNWZhMDQwZWExZGUyODRmNmVjNjlkNjEyOTlmNjcxMDU5In1dfV0sInVuaXQiOiJzYXQiLCJtZW1vIjoiVGhhbmsgeW91LiJ9";
const V4: &str = "cashuBpGF0gaJhaUgArSaMTR9YJmFwgaNhYQFhc3hAOWE2ZGJiODQ3YmQyMzJiYTc2ZGIwZGYxOTcyMTZiMjlkM2I4Y2MxNDU1M2NkMjc4MjdmYzFjYzk0MmZlZGI0ZWFjWCEDhhhUP_trhpXfStS6vN6So0qWvc2X3O4NfM-Y1HISZ5JhZGlUaGFuayB5b3VhbXVodHRwOi8vbG9jYWxob3N0OjMzMzhhdWNzYXQ=";
const V4_TWO: &str = "cashuBo2F0gqJhaUgA_9SLj17PgGFwgaNhYQFhc3hAYWNjMTI0MzVlN2I4NDg0YzNjZjE4NTAxNDkyMThhZjkwZjcxNmE1MmJmNGE1ZWQzNDdlNDhlY2MxM2Y3NzM4OGFjWCECRFODGd5IXVW-07KaZCvuWHk3WrnnpiDhHki6SCQh88-iYWlIAK0mjE0fWCZhcIKjYWECYXN4QDEzMjNkM2Q0NzA3YTU4YWQyZTIzYWRhNGU5ZjFmNDlmNWE1YjRhYzdiNzA4ZWIwZDYxZjczOGY0ODMwN2U4ZWVhY1ghAjRWqhENhLSsdHrr2Cw7AFrKUL9Ffr1XN6RBT6w659lNo2FhAWFzeEA1NmJjYmNiYjdjYzY0MDZiM2ZhNWQ1N2QyMTc0ZjRlZmY4YjQ0MDJiMTc2OTI2ZDNhNTdkM2MzZGNiYjU5ZDU3YWNYIQJzEpxXGeWZN5qXSmJjY8MzxWyvwObQGr5G1YCCgHicY2FtdWh0dHA6Ly9sb2NhbGhvc3Q6MzMzOGF1Y3NhdA";

fn info(id: &str) -> KeySetInfo {
    let json = format!(r#"{{"id":"{id}","unit":"sat","active":true}}"#);
    serde_json::from_str(&json).unwrap()
}

fn total(parsed: &Parsed, keysets: &[KeySetInfo]) -> u64 {
    let proofs = parsed.proofs(keysets).unwrap();
    proofs.iter().map(|proof| u64::from(proof.amount)).sum()
}

#[test]
fn vectors() {
    let parsed = parse(V3).unwrap();
    assert_eq!(parsed.mint.as_str(), "https://8333.space:3338");
    assert_eq!(parsed.unit, CurrencyUnit::Sat);
    assert_eq!(total(&parsed, &[info("009a1f293253e41e")]), 10);
    assert_eq!(parsed.proofs(&[]), Err(Fault::Keyset));
    let parsed = parse(V4).unwrap();
    assert_eq!(parsed.mint.as_str(), "http://localhost:3338");
    assert_eq!(total(&parsed, &[info("00ad268c4d1f5826")]), 1);
    let keysets = ["00ffd48b8f5ecf80", "00ad268c4d1f5826"].map(info);
    assert_eq!(total(&parse(V4_TWO).unwrap(), &keysets), 4);
}

#[test]
fn decoding_is_the_reverse() {
    for token in [V3, V4, V4_TWO] {
        let again = format!("{}{}", &token[..6], base64(&decoded(token)));
        assert_eq!(again, token.trim_end_matches('='));
    }
}

#[test]
fn however_it_was_copied() {
    let id = parse(V4).unwrap().id;
    let (start, end) = V4.split_at(40);
    for text in [
        V4.trim_end_matches('=').to_owned(),
        format!("cashu:{V4}"),
        format!(" \r\n{start}\n {end}\t"),
        format!("cashu://{start} {end}"),
    ] {
        assert_eq!(parse(&text).unwrap().id, id, "{text}");
    }
}

#[test]
fn short_names_of_keysets() {
    let one = format!("01{}", "ab".repeat(32));
    let two = format!("01{}{}", "ab".repeat(8), "cd".repeat(24));
    let short = |id: &str| {
        let id: Id = id.parse().unwrap();
        ShortKeysetId::from(id)
    };
    let keysets = [info(&one), info("009a1f293253e41e")];
    assert_eq!(expand(&short(&one), &keysets), one.parse().ok());
    // Fits two of them: which one is meant, nobody knows.
    assert_eq!(expand(&short(&one), &[info(&one), info(&two)]), None);
    assert_eq!(expand(&short("009a1f293253e41f"), &keysets), None);
    let stub = ShortKeysetId::from_bytes(&[0]).unwrap();
    assert_eq!(expand(&stub, &keysets), None);
}

fn v3(parts: &str) -> Result<Parsed, Fault> {
    parse(&format!("cashuA{}", base64(parts.as_bytes())))
}

const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let number = (0..3).fold(0u32, |number, at| {
            number << 8 | u32::from(*chunk.get(at).unwrap_or(&0))
        });
        for digit in 0..=chunk.len() {
            let index = number >> (18 - 6 * digit) & 63;
            text.push(char::from(DIGITS[index as usize]));
        }
    }
    text
}

fn decoded(token: &str) -> Vec<u8> {
    let digit = |byte| (0u32..).zip(DIGITS).find(|(_, digit)| **digit == byte);
    let digits = token["cashuA".len()..].bytes().filter_map(digit);
    let digits: Vec<u32> = digits.map(|(value, _)| value).collect();
    let bytes = digits.chunks(4).flat_map(|chunk| {
        let number = (0..4).fold(0, |number, at| number << 6 | chunk.get(at).unwrap_or(&0));
        number.to_be_bytes()[1..chunk.len()].to_vec()
    });
    bytes.collect()
}

fn piece(secret: &str) -> String {
    let c = "02bc9097997d81afb2cc7346b5e4345a9346bd2a506eb7958598a72f0cf85163ea";
    let secret = serde_json::to_string(secret).unwrap();
    format!(r#"{{"amount":1,"id":"009a1f293253e41e","secret":{secret},"C":"{c}"}}"#)
}

fn part(mint: &str, pieces: &[String]) -> String {
    format!(r#"{{"mint":"{mint}","proofs":[{}]}}"#, pieces.join(","))
}

#[test]
fn what_is_refused_before_anybody_is_asked() {
    let token = |parts: &[String]| v3(&format!(r#"{{"token":[{}]}}"#, parts.join(",")));
    let fault = |parts: &[String]| token(parts).unwrap_err();
    let a = "https://a.example";
    assert!(
        token(&[
            part(a, &[piece("x")]),
            part("https://A.example/", &[piece("y")])
        ])
        .is_ok()
    );
    let two = [
        part(a, &[piece("x")]),
        part("https://b.example", &[piece("y")]),
    ];
    assert_eq!(fault(&two), Fault::SeveralMints);
    assert_eq!(fault(&[]), Fault::Contents);
    assert_eq!(fault(&[part(a, &[])]), Fault::Contents);
    assert_eq!(
        fault(&[part(a, &[piece("x"), piece("x")])]),
        Fault::Contents
    );
    let many: Vec<String> = (0..=MAX_PROOFS).map(|n| piece(&n.to_string())).collect();
    assert_eq!(fault(&[part(a, &many)]), Fault::Contents);
    // With proofs of the signatures it is still no longer than is read.
    let one = "01".repeat(32);
    let proof = format!(r#","dleq":{{"e":"{one}","s":"{one}","r":"{one}"}}}}"#);
    let proven = |n: usize| piece(&format!("{n:064}")).replace('}', &proof);
    let most: Vec<String> = (0..MAX_PROOFS).map(proven).collect();
    assert!(token(&[part(a, &most)]).is_ok());
    // What is no wallet's fills no flash.
    let long = |each: usize| {
        [part(
            a,
            &[piece(&"x".repeat(each)), piece(&"y".repeat(each))],
        )]
    };
    assert!(token(&long(MAX_SECRETS / 2)).is_ok());
    assert_eq!(fault(&long(MAX_SECRETS / 2 + 1)), Fault::Contents);
    let escaped = |length: usize| fault(&[part(a, &[piece(&"\u{1}".repeat(length))])]);
    assert_eq!(escaped(MAX_SECRETS / 6 + 1), Fault::Contents);
    for secret in ["\u{1}\n\"\\/é\u{7f}", ""] {
        let written = serde_json::to_string(secret).unwrap();
        assert!(written_length(&Secret::new(secret)) + 2 >= written.len());
    }
    assert_eq!(
        parse(&format!("cashuA{}", "A".repeat(MAX_TEXT))).unwrap_err(),
        Fault::Contents
    );
    for secret in [
        r#"["P2PK",{"nonce":"00","data":"02","tags":[]}]"#,
        r#"["HTLC", {"nonce":"00","data":"02"}]"#,
        r#" ["of the future",{}]"#,
    ] {
        assert_eq!(
            fault(&[part(a, &[piece("x"), piece(secret)])]),
            Fault::Locked
        );
    }
    // Texts that only look like it are plain secrets.
    for secret in [r#"["P2PK"]"#, "[]", "7", r#"{"a":1}"#] {
        assert!(token(&[part(a, &[piece(secret)])]).is_ok(), "{secret}");
    }
    assert_eq!(fault(&[part("nonsense", &[piece("x")])]), Fault::NoToken);
}

#[test]
fn what_is_no_token() {
    for text in [
        "",
        "cashu",
        "cashuA",
        "cashuB",
        "cashuC",
        "cashuAe30",
        "cashuBoA",
        "é",
        "lnbc1",
    ] {
        assert_eq!(parse(text).unwrap_err(), Fault::NoToken, "{text}");
    }
    // As deep as the text allows: a stack has an end.
    for bytes in [
        vec![b'['; 100_000],
        vec![0x81; 100_000],
        vec![0xd9; 100_000],
    ] {
        assert!(parse(&format!("cashuA{}", base64(&bytes))).is_err());
        assert!(parse(&format!("cashuB{}", base64(&bytes))).is_err());
    }
}

proptest! {
    #[test]
    fn never_panics(bytes: Vec<u8>, kind in "[AB]") {
        let _ = parse(&format!("cashu{kind}{}", base64(&bytes)));
        let _ = parse(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn never_panics_on_a_changed_token(at: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
        for token in [V3, V4, V4_TWO] {
            let mut bytes = token.as_bytes().to_vec();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let _ = parse(&text).map(|parsed| parsed.proofs(&[info("009a1f293253e41e")]));
            let _ = parse(&token[..cut.index(token.len())]);
        }
    }

    /// Changes below the encoding: lengths, types, digits, quotes.
    #[test]
    fn never_panics_on_changed_contents(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        for token in [V3, V4, V4_TWO] {
            let mut bytes = decoded(token);
            for (at, byte) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            let text = format!("{}{}", &token[..6], base64(&bytes));
            let keysets = ["009a1f293253e41e", "00ad268c4d1f5826"].map(info);
            let _ = parse(&text).map(|parsed| parsed.proofs(&keysets));
        }
    }
}

//! Events as NIP-01 defines them: <https://github.com/nostr-protocol/nips/blob/master/01.md>.

use std::fmt::Write as _;
use std::io;

use bitcoin_hashes::hex::DisplayHex;
use bitcoin_hashes::{Hash as _, sha256};
use serde::Serialize;

use super::SigningKey;

/// What an event says, before it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// What the event means.
    pub kind: u16,
    /// Lists of texts; the first of each is its name.
    pub tags: Vec<Vec<String>>,
    /// Text for people, or empty.
    pub content: String,
}

/// A signed event. Its JSON form is what NIP-01 sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// SHA-256 of the canonical form, in hexadecimal digits.
    pub id: String,
    /// The signer's public key, in hexadecimal digits.
    pub pubkey: String,
    /// Seconds since 1970, UTC.
    pub created_at: u64,
    /// See [`Draft`].
    pub kind: u16,
    /// See [`Draft`].
    pub tags: Vec<Vec<String>>,
    /// See [`Draft`].
    pub content: String,
    /// BIP-340 signature of the id, in hexadecimal digits.
    pub sig: String,
}

impl Draft {
    /// Signs what the draft says.
    ///
    /// # Errors
    /// Those of [`SigningKey::sign`].
    pub fn sign(self, key: &SigningKey, created_at: u64) -> io::Result<Event> {
        let pubkey = key.public_hex();
        let id = sha256::Hash::hash(self.canonical(&pubkey, created_at).as_bytes());
        let sig = key.sign(id.to_byte_array())?;
        Ok(Event {
            id: id.to_byte_array().to_lower_hex_string(),
            pubkey,
            created_at,
            kind: self.kind,
            tags: self.tags,
            content: self.content,
            sig,
        })
    }

    /// The text that an event's id is the hash of:
    /// `[0,pubkey,created_at,kind,tags,content]` without white space.
    fn canonical(&self, pubkey: &str, created_at: u64) -> String {
        let mut text = String::with_capacity(256);
        // Writing to a String cannot fail.
        let _ = write!(text, "[0,\"{pubkey}\",{created_at},{},[", self.kind);
        for (index, tag) in self.tags.iter().enumerate() {
            text.push_str(if index == 0 { "[" } else { ",[" });
            for (index, item) in tag.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                push_string(&mut text, item);
            }
            text.push(']');
        }
        text.push_str("],");
        push_string(&mut text, &self.content);
        text.push(']');
        text
    }
}

/// Writes a string by NIP-01's own rule: seven characters are escaped, all
/// others stand as they are. JSON would also escape the other control characters.
fn push_string(text: &mut String, string: &str) {
    text.push('"');
    for character in string.chars() {
        match character {
            '\n' => text.push_str("\\n"),
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            other => text.push(other),
        }
    }
    text.push('"');
}

impl Event {
    /// The event as JSON.
    pub fn to_json(&self) -> String {
        // Numbers and strings only: there is nothing that JSON cannot say.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use k256::schnorr::{Signature, VerifyingKey};
    use sha2::{Digest, Sha256};

    use super::*;

    fn draft(content: &str, tags: &[&[&str]]) -> Draft {
        let tags = tags
            .iter()
            .map(|tag| tag.iter().map(|&item| item.to_owned()).collect());
        Draft {
            kind: 1,
            tags: tags.collect(),
            content: content.to_owned(),
        }
    }

    #[test]
    fn canonical_form() {
        let draft = draft("hi", &[&["a", "b"], &["c"], &[]]);
        assert_eq!(
            draft.canonical("ab", 7),
            r#"[0,"ab",7,1,[["a","b"],["c"],[]],"hi"]"#
        );
    }

    #[test]
    fn escapes_seven_characters_and_no_more() {
        let draft = draft("\n\"\\\r\t\u{8}\u{c}", &[&["\"", "\\"]]);
        assert_eq!(
            draft.canonical("", 0),
            r#"[0,"",0,1,[["\"","\\"]],"\n\"\\\r\t\b\f"]"#
        );
        let verbatim = "/ é 漢 😀 <>& ' \u{7f} \u{2028} \u{1} \u{b}";
        let text = self::draft(verbatim, &[]).canonical("", 0);
        assert_eq!(text, format!("[0,\"\",0,1,[],\"{verbatim}\"]"));
    }

    /// The id of an event that is out in the world, and one that Python's
    /// hashlib and json computed.
    #[test]
    fn known_ids() {
        let id = |draft: &Draft, pubkey: &str, created_at: u64| {
            Sha256::digest(draft.canonical(pubkey, created_at)).to_lower_hex_string()
        };
        let to = "13adc511de7e1cfcf1c6b7f6365fb5a03442d7bcacf565ea57fa7770912c023d";
        let content = "uRuvYr585B80L6rSJiHocw==?iv=oh6LVqdsYYol3JfFnXTbPA==";
        let mut message = draft(content, &[&["p", to]]);
        message.kind = 4;
        let from = "f86c44a2de95d9149b51c6a29afeabba264c18e2fa7c49de93424a0c56947785";
        assert_eq!(
            id(&message, from, 1_640_839_235),
            "2be17aa3031bdcb006f0fce80c146dea9c1c0268b0af2398bb673365c6444d45"
        );

        let content = "He said \"hi\"\n\tC:\\x \u{8}\u{c}\r é 漢 😀 /<>&\u{2028}\u{7f}";
        let escaped = draft(content, &[&["e", "5c83"], &["t", "a\"b"]]);
        let from = "f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9";
        assert_eq!(
            id(&escaped, from, 1_700_000_000),
            "92e13ec183e113b6b35f3e96c0a8c821cdb727565105231b943203f1a2162347"
        );
    }

    #[test]
    fn signed_events_verify_with_other_libraries() {
        let key = SigningKey::generate().unwrap();
        let event = draft("é\n", &[&["x", "\"y\""]])
            .sign(&key, 1_700_000_000)
            .unwrap();
        let json: serde_json::Value = serde_json::from_str(&event.to_json()).unwrap();

        // For these characters NIP-01's form is what serde_json writes.
        let canonical = serde_json::to_string(&serde_json::json!([
            0,
            json["pubkey"],
            json["created_at"],
            json["kind"],
            json["tags"],
            json["content"],
        ]))
        .unwrap();
        let digest: [u8; 32] = Sha256::digest(canonical).into();
        assert_eq!(json["id"], digest.to_lower_hex_string());

        let bytes = |field: &str| -> Vec<u8> {
            bitcoin_hashes::hex::FromHex::from_hex(json[field].as_str().unwrap()).unwrap()
        };
        let public = VerifyingKey::from_bytes(&bytes("pubkey")).unwrap();
        let signature = Signature::try_from(&bytes("sig")[..]).unwrap();
        public.verify_raw(&digest, &signature).unwrap();
    }
}

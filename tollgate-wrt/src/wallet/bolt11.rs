//! What a Lightning invoice says (BOLT 11).

use std::fmt;
use std::time::Duration;

use bitcoin_hashes::{Hash as _, sha256};
use cashu::lightning_invoice::SignedRawBolt11Invoice;

/// An invoice's default life (BOLT 11), in seconds.
const LIFE: u64 = 3_600;

/// The parts of an invoice that money depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bolt11 {
    /// The invoice, in lower case.
    pub text: String,
    /// Its amount in thousandths of a sat; some leave it to the payer.
    pub millisats: Option<u64>,
    /// When it ends, in seconds since 1970.
    pub expiry: u64,
    /// From its making to its end, in seconds.
    life: u64,
    description_hash: Option<[u8; 32]>,
}

/// Why a text is no invoice that can be paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault(pub &'static str);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Bolt11 {
    /// Reads an invoice; its signature is verified.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let text = text.trim().to_ascii_lowercase();
        let text = text.strip_prefix("lightning:").unwrap_or(&text);
        let signed: SignedRawBolt11Invoice = text
            .parse()
            .map_err(|_| Fault("it is no Lightning invoice"))?;
        if !signed.check_signature() {
            return Err(Fault("the invoice's signature is wrong"));
        }
        let raw = signed.raw_invoice();
        let millisats = match raw.amount_pico_btc() {
            // A pico-bitcoin is a tenth of a thousandth of a sat.
            Some(pico) if pico % 10 != 0 => return Err(Fault("its amount is too fine")),
            pico => pico.map(|pico| pico / 10),
        };
        let life = raw.expiry_time().map_or(LIFE, |life| life.as_seconds());
        Ok(Self {
            text: text.to_owned(),
            millisats,
            expiry: raw.data.timestamp.as_unix_timestamp().saturating_add(life),
            life,
            description_hash: raw.description_hash().map(|hash| hash.0.to_byte_array()),
        })
    }

    /// How long it can be paid, from its making on.
    pub fn life(&self) -> Duration {
        Duration::from_secs(self.life)
    }

    /// Whether it may be an invoice for something with this description. One
    /// that has no hash of its description may be for anything.
    pub fn is_for(&self, description: &str) -> bool {
        let hash = sha256::Hash::hash(description.as_bytes());
        self.description_hash
            .is_none_or(|own| own == hash.to_byte_array())
    }
}

/// Examples of BOLT 11.
#[cfg(test)]
pub mod examples {
    /// 250,000 sat.
    pub const COFFEE: &str = "lnbc2500u1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpu9qrsgquk0rl77nj30yxdy8j9vdx85fkpmdla2087ne0xh8nhedh8w27kyke0lp53ut353s06fv3qfegext0eh0ymjpf39tuven09sam30g4vgpfna3rh";
    /// 2,000,000 sat, with the hash of [`LIST`].
    pub const HASHED: &str = "lnbc20m1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqhp58yjmdan79s6qqdhdzgynm4zwqd5d7xmw5fk98klysy043l2ahrqs9qrsgq7ea976txfraylvgzuxs8kgcw23ezlrszfnh8r6qtfpr6cxga50aj6txm9rxrydzd06dfeawfk6swupvz4erwnyutnjq7x39ymw6j38gp7ynn44";
    /// Of any amount.
    pub const DONATION: &str = "lnbc1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdpl2pkx2ctnv5sxxmmwwd5kgetjypeh2ursdae8g6twvus8g6rfwvs8qun0dfjkxaq9qrsgq357wnc5r2ueh7ck6q93dj32dlqnls087fxdwk8qakdyafkq3yap9us6v52vjjsrvywa6rt52cm9r9zqt8r2t7mlcwspyetp5h2tztugp9lfyql";
    /// A description.
    pub const LIST: &str = "One piece of chocolate cake, one icecream cone, one pickle, one slice of swiss cheese, one slice of salami, one lollypop, one piece of cherry pie, one sausage, one cupcake, and one slice of watermelon";
}

#[cfg(test)]
mod tests {
    use super::examples::{COFFEE, DONATION, HASHED, LIST};
    use super::*;

    #[test]
    fn examples_of_the_specification() {
        let coffee = Bolt11::parse(&format!(" LIGHTNING:{}\n", COFFEE.to_uppercase())).unwrap();
        assert_eq!(coffee.text, COFFEE);
        assert_eq!(coffee.millisats, Some(250_000_000));
        assert_eq!(coffee.expiry, 1_496_314_658 + 60);
        assert!(coffee.is_for("anything"));
        let hashed = Bolt11::parse(HASHED).unwrap();
        assert_eq!(
            (hashed.millisats, hashed.expiry),
            (Some(2_000_000_000), 1_496_314_658 + 3_600)
        );
        assert!(hashed.is_for(LIST) && !hashed.is_for("1 coffee"));
        assert_eq!(Bolt11::parse(DONATION).unwrap().millisats, None);
    }

    #[test]
    fn what_is_no_invoice() {
        let changed = COFFEE.replace("lnbc2500u", "lnbc2600u");
        for wrong in ["", "lnbc", "a@b.example", &COFFEE[..100], &changed] {
            assert!(Bolt11::parse(wrong).is_err(), "{wrong}");
        }
    }
}

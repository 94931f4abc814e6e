//! Tokens as customers send them.

use cashu::nuts::nut02::ShortKeysetId;
use cashu::secret::Secret;
use cashu::{Amount, CurrencyUnit, Id, KeySetInfo, Proof, PublicKey, Token};
use serde::de::IgnoredAny;

use crate::config::MintUrl;
use crate::ledger::record::TokenId;

/// Most pieces of ecash in one token. Mints have limits of this kind as well,
/// and a piece costs the wallet some 1,000 bytes while it is swapped.
pub const MAX_PROOFS: usize = 500;

/// Longest token, in bytes: so many pieces as V3 writes them, with all that they
/// can prove. To read each takes arithmetic, which small processors are slow at.
const MAX_TEXT: usize = 640 * MAX_PROOFS;

/// Most bytes of all its secrets together, as they are written down. A wallet's are
/// 64 characters each, and what does not pay is written to the flash first, too.
const MAX_SECRETS: usize = 128 * MAX_PROOFS;

/// A token that can be paid with, as far as its text tells.
#[derive(Debug)]
pub struct Parsed {
    /// Its name.
    pub id: TokenId,
    /// Its only mint.
    pub mint: MintUrl,
    /// Its unit, `sat` if it says nothing.
    pub unit: CurrencyUnit,
    pieces: Vec<Piece>,
}

/// A piece of ecash, without what its sender thinks that it proves.
#[derive(Debug)]
struct Piece {
    keyset: ShortKeysetId,
    amount: Amount,
    secret: Secret,
    c: PublicKey,
}

/// Why a token cannot be paid with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is no token.
    NoToken,
    /// It holds no ecash, or too many pieces of it, or the same one twice.
    Contents,
    /// Its ecash is of several mints.
    SeveralMints,
    /// Its ecash can be spent only by somebody with a certain key or preimage.
    Locked,
    /// Its keyset is none of the mint's.
    Keyset,
}

/// Reads a token: V3 or V4, padded or not, with white space anywhere, and with
/// or without `cashu:` before it.
///
/// # Errors
/// What is wrong with it.
pub fn parse(text: &str) -> Result<Parsed, Fault> {
    // Messengers break long lines.
    let text: String = text.split_whitespace().collect();
    let text = ["cashu://", "cashu:", "CASHU:"]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix))
        .unwrap_or(&text);
    if text.starts_with("cashu") && text.len() > MAX_TEXT {
        return Err(Fault::Contents);
    }
    let token: Token = text.parse().map_err(|_| Fault::NoToken)?;
    let (mint, unit, pieces): (_, _, Vec<Piece>) = match token {
        Token::TokenV3(token) => {
            let mint = token.token.first().ok_or(Fault::Contents)?.mint.clone();
            if token.token.iter().any(|part| part.mint != mint) {
                return Err(Fault::SeveralMints);
            }
            let proofs = token.token.into_iter().flat_map(|part| part.proofs);
            let pieces = proofs.map(|proof| Piece {
                keyset: proof.keyset_id,
                amount: proof.amount,
                secret: proof.secret,
                c: proof.c,
            });
            (mint, token.unit, pieces.collect())
        }
        Token::TokenV4(token) => {
            let pieces = token.token.into_iter().flat_map(|part| {
                let keyset = part.keyset_id;
                let proofs = part.proofs.into_iter();
                proofs.map(move |proof| Piece {
                    keyset: keyset.clone(),
                    amount: proof.amount,
                    secret: proof.secret,
                    c: proof.c,
                })
            });
            (token.mint_url, Some(token.unit), pieces.collect())
        }
    };
    if pieces.is_empty() || pieces.len() > MAX_PROOFS {
        return Err(Fault::Contents);
    }
    let mut secrets: Vec<_> = pieces.iter().map(|piece| &piece.secret).collect();
    if secrets.iter().any(|secret| is_locked(secret)) {
        return Err(Fault::Locked);
    }
    let length: usize = secrets.iter().map(|secret| written_length(secret)).sum();
    if length > MAX_SECRETS {
        return Err(Fault::Contents);
    }
    let id = TokenId::of(secrets.iter().copied());
    secrets.sort_unstable();
    if secrets.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Fault::Contents);
    }
    // What is no address is no mint of ours, either.
    let mint = mint.to_string().parse().map_err(|_| Fault::NoToken)?;
    Ok(Parsed {
        id,
        mint,
        unit: unit.unwrap_or(CurrencyUnit::Sat),
        pieces,
    })
}

/// How long a secret is in JSON, at most.
pub fn written_length(secret: &Secret) -> usize {
    let length = |byte: u8| match byte {
        b'"' | b'\\' => 2,
        b' '.. => 1,
        _ => "\\u0000".len(),
    };
    secret.as_bytes().iter().map(|&byte| length(byte)).sum()
}

/// Whether the secret is one of NUT-10, `["KIND", {…}]`: whatever the kind, it
/// is a condition that a plain swap does not meet.
fn is_locked(secret: &Secret) -> bool {
    type Condition = (String, std::collections::BTreeMap<String, IgnoredAny>);
    serde_json::from_slice::<Condition>(secret.as_bytes()).is_ok()
}

impl Parsed {
    /// The token's ecash, with the whole names of its keysets. Tokens shorten
    /// them; a short one that fits several keysets fits none.
    ///
    /// # Errors
    /// If a keyset is none of `keysets`.
    pub fn proofs(&self, keysets: &[KeySetInfo]) -> Result<Vec<Proof>, Fault> {
        let whole = |piece: &Piece| {
            let id = expand(&piece.keyset, keysets).ok_or(Fault::Keyset)?;
            Ok(Proof::new(piece.amount, id, piece.secret.clone(), piece.c))
        };
        self.pieces.iter().map(whole).collect()
    }
}

fn expand(short: &ShortKeysetId, keysets: &[KeySetInfo]) -> Option<Id> {
    /// The version and seven bytes: V1 names are no longer than that.
    const SHORTEST: usize = 8;
    let short = short.to_bytes();
    let mut fitting = keysets.iter().map(|info| info.id).filter(|id| {
        let whole = id.to_bytes();
        short.len() >= SHORTEST && whole.starts_with(&short)
    });
    let id = fitting.next()?;
    fitting.all(|other| other == id).then_some(id)
}

#[cfg(test)]
mod tests;

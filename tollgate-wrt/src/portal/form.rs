//! What forms send: `application/x-www-form-urlencoded`, in a query or a body.

/// Most fields that are read: no form here has more, and each costs memory, while
/// a body of nothing but `&` would have a million.
const MOST: usize = 16;

/// A form's fields by name.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Reads the fields. What is no form has fields that nobody asks for.
    pub fn parse(text: &[u8]) -> Self {
        let pairs = text.split(|&byte| byte == b'&');
        let pair = |pair: &[u8]| {
            let mut parts = pair.splitn(2, |&byte| byte == b'=');
            let mut next = || decoded(parts.next().unwrap_or_default());
            (next(), next())
        };
        Self(pairs.take(MOST).map(pair).collect())
    }

    /// The first field of a name, empty where there is none.
    pub fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// A number, which may have spaces between its digits; keyboards for Arabic and
    /// Persian write digits of their own.
    pub fn number(&self, name: &str) -> Option<u64> {
        let digits = self.get(name).chars().filter(|c| !c.is_whitespace());
        let western = |c| match c {
            '\u{660}'..='\u{669}' => char::from(b'0' + (c as u32 - 0x660) as u8),
            '\u{6f0}'..='\u{6f9}' => char::from(b'0' + (c as u32 - 0x6f0) as u8),
            c => c,
        };
        digits.map(western).collect::<String>().parse().ok()
    }
}

fn decoded(value: &[u8]) -> String {
    let digit = |at: usize| char::from(*value.get(at)?).to_digit(16);
    let mut text = Vec::with_capacity(value.len());
    let mut at = 0;
    while let Some(&byte) = value.get(at) {
        let pair = (byte == b'%').then(|| digit(at + 1).zip(digit(at + 2)));
        match pair.flatten() {
            Some((high, low)) => {
                text.push((high * 16 + low) as u8);
                at += 2;
            }
            None => text.push(if byte == b'+' { b' ' } else { byte }),
        }
        at += 1;
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// A value in a query.
pub fn encoded(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for &byte in value.as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                text.push(byte.into());
            }
            _ => {
                text.push('%');
                let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('0');
                text.push(digit(byte >> 4));
                text.push(digit(byte & 15));
            }
        }
    }
    text
}

/// A token as people paste it: with line breaks and quotes around it, after a
/// `cashu:` or `web+cashu://` that links have, or at the end of a web address.
pub fn token(text: &str) -> String {
    let visible =
        |c: &char| !c.is_whitespace() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{feff}');
    let text: String = text.chars().filter(visible).collect();
    // Where the token itself begins; what is before it is a wallet's wrapping.
    let start = ["cashuA", "cashuB"]
        .into_iter()
        .filter_map(|start| text.find(start));
    let token = start.min().map_or(&*text, |start| &text[start..]);
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+' | '/' | '=');
    let end = token.find(|c| !is_part(c)).unwrap_or(token.len());
    match token[..end].starts_with("cashu") {
        true => token[..end].to_owned(),
        // Whatever it is, it is refused as it is.
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_are_decoded() {
        let form = Form::parse(
            b"token=cashuB+x%2B%3d&lang=de&token=second&empty=&n=1+000%20&bad=%zz%4&%ff",
        );
        assert_eq!(form.get("token"), "cashuB x+=");
        assert_eq!(
            (form.get("lang"), form.get("empty"), form.get("none")),
            ("de", "", "")
        );
        assert_eq!(form.number("n"), Some(1_000));
        assert_eq!(form.number("lang"), None);
        assert_eq!(form.get("bad"), "%zz%4");
        assert_eq!(form.get("\u{fffd}"), "");
        assert_eq!(Form::parse(b"").get("token"), "");
        let digits = Form::parse("ar=\u{661}\u{660} \u{669}&fa=\u{6f1}\u{6f0}\u{6f9}".as_bytes());
        assert_eq!(digits.number("ar"), Some(109));
        assert_eq!(digits.number("fa"), Some(109));
    }

    #[test]
    fn a_body_of_separators_costs_no_memory() {
        let form = Form::parse(&[b'&'; 1 << 20]);
        assert!(form.0.capacity() <= 64, "{}", form.0.capacity());
    }

    #[test]
    fn tokens_as_people_paste_them() {
        for text in [
            "cashuBabc_-=",
            " cashuBabc_-=\r\n",
            "cashu:cashuBabc_-=",
            "web+cashu://cashuBabc_-=",
            "cashuB\nabc\r\n _-=",
            "\"cashuBabc_-=\"",
            "https://wallet.example/#token=cashuBabc_-=",
            "\u{feff}cashuB\u{200b}abc_-=",
            "Here it is: cashuBabc_-=.",
        ] {
            assert_eq!(token(text), "cashuBabc_-=", "{text}");
        }
        assert_eq!(token(" no token "), "notoken");
        assert_eq!(token(""), "");
    }

    proptest! {
        #[test]
        fn whatever_comes(bytes: Vec<u8>, text: String) {
            Form::parse(&bytes).number("n");
            token(&text);
            let query = format!("a={}", encoded(&text));
            prop_assert!(query.is_ascii());
            let form = Form::parse(query.as_bytes());
            prop_assert_eq!(form.get("a"), text);
        }
    }
}

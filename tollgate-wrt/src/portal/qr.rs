//! QR codes as pictures in a page.

use std::fmt::Write as _;

use qrcodegen::{QrCode, QrCodeEcc, QrSegment};

/// Light modules around a code (ISO/IEC 18004).
const QUIET: i32 = 4;

/// The code of a text as an SVG element, dark on white whatever the page's
/// colours are. Text in capitals takes little room: letters and digits need
/// five and a half bits each. `None` for what no code can hold.
pub fn svg(text: &str, label: &str) -> Option<String> {
    let code = code(text)?;
    let size = code.size();
    let all = size + 2 * QUIET;
    let mut path = String::new();
    for y in 0..size {
        let mut x = 0;
        while x < size {
            let length = (x..size).take_while(|&x| code.get_module(x, y)).count();
            let length = i32::try_from(length).unwrap_or_default();
            if length > 0 {
                let (x, y) = (x + QUIET, y + QUIET);
                let _ = write!(path, "M{x} {y}h{length}v1h-{length}z");
            }
            x += length + 1;
        }
    }
    let mut name = String::new();
    super::html::escape(&mut name, label);
    Some(format!(
        r##"<svg id="qr" role="img" aria-label="{name}" viewBox="0 0 {all} {all}" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h{all}v{all}H0z"/><path fill="#000" d="{path}"/></svg>"##
    ))
}

fn code(text: &str) -> Option<QrCode> {
    QrCode::encode_segments(&QrSegment::make_segments(text), QrCodeEcc::Low).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A code as lines of `#` and `.`.
    fn matrix(code: &QrCode) -> String {
        let size = code.size();
        let line = |y| -> String {
            let module = |x| if code.get_module(x, y) { '#' } else { '.' };
            (0..size).map(module).collect()
        };
        (0..size).map(|y| line(y) + "\n").collect()
    }

    /// Made by qrcode 8.2, a Python library, with the same mask.
    #[test]
    fn as_another_implementation_makes_it() {
        let golden = include_str!("testdata/invoice.qr");
        let (head, golden) = golden.split_once('\n').unwrap();
        let code = code(head).unwrap();
        assert_eq!(matrix(&code), golden);
    }

    #[test]
    fn capitals_take_less_room() {
        let text = "lnbc210n1p5gs0lgpp5jjs8ruyy69dckx4nl8yxf6w0rsh5mt5jgqdh9a5h42j".repeat(5);
        let size = |text: &str| code(text).unwrap().size();
        assert!(size(&text.to_ascii_uppercase()) < size(&text));
    }

    #[test]
    fn pictures_hold_nothing_but_themselves() {
        let svg = svg("A", "<\">").unwrap();
        assert!(svg.contains(r#"aria-label="&lt;&quot;&gt;""#), "{svg}");
        assert!(svg.contains(r#"viewBox="0 0 29 29""#), "{svg}");
        // The finder pattern's upper edge.
        assert!(svg.contains("M4 4h7v1h-7z"), "{svg}");
        assert_eq!(super::svg(&"A".repeat(5_000), ""), None);
    }
}

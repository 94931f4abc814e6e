//! What a feed has besides its index: `index.json` for programs, `index.html`
//! for people, `sha256sums` for both.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::package::Package;
use crate::config::sdk::Format;
use crate::util::fs::human_size;

/// `index.json`, version 2, as OpenWrt's make-index-json.py prints it: names
/// without ABI suffix, in the order of the index.
pub fn json(arch: &str, packages: &[&Package]) -> String {
    let text = |text: &str| serde_json::Value::from(text).to_string();
    let mut entries: Vec<(&str, &str)> = Vec::new();
    for package in packages {
        let (name, version) = (package.bare_name(), package.version.as_str());
        // Python's dict: the last one's version in the first one's place.
        match entries.iter_mut().find(|(known, _)| *known == name) {
            Some(entry) => entry.1 = version,
            None => entries.push((name, version)),
        }
    }
    let mut lines = String::new();
    for (number, (name, version)) in entries.iter().enumerate() {
        let comma = if number == 0 { "" } else { "," };
        let _ = write!(lines, "{comma}\n    {}: {}", text(name), text(version));
    }
    let end = if lines.is_empty() { "" } else { "\n  " };
    format!(
        "{{\n  \"version\": 2,\n  \"architecture\": {},\n  \"packages\": {{{lines}{end}}}\n}}\n",
        text(arch)
    )
}

/// `sha256sum`'s list of these files and their hashes.
pub fn sums(hashes: &BTreeMap<String, String>) -> String {
    hashes
        .iter()
        .map(|(name, hash)| format!("{hash} *{name}\n"))
        .collect()
}

/// What the page tells of.
#[derive(Debug)]
pub struct Page<'a> {
    /// OpenWrt release.
    pub release: &'a str,
    /// Architecture.
    pub arch: &'a str,
    /// The release's format.
    pub format: Format,
    /// Where the feed will be, when that is known.
    pub url: Option<&'a str>,
    /// The key's name, when the feed is signed.
    pub key: Option<&'a str>,
    /// The packages.
    pub packages: &'a [&'a Package],
}

/// `index.html`: static, without scripts, times or anything from elsewhere.
pub fn html(page: &Page<'_>) -> String {
    let title = escape(&format!(
        "OpenWrt {} packages for {}",
        page.release, page.arch
    ));
    let mut rows = String::new();
    for package in page.packages {
        let _ = writeln!(
            rows,
            "<tr><td><a href=\"{file}\">{name}</a><td>{version}<td>{size}<td>{description}<td><code>{sha256}</code>",
            file = escape(
                &package
                    .file_name
                    .replace('%', "%25")
                    .replace('#', "%23")
                    .replace('?', "%3F")
            ),
            name = escape(&package.name),
            version = escape(&package.version),
            size = human_size(package.size),
            description = escape(&package.description),
            sha256 = package.sha256,
        );
    }
    let url = page.url.unwrap_or("https://THIS-PAGE");
    let url = url.trim_end_matches('/');
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{title}</title>\n\
         <style>body{{font-family:sans-serif;max-width:70em;margin:2em auto;padding:0 1em}}\
         td,th{{text-align:left;padding:.2em 1em .2em 0;vertical-align:top}}\
         code{{overflow-wrap:anywhere}}pre{{background:#eee;padding:1em;overflow:auto}}</style>\n\
         <h1>{title}</h1>\n<h2>On the router</h2>\n<pre>{}</pre>\n\
         <h2>Packages</h2>\n<table>\n<tr><th>Name<th>Version<th>Size<th>Description<th>SHA-256\n{rows}</table>\n\
         <p>Checksums of all files: <a href=\"sha256sums\">sha256sums</a></p>\n</html>\n",
        escape(&commands(page, url))
    )
}

/// What an owner types: the key, the feed, the package.
fn commands(page: &Page<'_>, url: &str) -> String {
    let name = page
        .packages
        .first()
        .map_or("PACKAGE", |package| package.name.as_str());
    let id = page.key.unwrap_or_default();
    let short = &id[..id.len().min(16)];
    match page.format {
        Format::Ipk => {
            let key = match id {
                "" => String::new(),
                id => format!("wget -O /etc/opkg/keys/{id} {url}/key-build.pub\n"),
            };
            format!(
                "{key}echo 'src/gz own_packages {url}' >> /etc/opkg/customfeeds.conf\nopkg update\nopkg install {name}"
            )
        }
        Format::Apk => {
            let key = match short {
                "" => String::new(),
                id => format!("wget -O /etc/apk/keys/{id}.pem {url}/public-key.pem\n"),
            };
            format!(
                "{key}echo '{url}/packages.adb' >> /etc/apk/repositories.d/customfeeds.list\napk update\napk add {name}"
            )
        }
    }
}

fn escape(text: &str) -> String {
    let mut safe = String::new();
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

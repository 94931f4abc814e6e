//! What a script on a router prints, among other things.

/// `xtask.KEY=VALUE` among whatever else a router prints.
pub struct Lines<'a>(pub &'a str);

impl<'a> Lines<'a> {
    /// The first value of a key.
    pub fn get(&self, key: &str) -> Option<&'a str> {
        self.all(key).next()
    }

    /// Every value of a key.
    pub fn all(&self, key: &str) -> impl Iterator<Item = &'a str> {
        let prefix = format!("xtask.{key}=");
        self.0
            .lines()
            .filter_map(move |line| line.strip_prefix(prefix.as_str()))
    }

    /// The last value of a key: what a script of ours prints when it ends, behind
    /// whatever a package's own scripts have printed.
    pub fn last(&self, key: &str) -> Option<&'a str> {
        self.all(key).last()
    }

    /// The lines that are none of ours.
    pub fn others(&self) -> impl Iterator<Item = &'a str> {
        self.0.lines().filter(|line| !line.starts_with("xtask."))
    }
}

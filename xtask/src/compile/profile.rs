//! Cargo profiles of packages, handed to cargo on its command line so that any
//! workspace builds alike.

use crate::config::sdk::Sdk;

/// Which settings of `openwrt/sdk.toml` are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// `[profile.release]`.
    Release,
    /// `[profile.fast]`, for the edit-and-try loop.
    Fast,
}

impl Profile {
    /// Its name for cargo, and of its folder.
    pub fn name(self) -> &'static str {
        match self {
            Self::Release => "openwrt",
            Self::Fast => "openwrt-fast",
        }
    }

    /// Arguments that define the profile and choose it.
    pub fn args(self, sdk: &Sdk) -> Vec<String> {
        let name = self.name();
        let table = match self {
            Self::Release => &sdk.profile.release,
            Self::Fast => &sdk.profile.fast,
        };
        let fixed = [
            ("inherits", toml::Value::from("release")),
            ("panic", toml::Value::from("abort")),
        ];
        let settings = fixed.iter().map(|(key, value)| (*key, value));
        let settings = settings.chain(table.iter().map(|(key, value)| (key.as_str(), value)));
        let mut args = vec![format!("--profile={name}")];
        for (key, value) in settings {
            args.extend([
                "--config".to_owned(),
                format!("profile.{name}.{key}={value}"),
            ]);
        }
        args
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn profiles_become_cargo_settings() {
        let sdk =
            Sdk::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../openwrt/sdk.toml")).unwrap();
        let args = Profile::Fast.args(&sdk);
        assert_eq!(args[0], "--profile=openwrt-fast");
        for setting in [
            r#"profile.openwrt-fast.inherits="release""#,
            r#"profile.openwrt-fast.panic="abort""#,
            "profile.openwrt-fast.incremental=true",
        ] {
            assert!(
                args.iter().any(|arg| arg == setting),
                "{setting} in {args:?}"
            );
        }
    }
}

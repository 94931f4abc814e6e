//! The numbered fields of packages and indexes, and the names that apk gives
//! them (`apk adbdump`).

/// Fields of a package's root object.
pub mod package {
    /// What is known of it.
    pub const INFO: usize = 1;
    /// Its directories with their files.
    pub const PATHS: usize = 2;
    /// Its scripts.
    pub const SCRIPTS: usize = 3;
    /// Directories whose change runs its trigger script.
    pub const TRIGGERS: usize = 4;
}

/// Fields of an index's root object.
pub mod index {
    /// The infos of its packages.
    pub const PACKAGES: usize = 2;
}

/// Fields of a package's info.
pub mod info {
    /// Name with the ABI suffix.
    pub const NAME: usize = 1;
    /// Version.
    pub const VERSION: usize = 2;
    /// In a package 20 bytes that identify it; in an index its hash.
    pub const HASHES: usize = 3;
    /// One line of description.
    pub const DESCRIPTION: usize = 4;
    /// Architecture, or `noarch`.
    pub const ARCH: usize = 5;
    /// Licences.
    pub const LICENSE: usize = 6;
    /// Where its recipe is.
    pub const ORIGIN: usize = 7;
    /// Maintainers.
    pub const MAINTAINER: usize = 8;
    /// Home page.
    pub const URL: usize = 9;
    /// A commit.
    pub const REPO_COMMIT: usize = 10;
    /// A time.
    pub const BUILD_TIME: usize = 11;
    /// Bytes of its files.
    pub const INSTALLED_SIZE: usize = 12;
    /// Bytes of the package file (index only).
    pub const FILE_SIZE: usize = 13;
    /// Which of several providers is taken.
    pub const PROVIDER_PRIORITY: usize = 14;
    /// What it needs.
    pub const DEPENDS: usize = 15;
    /// What else it answers to.
    pub const PROVIDES: usize = 16;
    /// Whose files it may replace.
    pub const REPLACES: usize = 17;
    /// What pulls it in.
    pub const INSTALL_IF: usize = 18;
    /// What goes well with it.
    pub const RECOMMENDS: usize = 19;
    /// Which layer it is installed to.
    pub const LAYER: usize = 20;
    /// Words for machines.
    pub const TAGS: usize = 21;
    /// Number of fields.
    pub const COUNT: usize = 21;

    /// How a field's value is read.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Form {
        /// Text.
        Text,
        /// Bytes that are shown in hex.
        Hex,
        /// A number.
        Number,
        /// A list of dependencies.
        Dependencies,
        /// A list of words.
        Words,
    }

    /// Names and forms, the first field's first.
    pub const FIELDS: [(&str, Form); COUNT] = [
        ("name", Form::Text),
        ("version", Form::Text),
        ("hashes", Form::Hex),
        ("description", Form::Text),
        ("arch", Form::Text),
        ("license", Form::Text),
        ("origin", Form::Text),
        ("maintainer", Form::Text),
        ("url", Form::Text),
        ("repo-commit", Form::Hex),
        ("build-time", Form::Number),
        ("installed-size", Form::Number),
        ("file-size", Form::Number),
        ("provider-priority", Form::Number),
        ("depends", Form::Dependencies),
        ("provides", Form::Dependencies),
        ("replaces", Form::Dependencies),
        ("install-if", Form::Dependencies),
        ("recommends", Form::Dependencies),
        ("layer", Form::Number),
        ("tags", Form::Words),
    ];
}

/// Fields of a dependency.
pub mod dependency {
    /// Package name.
    pub const NAME: usize = 1;
    /// Version.
    pub const VERSION: usize = 2;
    /// How versions are compared; `=` is left out.
    pub const MATCH: usize = 3;
}

/// Fields of a directory.
pub mod dir {
    /// Its path from the root; the root has none.
    pub const NAME: usize = 1;
    /// Owner and mode.
    pub const ACL: usize = 2;
    /// Its files.
    pub const FILES: usize = 3;
}

/// Fields of a file.
pub mod file {
    /// Its name in the directory.
    pub const NAME: usize = 1;
    /// Owner and mode.
    pub const ACL: usize = 2;
    /// Bytes.
    pub const SIZE: usize = 3;
    /// Seconds since 1970.
    pub const MTIME: usize = 4;
    /// SHA-256 of its content.
    pub const HASH: usize = 5;
    /// Two bytes of file type, and where a link leads.
    pub const TARGET: usize = 6;

    /// Type of a hard link's target (`S_IFREG`).
    pub const REGULAR: u16 = 0o100_000;
    /// Type of a symbolic link's target (`S_IFLNK`).
    pub const SYMLINK: u16 = 0o120_000;
}

/// Fields of owner and mode.
pub mod acl {
    /// Permission bits.
    pub const MODE: usize = 1;
    /// The owner's name.
    pub const USER: usize = 2;
    /// The group's name.
    pub const GROUP: usize = 3;
    /// Extended attributes.
    pub const XATTRS: usize = 4;
}

/// Names of the scripts, the first field's first.
pub const SCRIPTS: [&str; 7] = [
    "trigger",
    "pre-install",
    "post-install",
    "pre-deinstall",
    "post-deinstall",
    "pre-upgrade",
    "post-upgrade",
];

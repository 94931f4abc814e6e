//! ADB, the container of apk-tools 3: a tree of values in one block, followed
//! by signatures and by the content of files.
//!
//! | module | |
//! |---|---|
//! | [`container`] | the file: `ADBd` and a deflate stream |
//! | [`block`] | the stream: a schema and its blocks |
//! | [`value`], [`mod@write`], [`read`] | the values in the first block |
//! | [`schema`] | what the numbered fields of packages and indexes mean |
//! | [`depend`] | dependencies: `name>=1.0` |
//! | [`sign`] | the signature block |
//!
//! Sources: apk-package(5) and apk-v3(5) of apk-tools 3.0.5, and files that its
//! own `apk mkpkg` and `apk mkndx` wrote. What this writes is byte for byte what
//! they write, the compressed form excepted (other deflate, same content).

pub mod block;
pub mod container;
pub mod depend;
pub mod read;
pub mod schema;
pub mod sign;
pub mod value;
pub mod write;

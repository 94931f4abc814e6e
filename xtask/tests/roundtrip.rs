//! Properties: what the packer writes, the project's own reader and another
//! library read back as it was meant. Seeds of failures are printed by proptest.

mod support;
#[path = "support/ipk.rs"]
mod unpack;

use proptest::prelude::*;
use xtask::inspect;
use xtask::package::load;
use xtask::package::meta::Meta;
use xtask::package::path::TreePath;
use xtask::package::tree::{Entry, Node, Tree};
use xtask::package::{apk, ipk};

fn name() -> impl Strategy<Value = String> {
    // Blanks, dots, letters beyond ASCII, and lengths around tar's field.
    prop_oneof![
        8 => "[a-z.+ é_-]{1,12}".prop_filter("special", |name| name != "." && name != ".." && name != "CONTROL"),
        1 => (90_usize..110).prop_map(|length| "n".repeat(length)),
    ]
}

fn entry() -> impl Strategy<Value = Entry> {
    let node = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..700).prop_map(|bytes| Node::File(bytes.into())),
        "[a-z./]{1,120}".prop_map(|target| Node::Symlink(target.into_bytes())),
        Just(Node::Dir),
    ];
    (node, 0_u32..0o10000, 0_u32..3000, 0_u32..3000).prop_map(|(node, mode, uid, gid)| {
        let mode = if matches!(node, Node::Symlink(_)) {
            0o777
        } else {
            mode
        };
        Entry {
            mode,
            uid,
            gid,
            node,
            link_group: None,
        }
    })
}

prop_compose! {
    fn tree()(entries in proptest::collection::vec((proptest::collection::vec(name(), 1..4), entry()), 0..25),
              links in proptest::collection::vec((name(), any::<proptest::sample::Index>()), 0..4)) -> Tree {
        let mut tree = Tree::default();
        for (names, entry) in entries {
            // A name below a file, or over a directory, is refused: fine.
            let _ = tree.insert(TreePath::new(names.join("/")).unwrap(), entry);
        }
        let files: Vec<_> = tree
            .iter()
            .filter(|(_, entry)| !entry.is_dir())
            .map(|(path, entry)| (path.clone(), entry.clone()))
            .collect();
        for (group, (name, index)) in links.into_iter().enumerate().take(files.len()) {
            let (path, mut entry) = files[index.index(files.len())].clone();
            if tree.get(&path).is_some_and(|entry| entry.link_group.is_some()) {
                continue;
            }
            entry.link_group = Some(group as u32);
            let again = TreePath::new(format!("links/{group}-{name}")).unwrap();
            if tree.insert(again, entry.clone()).is_ok() {
                tree.insert(path, entry).unwrap();
            }
        }
        tree
    }
}

fn meta() -> Meta {
    Meta {
        name: "p".into(),
        version: "1-r1".into(),
        arch: "all".into(),
        epoch: 1_700_000_000,
        description: "Text".into(),
        ..Meta::default()
    }
}

/// Link groups are numbered as they are met; only who shares one matters.
fn normal(tree: &Tree) -> Vec<(TreePath, Entry)> {
    let mut numbers = std::collections::HashMap::new();
    tree.iter()
        .map(|(path, entry)| {
            let mut entry = entry.clone();
            entry.link_group = entry.link_group.map(|group| {
                let next = numbers.len() as u32;
                *numbers.entry(group).or_insert(next)
            });
            (path.clone(), entry)
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_packed_tree_is_read_back(tree in tree()) {
        let package = ipk::pack(&meta(), tree.clone()).unwrap();
        let archives = unpack::unpack(&package.bytes);
        prop_assert_eq!(package.installed_size, archives.data.len());
        let back = load::from_tar(&archives.data[..]).unwrap();
        prop_assert_eq!(normal(&back), normal(&tree));

        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("p.ipk");
        std::fs::write(&file, &package.bytes).unwrap();
        let report = inspect::inspect(&file).unwrap();
        prop_assert_eq!(report.data_size as usize, package.installed_size);
        prop_assert_eq!(report.files.len(), tree.iter().count());
        for (info, (path, entry)) in report.files.iter().zip(tree.iter()) {
            prop_assert_eq!(&info.path, &path.absolute());
            prop_assert_eq!(&info.mode, &format!("{:04o}", entry.mode));
            prop_assert_eq!((info.uid, info.gid), (u64::from(entry.uid), u64::from(entry.gid)));
        }
        let again = ipk::pack(&meta(), tree).unwrap();
        prop_assert_eq!(again.bytes, package.bytes);
    }

    #[test]
    fn a_packed_apk_is_read_back(tree in tree()) {
        let mut tree = tree;
        let paths: Vec<TreePath> = tree.iter().map(|(path, _)| path.clone()).collect();
        for path in paths {
            // An apk has names of owners, and there are none here.
            tree.change(&path, |entry| (entry.uid, entry.gid) = (0, 0)).unwrap();
        }
        let package = apk::pack(&meta(), tree.clone(), None).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("p.apk");
        std::fs::write(&file, &package.bytes).unwrap();
        let report = inspect::inspect(&file).unwrap();
        let broken: Vec<_> = report.findings.iter()
            .filter(|finding| ["unique-id", "file-hash", "data-order", "data-missing", "block-order", "installed-size", "list"].contains(&finding.rule))
            .collect();
        prop_assert!(broken.is_empty(), "{:?}", broken);
        prop_assert_eq!(report.control.get("installed-size").unwrap(), package.installed_size.to_string());
        // Every entry, and OpenWrt's list with the three directories above it.
        let found: std::collections::HashMap<&str, &inspect::FileInfo> =
            report.files.iter().map(|file| (file.path.as_str(), file)).collect();
        prop_assert_eq!(found.len(), report.files.len());
        for (path, entry) in tree.iter() {
            let info = found[path.absolute().as_str()];
            prop_assert_eq!(&info.mode, &format!("{:04o}", entry.mode));
            match &entry.node {
                Node::Dir => prop_assert_eq!(info.kind, "dir"),
                Node::File(content) => prop_assert_eq!(info.size, content.len() as u64),
                Node::Symlink(target) => prop_assert_eq!(info.target.as_ref().unwrap().as_bytes(), &target[..]),
            }
        }
        let again = apk::pack(&meta(), tree, None).unwrap();
        prop_assert_eq!(again.bytes, package.bytes);
    }

    #[test]
    fn control_fields_are_read_back(
        depends in proptest::collection::vec("[a-z][a-z0-9+.-]{0,10}", 0..5),
        description in "[a-zA-Z0-9 .\t\n\"'`$é-]{0,80}",
        maintainer in "[a-zA-Z <>@.,]{0,30}",
    ) {
        let meta = Meta { depends: depends.clone(), description, maintainer: maintainer.clone(), ..meta() };
        let package = ipk::pack(&meta, Tree::default()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("p.ipk");
        std::fs::write(&file, &package.bytes).unwrap();
        let report = inspect::inspect(&file).unwrap();
        let errors: Vec<_> = report.findings.iter().filter(|f| f.severity == inspect::Severity::Error).collect();
        prop_assert!(errors.is_empty(), "{:?}", errors);
        let found: Vec<_> = report.control.depends().skip(1).map(str::to_owned).collect();
        let expected: Vec<_> = depends.iter().map(|name| name.replace('+', "")).collect();
        let expected: Vec<_> = expected.into_iter().map(|name| if name == "libgcc" { "libgcc1".into() } else { name }).collect();
        prop_assert_eq!(found, expected);
        let kept = (!maintainer.trim().is_empty()).then_some(maintainer.as_str());
        prop_assert_eq!(report.control.get("Maintainer"), kept);
    }
}

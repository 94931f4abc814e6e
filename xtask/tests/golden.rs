//! The packer against packages that OpenWrt's own `ipkg-build` made from the
//! same input: equal after decompression, headers and padding included.

#[path = "support/golden.rs"]
mod golden;
mod support;
#[path = "support/ipk.rs"]
mod unpack;

use serde_json::Value;

#[test]
fn every_golden_ipk_is_made_again() {
    let Some(dir) = support::shared("packages") else {
        return;
    };
    let out = tempfile::tempdir().unwrap();
    let cases = golden::cases(&dir);
    assert!(
        cases.len() >= 14,
        "only {} cases in {}",
        cases.len(),
        dir.display()
    );
    for case in cases {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let meta = golden::meta(&case);
        let toml = out.path().join(format!("{name}.toml"));
        std::fs::write(&toml, golden::table(&meta)).unwrap();
        let folder = out.path().join(&name);
        std::fs::create_dir(&folder).unwrap();
        let mut pack = support::xtask();
        pack.args(["pack", "--meta"])
            .arg(&toml)
            .arg("--tree")
            .arg(case.join("input.tar"))
            .arg("-o")
            .arg(&folder);
        support::run(&mut pack);

        let ours = folder.join(meta["ipk_filename"].as_str().unwrap());
        let ours = unpack::unpack(
            &std::fs::read(&ours).unwrap_or_else(|error| panic!("{}: {error}", ours.display())),
        );
        let golden = unpack::unpack(&std::fs::read(case.join("out.ipk")).unwrap());
        for (what, ours, golden) in [
            ("data.tar", &ours.data, &golden.data),
            ("control.tar", &ours.control, &golden.control),
        ] {
            if let Some(difference) = unpack::first_difference(ours, golden) {
                panic!("{name}, {what}: {difference}");
            }
        }
        assert_eq!(ours, golden, "{name}");
    }
}

#[test]
fn every_golden_ipk_is_read_and_accepted() {
    let Some(dir) = support::shared("packages") else {
        return;
    };
    for case in golden::cases(&dir) {
        let meta = golden::meta(&case);
        let output = support::run(
            support::xtask()
                .args(["inspect", "--json"])
                .arg(case.join("out.ipk")),
        );
        let report = support::json(&output);
        assert_eq!(
            report["control"]["Version"],
            meta["full_version"],
            "{}",
            case.display()
        );
        let errors: Vec<&Value> = report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|finding| finding["severity"] == "error")
            .collect();
        assert_eq!(errors, Vec::<&Value>::new(), "{}", case.display());
    }
}

//! The base image that the tests of images and of the sdk backend stand on:
//! OpenWrt's interface and this project's recipe work in it.

#[path = "support/sdk_base.rs"]
mod sdk_base;
mod support;

use std::process::Command;

/// What is run inside: the feed's toolchain, then the recipe with it.
const SCRIPT: &str = r#"set -e
scripts/feeds update -a
scripts/feeds install -a
mkdir -p feeds/tollgate package/feeds/tollgate
cp -R /source/openwrt/tollgate-wrt feeds/tollgate/
ln -s ../../../feeds/tollgate/tollgate-wrt package/feeds/tollgate/
make defconfig
make package/feeds/packages/rust/host/compile V=s
make package/tollgate-wrt/compile V=s XTASK_SOURCE=/source XTASK_EPOCH=1700000000
whoami
ls bin/packages/*/tollgate/*.ipk
"#;

#[test]
fn the_recipe_is_built_in_the_base_image() {
    let Some(base) = sdk_base::base(&["x86_64"]) else {
        return;
    };
    let image = base
        .replace("{arch}", "x86_64")
        .replace("{version}", &sdk_base::version());
    let source = format!("{}:/source:ro", support::root().display());
    let mut docker = Command::new(sdk_base::docker().unwrap());
    docker.args(["run", "--rm", "--network=none", "-v", &source]);
    let output = support::run(docker.args([&image, "bash", "-c", SCRIPT]));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        text.contains("touch /builder/staging_dir/hostpkg/stamp/.rust_installed"),
        "{text}"
    );
    let end = "buildbot\nbin/packages/x86_64/tollgate/tollgate-wrt_0.1.0-r1_x86_64.ipk\n";
    assert!(text.ends_with(end), "{text}");
}

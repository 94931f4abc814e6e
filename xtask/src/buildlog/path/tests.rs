use super::*;

const A: &str = "4eec1652101606f47f45629ec4e05dca";
const B: &str = "18f1e190c5d53547fed41a3eaa76e9e9";

#[test]
fn build_directories() {
    let target = "/b/build_dir/target-mips_24kc_musl".to_owned();
    let hosts = |text: &str| -> Vec<(String, bool)> {
        let paths = Paths::default();
        let found = paths.all(text.as_bytes());
        found
            .map(|dir| (String::from_utf8_lossy(dir.path).into_owned(), dir.host))
            .collect()
    };
    for (text, path, host) in [
        (
            format!("touch {target}/host/rustc-1.90.0-src/.built"),
            format!("{target}/host/rustc-1.90.0-src"),
            true,
        ),
        (
            format!("x --prefix={target}/host/zig-0.13/out y"),
            format!("{target}/host/zig-0.13"),
            true,
        ),
        (
            "(cd /b/build_dir/hostpkg/go-1.23/; x".into(),
            "/b/build_dir/hostpkg/go-1.23".into(),
            true,
        ),
        (
            "'/x y/b/build_dir/host/cmake-3'".into(),
            "y/b/build_dir/host/cmake-3".into(),
            true,
        ),
        (
            "/b/build_dir/toolchain-mips_24kc_gcc-13.3.0_musl/gcc-13.3.0-final/.built".into(),
            "/b/build_dir/toolchain-mips_24kc_gcc-13.3.0_musl/gcc-13.3.0-final".into(),
            true,
        ),
        (
            format!("{target}/toolchain/.built"),
            format!("{target}/toolchain"),
            false,
        ),
        (
            format!("{target}/hello-rs-0.3.0/.built"),
            format!("{target}/hello-rs-0.3.0"),
            false,
        ),
    ] {
        assert_eq!(hosts(&text), [(path, host)], "{text}");
    }
    for none in [
        format!("{target}/host"),
        format!("{target}/host/"),
        target.clone(),
        "/build_dir/".into(),
        "/b/build_dir//x/y".into(),
    ] {
        assert_eq!(hosts(&none), [], "{none}");
    }
    assert_eq!(hosts(&format!("{target}/a/b {target}/host/c")).len(), 2);
}

#[test]
fn stamps_and_their_look_alikes() {
    let target = "/b/build_dir/target-mips_24kc_musl";
    let stamp = |path: &str| {
        let paths = Paths::default();
        paths.stamp(path.as_bytes()).map(|stamp| {
            (
                stamp.step,
                stamp.host,
                String::from_utf8_lossy(stamp.owner).into_owned(),
            )
        })
    };
    for (path, step, host, owner) in [
        (
            format!("{target}/host/rustc-1-src/.prepared{A}_{B}"),
            Step::Prepare,
            true,
            format!("{target}/host/rustc-1-src"),
        ),
        (
            format!("/odd/place/.prepared{A}_{B}"),
            Step::Prepare,
            true,
            "/odd/place".into(),
        ),
        (
            format!("{target}/hello/.prepared_{A}_{B}"),
            Step::Prepare,
            false,
            format!("{target}/hello"),
        ),
        (
            format!("{target}/host/x/.configured"),
            Step::Configure,
            true,
            format!("{target}/host/x"),
        ),
        (
            format!("{target}/hello/.configured_{A}"),
            Step::Configure,
            false,
            format!("{target}/hello"),
        ),
        (
            format!("{target}/toolchain/.built"),
            Step::Compile,
            false,
            format!("{target}/toolchain"),
        ),
        (
            "/b/staging_dir/hostpkg/stamp/.rust_installed".into(),
            Step::Install,
            true,
            "rust".into(),
        ),
        (
            "/b/staging_dir/target-x/stamp/.hello_installed".into(),
            Step::Install,
            false,
            "hello".into(),
        ),
        (
            "/b/staging_dir/toolchain-x/stamp/.gcc_final_installed".into(),
            Step::Install,
            true,
            "gcc_final".into(),
        ),
    ] {
        assert_eq!(stamp(&path), Some((step, host, owner)), "{path}");
    }
    for none in [
        format!("{target}/hello/.prepared_{A}_{B}_check"),
        format!("{target}/host/x/.prepared{A}_"),
        format!("{target}/hello/.built_check"),
        "/b/staging_dir/target-x/root-y/stamp/.hello_installed".into(),
        ".built".into(),
        String::new(),
    ] {
        assert_eq!(stamp(&none), None, "{none}");
    }
}

#[test]
fn parts_of_paths() {
    assert_eq!(tree(b"/a/b/build_dir/x/y"), Some(&b"/a/b"[..]));
    assert_eq!(base(b"/a/b"), b"b");
}

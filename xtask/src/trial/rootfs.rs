//! A userland in a folder or an archive: a copy of it, in namespaces of its own
//! (user, files, processes, network), which needs neither root nor Docker.

use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::{DIR, SCRIPT};
use crate::deploy::running::{Reply, Running};
use crate::util::fs::write_atomic;
use crate::util::interrupt::{Interrupt, Stopped};
use crate::util::process::tail;

/// Runs in the new namespaces, still outside of the folder: `$0` is the folder,
/// `$1` what the kernel is to be told of qemu, or nothing. The machine's own
/// devices but a few stay away, its log's socket among them.
const ENTER: &str = "
mount --bind \"$0\" \"$0\"
mount -t proc proc \"$0/proc\"
mount -t tmpfs -o mode=755 none \"$0/dev\"
for device in null zero full random urandom tty; do
	: >\"$0/dev/$device\"
	mount --bind \"/dev/$device\" \"$0/dev/$device\"
done
if [ -n \"$1\" ] && mount -t binfmt_misc none /proc/sys/fs/binfmt_misc 2>/dev/null; then
	printf %s \"$1\" >/proc/sys/fs/binfmt_misc/register || true
fi
shift
ip link set lo up 2>/dev/null || chroot \"$0\" ifconfig lo up || true
exec chroot \"$0\" /bin/sh -s -- \"$@\"
";

/// A copy of a userland; gone when dropped.
#[derive(Debug)]
pub struct Rootfs {
    dir: tempfile::TempDir,
}

impl Rootfs {
    /// Copies a folder, or unpacks an archive that tar reads.
    ///
    /// # Errors
    /// tar fails; what is copied has no shell.
    pub fn copy(from: &Path) -> Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("xtask-try-")
            .tempdir()
            .context("make a folder for the userland")?;
        // Devices are for root alone to make, and others are put there.
        let exclude = ["--exclude=./dev/*", "--exclude=dev/*"];
        let unpack = |input: duct::Expression| {
            let output = input
                .stdout_null()
                .stderr_capture()
                .unchecked()
                .run()
                .context("start tar")?;
            ensure!(
                output.status.success(),
                "copy {}:\n{}",
                from.display(),
                tail(&String::from_utf8_lossy(&output.stderr))
            );
            Ok(())
        };
        let to = ["--no-same-owner", "--same-permissions", "-C"];
        if from.is_dir() {
            let pack = duct::cmd!("tar", "-C", from, "--exclude=./dev/*", "-cf", "-", ".");
            unpack(pack.pipe(duct::cmd!(
                "tar",
                to[0],
                to[1],
                to[2],
                dir.path(),
                "-xf",
                "-"
            )))?;
        } else {
            unpack(duct::cmd!(
                "tar",
                to[0],
                to[1],
                exclude[0],
                exclude[1],
                to[2],
                dir.path(),
                "-xf",
                from
            ))?;
        }
        let root = Self { dir };
        for folder in ["proc", "dev", "tmp"] {
            crate::util::fs::create_dirs(&root.dir.path().join(folder))?;
        }
        ensure!(
            root.shell().is_some(),
            "{} has no /bin/sh: it is no OpenWrt userland",
            from.display()
        );
        Ok(root)
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Stays there when this is dropped.
    pub fn keep(self) -> PathBuf {
        self.dir.keep()
    }

    /// The program behind /bin/sh, links followed within the userland.
    fn shell(&self) -> Option<PathBuf> {
        let mut path = PathBuf::from("bin/sh");
        for _ in 0..8 {
            let whole = self.dir.path().join(&path);
            let Ok(to) = std::fs::read_link(&whole) else {
                return whole.is_file().then_some(whole);
            };
            path = match to.strip_prefix("/") {
                Ok(to) => to.to_owned(),
                Err(_) => path.parent()?.join(to),
            };
        }
        None
    }

    /// What the kernel is told so that it runs this userland's programs by
    /// `qemu` (Documentation/admin-guide/binfmt-misc.rst): any program for the
    /// processor that the shell is for. It is opened now (F), out of the
    /// userland's sight, and gives programs the name they are called by (P).
    fn binfmt(&self, qemu: &Path) -> Result<String> {
        let mut head = [0; 20];
        let shell = self.shell().context("find its shell")?;
        std::fs::File::open(&shell)
            .and_then(|mut file| {
                file.seek(SeekFrom::Start(0))?;
                file.read_exact(&mut head)
            })
            .with_context(|| format!("read {}", shell.display()))?;
        ensure!(head[..4] == *b"\x7fELF", "its shell is no program of Linux");
        let is_big = head[5] == 2;
        let mut mask = [0xff; 20];
        // Whichever system's ABI, and both kinds of program (fixed, movable).
        mask[7] = 0;
        mask[if is_big { 17 } else { 16 }] = 0xfe;
        let (kind, other) = if is_big { (17, 16) } else { (16, 17) };
        (head[kind], head[other]) = (2, 0);
        head[7..16].fill(0);
        let escaped = |bytes: [u8; 20]| -> String {
            bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect()
        };
        Ok(format!(
            ":xtask:M::{}:{}:{}:PF",
            escaped(head),
            escaped(mask),
            qemu.display()
        ))
    }

    /// Puts a file where the script looks for it.
    ///
    /// # Errors
    /// I/O.
    pub fn put(&self, name: &str, content: &[u8]) -> Result<()> {
        let dir = self.dir.path().join(DIR.trim_start_matches('/'));
        write_atomic(&dir.join(name), content, 0o644)
    }

    /// A command that runs a shell in it; `qemu` for another kind of processor.
    ///
    /// # Errors
    /// The shell cannot be read.
    pub fn command(&self, qemu: Option<&Path>, args: &[String]) -> Result<Command> {
        let told = match qemu {
            Some(qemu) => self.binfmt(qemu)?,
            None => String::new(),
        };
        let mut command = Command::new("unshare");
        command
            .args(["--user", "--map-root-user", "--mount", "--pid", "--fork"])
            .args(["--kill-child=KILL", "--net", "--", "sh", "-ec", ENTER])
            .arg(self.dir.path())
            .arg(told)
            .args(args)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", "/root");
        Ok(command)
    }

    /// Runs the script.
    ///
    /// # Errors
    /// There is no unshare; Ctrl-C.
    pub fn run(
        &self,
        qemu: Option<&Path>,
        args: &[String],
        interrupt: &Interrupt,
    ) -> Result<Reply> {
        use std::os::unix::process::CommandExt;
        let child = self
            .command(qemu, args)?
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .context("start unshare (util-linux)")?;
        let mut running = Running::new(child, SCRIPT.as_bytes().to_vec());
        match running.wait(|_| !interrupt.asked())? {
            Some(reply) => Ok(reply),
            None => {
                running.kill();
                Err(Stopped("the copy of the userland is removed".to_owned()).into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_told_of_the_shell_s_processor() {
        let dir = tempfile::tempdir().unwrap();
        let bin = dir.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        assert!(Rootfs::copy(dir.path()).is_err());
        let mut mips = *b"\x7fELF\x01\x02\x01\x03\0\0\0\0\0\0\0\0\0\x03\0\x08";
        std::fs::write(bin.join("busybox"), mips).unwrap();
        std::os::unix::fs::symlink("/bin/busybox", bin.join("sh")).unwrap();
        let root = Rootfs::copy(dir.path()).unwrap();
        // As qemu's own scripts/qemu-binfmt-conf.sh has it for mips.
        assert_eq!(
            root.binfmt(Path::new("/q")).unwrap(),
            ":xtask:M::\\x7f\\x45\\x4c\\x46\\x01\\x02\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\x08\
             :\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xfe\\xff\\xff:/q:PF"
        );
        mips[5] = 1;
        std::fs::write(root.path().join("bin/busybox"), mips).unwrap();
        assert!(
            root.binfmt(Path::new("/q"))
                .unwrap()
                .contains("\\x02\\x00\\x00\\x08:")
        );
    }
}

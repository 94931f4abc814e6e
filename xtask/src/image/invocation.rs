//! How the builder is called: the same for every build of an image, so that its
//! cache serves all of them.

use std::path::Path;

use anyhow::Result;

use super::dockerfile::Dockerfile;
use super::label;
use super::spec::{DOCKERFILE, Spec};
use crate::engine::{Builder, Engine, ca};
use crate::package::tar;
use crate::util::fs;

/// What is to be built.
#[derive(Debug)]
pub struct Invocation<'a> {
    /// A client that can build.
    pub engine: &'a Engine,
    /// The image.
    pub spec: &'a Spec,
    /// The instructions; a part of the spec's file for `--shell`.
    pub dockerfile: &'a Dockerfile,
    /// That file's text.
    pub text: &'a str,
    /// Certificates of the network.
    pub ca: Option<&'a Path>,
    /// The project whose image it is, for its label.
    pub project: Option<&'a str>,
    /// Takes nothing from the builder's cache.
    pub no_cache: bool,
}

impl Invocation<'_> {
    /// The command, with the context on its standard input. `ids` gets the
    /// image's id; `dir` is a folder for what must lie in files.
    ///
    /// # Errors
    /// I/O errors.
    pub fn command(&self, dir: &Path, ids: &Path) -> Result<duct::Expression> {
        let mut args: Vec<String> = vec!["build".into()];
        match self.engine.builder {
            Some(Builder::Buildx) => args.extend(["--progress=plain".into(), "--load".into()]),
            Some(Builder::BuiltIn) => args.push("--progress=plain".into()),
            Some(Builder::Buildah) | None => {}
        }
        args.extend(["--iidfile".into(), ids.display().to_string()]);
        let is_podman = self.engine.builder == Some(Builder::Buildah);
        if self.no_cache {
            args.push("--no-cache".into());
        }
        if let Some(project) = self.project {
            args.push("--label".into());
            args.push(format!("{}={project}", label::PROJECT));
        }
        if let Some(file) = self.ca {
            args.push("--secret".into());
            args.push(format!("id={},src={}", ca::SECRET, file.display()));
        }
        let declared = self.declared();
        for (name, value) in &self.spec.args {
            if declared.contains(name) {
                args.extend(["--build-arg".into(), format!("{name}={value}")]);
            }
        }
        if is_podman {
            // It takes no archive from a pipe.
            let context = dir.join("context");
            self.write_context(&context)?;
            args.extend(["-f".into(), context.join(DOCKERFILE).display().to_string()]);
            args.push(context.display().to_string());
            return Ok(self.engine.command(&args));
        }
        args.extend(["-f".into(), DOCKERFILE.into(), "-".into()]);
        // A stream has no older files of another build in it, which a folder
        // that the builder keeps in step has.
        let command = duct::cmd(&self.engine.program, &args)
            .stdin_bytes(self.context()?)
            .env("DOCKER_BUILDKIT", "1")
            .env("BUILDKIT_PROGRESS", "plain")
            .env("BUILDX_NO_DEFAULT_ATTESTATIONS", "1");
        Ok(command)
    }

    /// Arguments that the file has: others would be warned of.
    fn declared(&self) -> Vec<String> {
        let stages = self.dockerfile.stages.iter();
        self.dockerfile
            .head
            .iter()
            .chain(stages.flat_map(|stage| &stage.instructions))
            .filter(|instruction| instruction.word == "ARG")
            .flat_map(|arg| arg.text.split(' ').skip(1))
            .map(|arg| arg.split('=').next().unwrap_or(arg).to_owned())
            .collect()
    }

    /// The context with this build's instructions.
    fn spec_with_text(&self) -> Spec {
        let mut spec = self.spec.clone();
        for file in &mut spec.files {
            if file.path == DOCKERFILE {
                file.content = self.text.as_bytes().to_vec();
            }
        }
        spec
    }

    fn context(&self) -> Result<Vec<u8>> {
        self.spec_with_text().context_tar()
    }

    fn write_context(&self, dir: &Path) -> Result<()> {
        for file in self.spec_with_text().files {
            fs::write_atomic(&dir.join(&file.path), &file.content, file.readable())?;
        }
        Ok(())
    }
}

/// An archive of files of the context, each under a name of its own.
///
/// # Errors
/// A file of more than eight gigabytes.
pub fn archive(files: &[(String, u32, &[u8])]) -> Result<Vec<u8>> {
    let mut writer = tar::Writer::new(0);
    let mut made: Vec<&str> = Vec::new();
    for (path, mode, content) in files {
        for (end, _) in path.match_indices('/') {
            let folder = &path[..end];
            if !made.contains(&folder) {
                writer.dir(format!("{folder}/").as_bytes(), 0o755)?;
                made.push(folder);
            }
        }
        writer.file(path.as_bytes(), *mode, content)?;
    }
    Ok(writer.finish())
}

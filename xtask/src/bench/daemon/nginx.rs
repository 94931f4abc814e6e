//! nginx with one small file: about what a server can do on this machine.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::process::Server;
use crate::util::{fs, port, process};

/// An nginx, and its files.
#[derive(Debug)]
pub struct Nginx {
    server: Server,
    _dir: tempfile::TempDir,
}

/// Starts nginx with one worker and `body` as its index; `None` where it is not
/// installed.
///
/// # Errors
/// When it does not start.
pub fn start(body: &[u8]) -> Result<Option<Nginx>> {
    let Some(program) = process::find_program("nginx").or_else(|| {
        Some("/usr/sbin/nginx".into()).filter(|path: &std::path::PathBuf| path.exists())
    }) else {
        return Ok(None);
    };
    let dir = tempfile::tempdir()?;
    let address = port::free()?;
    let root = dir.path().display();
    let config = format!(
        "daemon off; master_process off; pid {root}/pid; error_log {root}/errors;
events {{ worker_connections 512; }}
http {{
	access_log off; tcp_nodelay on; keepalive_requests 1000000000; open_file_cache max=10;
	client_body_temp_path {root}/body; proxy_temp_path {root}/proxy; fastcgi_temp_path {root}/fastcgi;
	uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi;
	default_type application/json;
	server {{ listen {address}; root {root}; index index.json; }}
}}
"
    );
    fs::write_atomic(&dir.path().join("index.json"), body, 0o644)?;
    let file = dir.path().join("nginx.conf");
    fs::write_atomic(&file, config.as_bytes(), 0o644)?;
    let mut command = Command::new(program);
    command.arg("-p").arg(dir.path()).arg("-c").arg(&file);
    let log = dir.path().join("log");
    let server = Server::start(command, address, &log, Duration::from_secs(10))?;
    Ok(Some(Nginx { server, _dir: dir }))
}

impl Nginx {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }
}

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// `local/tests/federation/provider`, running.
pub struct Provider {
    pub issuer: String,
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Provider {
    pub fn start(client_id: &str, client_secret: &str, redirect_uri: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/federation/provider");
        let mut process = Command::new("node")
            .current_dir(&folder)
            .args(["provider.mjs", client_id, client_secret, redirect_uri])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Node.js runs; see `make federation-test`");
        let input = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let mut provider = Self { issuer: String::new(), process, input, output };
        provider.issuer = provider.read();
        assert!(provider.issuer.starts_with("http://"), "it does not start: is it installed?");
        provider
    }

    /// Has it do something, and waits until it is done.
    pub fn tell(&mut self, command: &str) {
        writeln!(self.input, "{command}").unwrap();
        assert_eq!(self.read(), "ok");
    }

    fn read(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Seek},
    path::Path,
    process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio},
    time::Duration,
};

use embedded::Queues;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// How long a condition may take to come true on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long the process may take to stop when nothing holds it up: less than it gives to requests that
/// hang, so that waiting for one of those is noticed.
const STOP_PATIENCE: Duration = Duration::from_secs(8);

/// The `plinth` command with these arguments, and no settings but cheap hashes and limits that nobody meets.
pub fn plinth(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plinth"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PLINTH_")) {
        command.env_remove(name);
    }
    command
        .args(arguments)
        // Where no environment file is.
        .current_dir(std::env::temp_dir())
        .env("PLINTH_IDENTITY_PASSWORD_MEMORY_KIB", "64")
        .env("PLINTH_IDENTITY_PASSWORD_ITERATIONS", "1")
        .env("PLINTH_RATE_LIMITS_SCALE", "1000")
        .stdin(Stdio::null());
    command
}

/// Runs a command on this data to its end.
pub fn run_on(data: &Path, arguments: &[&str]) -> Output {
    let mut command = plinth(arguments);
    command.arg("--data").arg(data).output().expect("the command runs")
}

/// What a command said and how it ended, for messages.
pub fn told(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\n{}{}", output.status, text(&output.stdout), text(&output.stderr))
}

/// A platform in a process of its own, which ends with this value.
pub struct Running {
    child: Child,
    url: String,
    /// The line that said that it is ready.
    pub ready: Value,
    /// A closed pipe would fail whatever the process prints later.
    _stdout: BufReader<ChildStdout>,
}

impl Running {
    pub fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    /// With these settings.
    pub fn start_with(data: &Path, settings: &[(&str, &str)]) -> Self {
        let mut log = tempfile::tempfile().unwrap();
        let mut command = plinth(&["run", "--port", "0", "--json"]);
        command.arg("--data").arg(data).envs(settings.iter().copied());
        let to_log = |log: &File| log.try_clone().unwrap();
        command.stdout(Stdio::piped()).stderr(to_log(&log));
        let mut child = command.spawn().expect("the command starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        // In the guard from here on: whatever fails, the process ends.
        let mut line = String::new();
        let is_read = stdout.read_line(&mut line);
        let mut running = Self { child, url: String::new(), ready: Value::Null, _stdout: stdout };
        if is_read.is_err() || line.is_empty() {
            let mut text = String::new();
            log.rewind().and_then(|()| log.read_to_string(&mut text)).unwrap();
            panic!("the platform did not start: {text}");
        }
        running.ready = serde_json::from_str(&line).expect("the line is JSON");
        running.ready["url"].as_str().expect("it names the address").clone_into(&mut running.url);
        running
    }

    /// The host and port.
    pub fn address(&self) -> &str {
        self.url.strip_prefix("http://").expect("the address is one of HTTP")
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().expect("the process is there");
        self.child.wait().expect("the process ends");
    }

    /// `kill`, which asks for an orderly end.
    pub fn terminate(&self) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().expect("`kill` is there");
        assert!(sent.success(), "the process is there");
    }

    /// How it ended, which it must within seconds.
    pub async fn ended(&mut self) -> ExitStatus {
        within(STOP_PATIENCE, async || self.child.try_wait().unwrap()).await
    }

    /// Stops it in an orderly way.
    pub async fn stop(mut self) {
        self.terminate();
        let status = self.ended().await;
        assert!(status.success(), "{status}");
    }

    /// Somebody who may do everything in the platform's own tenant.
    pub async fn operator(&self) -> Client {
        let operator = &self.ready["operator"];
        let body = json!({"email": operator["email"], "password": operator["password"]});
        let mut client =
            Client { http: reqwest::Client::new(), url: self.url.clone(), token: String::new() };
        let answer = client.post("/api/v1/auth/login", &body).await.unwrap();
        assert_eq!(answer.0, StatusCode::OK, "{}", answer.1);
        answer.1["access_token"].as_str().unwrap().clone_into(&mut client.token);
        client
    }

    /// Somebody with a token that was issued before.
    pub fn client_with(&self, token: &str) -> Client {
        let http = reqwest::Client::new();
        Client { http, url: self.url.clone(), token: token.to_owned() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Fails when it has ended, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An HTTP client that lives through the end of the platform.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    pub token: String,
}

impl Client {
    /// An error when no whole answer came.
    pub async fn post(&self, path: &str, body: &Value) -> reqwest::Result<(StatusCode, Value)> {
        let request = self.request(Method::POST, path);
        let request = request.header("content-type", "application/json").body(body.to_string());
        let response = request.send().await?;
        let status = response.status();
        Ok((status, response.json().await?))
    }

    pub async fn get(&self, path: &str) -> Value {
        let response = self.request(Method::GET, path).send().await.expect("the platform answers");
        let status = response.status();
        let text = response.text().await.expect("the answer is whole");
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        serde_json::from_str(&text).expect("the answer is JSON")
    }

    /// All pages of a list; the path has a query already.
    pub async fn list(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut next = format!("{path}&limit=100");
        loop {
            let page = self.get(&next).await;
            items.extend(page["items"].as_array().expect("a page has items").iter().cloned());
            let Some(cursor) = page["next_cursor"].as_str() else { return items };
            next = format!("{path}&limit=100&cursor={cursor}");
        }
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token)
    }
}

/// Waits until every event has reached its consumers, as the files tell: nothing is on its way between
/// a table and the queues, and nothing waits in the queues.
pub async fn settled(data: &Path) {
    let tables = rusqlite::Connection::open(data.join("tables.sqlite")).unwrap();
    let queues = Queues::open(data).unwrap();
    // How many records there are, and how many there ever were.
    let records = || {
        let sql = "SELECT (SELECT count(*) FROM _stream_records),
                   (SELECT seq FROM sqlite_sequence WHERE name = '_stream_records')";
        tables.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    };
    eventually(async || {
        let (on_their_way, before): (u64, u64) = records();
        let queued: u64 = queues.depth().await.unwrap().iter().map(|depth| depth.queued).sum();
        // A consumer that was at work in between may have written something that is to be told.
        let (_, after) = records();
        (on_their_way == 0 && queued == 0 && before == after).then_some(())
    })
    .await;
}

/// Waits until the answer is as wanted.
pub async fn eventually<T>(ask: impl AsyncFnMut() -> Option<T>) -> T {
    within(PATIENCE, ask).await
}

async fn within<T>(patience: Duration, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let waited = tokio::time::timeout(patience, async {
        loop {
            if let Some(found) = ask().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    waited.await.expect("the condition comes true")
}

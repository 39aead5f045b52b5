use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::process::{Running, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_request_under_way_is_answered_before_the_platform_stops() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::start(folder.path());
    // Its connection stays open and idle, which holds nothing up.
    let client = running.operator().await;

    let body = json!({"name": "Last minute", "permissions": []}).to_string();
    let head = format!(
        "POST /api/v1/roles HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n",
        running.address(),
        client.token,
        body.len(),
    );
    let mut connection = TcpStream::connect(running.address()).await.unwrap();
    connection.write_all(head.as_bytes()).await.unwrap();
    // Asked for when the handler reads the body: from here on the request is under way.
    let mut go_on = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
    connection.read_exact(&mut go_on).await.unwrap();
    assert!(go_on.starts_with(b"HTTP/1.1 100 "), "{}", String::from_utf8_lossy(&go_on));

    running.terminate();
    eventually(async || TcpStream::connect(running.address()).await.is_err().then_some(())).await;
    connection.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    let status = running.ended().await;
    assert_eq!(status.code(), Some(0), "{status}");
}

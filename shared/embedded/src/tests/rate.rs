use super::*;
use crate::store::Place;
use std::time::Instant;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rate() {
    let disk = tempfile::tempdir_in("/work").unwrap();
    for place in [Place::Memory, Place::Folder(disk.path().to_owned())] {
        let store = Store::open(&place, Recorder::default()).await.unwrap();
        let table = store.table(&MODULE).await.unwrap();
        let item = serde_json::json!({"name": "x".repeat(300), "version": 1});
        let n = 3000;
        let mut worst = Duration::ZERO;
        let start = Instant::now();
        for i in 0..n {
            let one = Instant::now();
            table.write(Write::put(Key::new("T#1", format!("{i}")), &item)).await.unwrap();
            worst = worst.max(one.elapsed());
        }
        let puts = f64::from(n) / start.elapsed().as_secs_f64();
        let start = Instant::now();
        let mut worst_get = Duration::ZERO;
        for i in 0..n {
            let one = Instant::now();
            let _: serde_json::Value =
                table.get(&Key::new("T#1", format!("{i}"))).await.unwrap().unwrap();
            worst_get = worst_get.max(one.elapsed());
        }
        let gets = f64::from(n) / start.elapsed().as_secs_f64();
        let start = Instant::now();
        let mut set = JoinSet::new();
        for task in 0..16 {
            let table = table.clone();
            set.spawn(async move {
                for i in 0..200 {
                    let _: serde_json::Value = table
                        .get(&Key::new("T#1", format!("{}", i + task)))
                        .await
                        .unwrap()
                        .unwrap();
                }
            });
        }
        set.join_all().await;
        let many = 3200.0 / start.elapsed().as_secs_f64();
        println!(
            "{place:?} puts/s {puts:.0} worst {worst:?} gets/s {gets:.0} worst {worst_get:?} 16 tasks gets/s {many:.0}"
        );
    }
}
